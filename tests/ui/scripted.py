"""A session that shows what it is told to: frozen values in place of cameras, networks and threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from app.core.settings import Settings
from app.core.types import Face, Frame, Image, Restored, RestoredFace, Timings
from app.outputs.base import OutputState
from app.pipeline.capture.status import SourceStatus
from app.pipeline.measuring.latency import HistoryPoint, LiveStatistics
from app.pipeline.measuring.offer import Offer
from app.pipeline.measuring.stages import StageStatistics
from app.restorers.base import EngineInfo
from app.restorers.families import family
from app.restorers.store import ShippedRestorer
from app.sources.base import SourceInfo
from app.sources.camera import CAMERA as CAMERA_KIND

CAMERA = SourceInfo(name="Integrated Camera", kind=CAMERA_KIND, width=1280, height=720, fps=30.0)
RESTORERS = (
    ShippedRestorer(name="cfrnet-rt", family=family("cfrnet"), k_range=(1, 4), precisions=("int8", "fp32")),
    ShippedRestorer(name="hifacegan-lite", family=family("hifacegan"), k_range=(1, 4), precisions=("fp16",)),
    ShippedRestorer(name="pfsrnet", family=family("pfsrnet"), k_range=(1, 1), precisions=("int8",)),
)
ENGINE = EngineInfo(
    provider_asked="CPUExecutionProvider",
    provider_got="CPUExecutionProvider",
    precision="int8",
    threads=2,
    restorer="cfrnet-rt",
)


def restored_frame(before: Image, after: Image, *, index: int = 0, boxes: Sequence[Sequence[float]] = ()) -> Restored:
    """A frame that was captured just now and is finished, with a face in every box (x1, y1, x2, y2)."""
    faces = tuple(
        RestoredFace(
            face=Face(
                track_id=place,
                box=np.array(box, np.float32),
                landmarks=np.zeros((5, 2), np.float32),
                score=0.9,
            ),
            cycles=3,
            steps=(0.03, 0.01, 0.004),
        )
        for place, box in enumerate(boxes)
    )
    return Restored(
        frame=Frame(image=before, index=index, t_capture=time.perf_counter(), t_media=index / 30, place_s=index / 30),
        image=after,
        k=3,
        faces=faces,
        timings=Timings(detect_ms=2.0, cycles_ms=(9.0, 9.0, 9.0)),
    )


def statistics(*, cycles: int = 3, cycle_ms: float = 9.4, auto_reason: str = "") -> LiveStatistics:
    """Statistics of a frame with `cycles` cycles, against a budget of 40 ms."""
    values = [("capture", 1.2), ("detect", 3.1), ("align", 0.4)]
    values += [(f"cycle {place + 1}", cycle_ms) for place in range(cycles)]
    values += [("paste", 1.7), ("paint", 2.3)]
    history = tuple(
        HistoryPoint(
            t=float(second),
            age_ms=46 + 5 * np.sin(second / 4),
            process_ms=36 + 3 * np.cos(second / 3),
            fps_out=24.8 + np.sin(second / 5),
            k=cycles,
        )
        for second in range(59, -1, -1)
    )
    return LiveStatistics(
        stages=tuple(StageStatistics(name=name, p50_ms=value, p95_ms=value * 1.2) for name, value in values),
        age_p50_ms=47.2,
        age_p95_ms=58.9,
        fps_in=30.0,
        fps_out=24.9,
        dropped=12,
        k=cycles,
        auto_reason=auto_reason,
        budget_ms=40.0,
        cycle_ms=cycle_ms,
        history=history,
    )


class ScriptedSession:
    """Has the live session's methods and remembers what was asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.settings: Settings | None = None
        self.next_frame: Restored | None = None
        self.numbers = statistics()
        self.recording_state: Any = None
        self.open_error: Exception | None = None
        self.outputs: dict[str, OutputState] = {}
        self.output_error: Exception | None = None
        self.recorded = Path("film.mp4")
        self.offer: Offer | None = None

    def open(self, spec: Any, **_: Any) -> None:
        self.calls.append(("open", spec))
        if self.open_error is not None:
            raise self.open_error

    def update(self, settings: Settings) -> None:
        self.settings = settings

    def take(self) -> Restored | None:
        frame, self.next_frame = self.next_frame, None
        return frame

    def painted(self, restored: Restored, paint_ms: float) -> None:
        self.calls.append(("painted", paint_ms))

    def statistics(self) -> LiveStatistics:
        return self.numbers

    def engine_info(self) -> EngineInfo:
        return ENGINE

    def better_network(self, numbers: LiveStatistics) -> Offer | None:
        self.calls.append(("better_network", numbers.cycle_ms))
        return self.offer

    def start_recording(self, folder: Path) -> Path:
        self.calls.append(("start_recording", folder))
        self.recording_state = SimpleNamespace(paths=(self.recorded,), seconds=5.2, bytes=1_234_567, dropped=0)
        return self.recorded

    def stop_recording(self) -> tuple[Path, ...]:
        self.calls.append(("stop_recording", None))
        self.recording_state = None
        return (self.recorded,)

    def recording(self) -> Any:
        return self.recording_state

    def snapshot(self, folder: Path) -> tuple[Path, Path]:
        self.calls.append(("snapshot", folder))
        return folder / "before.png", folder / "after.png"

    def start_output(self, name: str) -> None:
        self.calls.append(("start_output", name))
        if self.output_error is not None:
            raise self.output_error
        self.outputs[name] = OutputState(status="starting")

    def stop_output(self, name: str) -> None:
        self.calls.append(("stop_output", name))
        self.outputs.pop(name, None)

    def output_states(self) -> dict[str, OutputState]:
        return dict(self.outputs)

    def save_before_after(self, folder: Path) -> tuple[Path, Path]:
        self.calls.append(("save_before_after", folder))
        return folder / "one-before-after.png", folder / "one-before-after.jpg"

    def share_clip(self, path: Path, *, shape: str, cancelled: Any) -> Path:
        self.calls.append(("share_clip", (path, shape)))
        return path

    def choose_face(self, face: Face | None) -> None:
        self.calls.append(("choose_face", face))

    def show_at(self, size: tuple[int, int] | None) -> None:
        self.calls.append(("show_at", size))

    def set_paused(self, paused: bool) -> None:
        self.calls.append(("set_paused", paused))

    def seek(self, seconds: float) -> None:
        self.calls.append(("seek", seconds))

    def close(self) -> None:
        self.calls.append(("close", None))


ONLINE = SourceStatus(state="online", info=CAMERA)
