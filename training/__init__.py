"""CFRNet as a method: degradation, fixed-point training (CCFP), evaluation, quantization (arXiv 2606.06850)."""
