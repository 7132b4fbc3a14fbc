"""The moving picture of the README: the demo clip before and after, with the divider sweeping once.

python tools/readme_clip.py        writes docs/images/sweep.webp, under 3 MB
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from app.core.settings import Settings  # noqa: E402  (the line above makes our own modules importable)
from app.faces.detector import FaceDetector  # noqa: E402
from app.faces.tracker import FaceTracker  # noqa: E402
from app.outputs.sharing.clip import Moment, kept, make_clip  # noqa: E402
from app.pipeline.process import FramePipeline  # noqa: E402
from app.restorers.store import ModelStore  # noqa: E402
from app.sources.video import VideoSource  # noqa: E402

TARGET = ROOT / "docs" / "images" / "sweep.webp"
SECONDS = 6.0
LARGEST_BYTES = 3_000_000


def moments(clip: Path, seconds: float) -> list[Moment]:
    """The first `seconds` of `clip` restored with k = 3, each frame at its place in the file."""
    store, settings = ModelStore(), Settings(k=3)
    restorer = store.create_restorer("cfrnet-rt", "int8")
    pipeline = FramePipeline(FaceTracker(FaceDetector(*store.detector_paths())), restorer)
    source = VideoSource(clip)
    source.open()
    found = []
    while (frame := source.read()) is not None and frame.t_media <= seconds:
        found.append(kept(pipeline.process(replace(frame, t_capture=frame.t_media), settings)))
    source.close()
    return found


def main() -> int:
    TARGET.unlink(missing_ok=True)
    make_clip(moments(ROOT / "assets" / "demo.mp4", SECONDS), TARGET, shape="wide", seconds=SECONDS)
    TARGET.chmod(0o644)
    size = TARGET.stat().st_size
    print(f"{TARGET.relative_to(ROOT)}: {size / 1e6:.2f} MB")
    return 0 if size < LARGEST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
