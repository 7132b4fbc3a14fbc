"""CFRNet Live: faces restored live by a small network applied k times."""

import os

__version__ = "1.0.0"

# ONNX Runtime's wheels report to their maker unless this is set before they are loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# OpenCV reads this when it is loaded: a small file must not ask for all the memory.
_megapixels = os.environ.get("CFRNET_LIVE_MAX_MEGAPIXELS", "")
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = f"{int(_megapixels) if _megapixels.isdecimal() else 100}000000"
