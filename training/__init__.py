"""CFRNet as a method: degradation, fixed-point training (CCFP), evaluation, quantization (arXiv 2606.06850)."""

import app  # noqa: F401  (keeps ONNX Runtime from reporting to its maker)
