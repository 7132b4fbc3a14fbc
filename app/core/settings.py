"""The settings table: one typed place for defaults, limits, groups, effects and texts.

The controls of the window, the options of the command line and the stored settings are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from app.core.errors import SettingError
from app.core.setting import Effect, Setting

_SIZES = {"640x480": "640 × 480", "1280x720": "1280 × 720", "1920x1080": "1920 × 1080"}


def _setting(default: object, **row: Any) -> Any:
    return field(default=default, metadata={"row": Setting(**row)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a person can set. Immutable: `settings.replace(k=2)` returns a checked copy."""

    source: str = _setting(
        "",
        label="Source",
        help="Camera name, file, folder or stream address; empty for the first camera",
        group="source",
        effect="start",
    )
    camera_size: str = _setting(
        "1280x720",
        label="Resolution",
        help="Requested from the camera; the window shows what it delivers",
        group="source",
        effect="source",
        choices=_SIZES,
    )
    camera_fps: int = _setting(
        30,
        label="Frame rate",
        help="Requested from the camera",
        group="source",
        effect="source",
        low=5,
        high=120,
        unit="fps",
    )
    mirror: bool = _setting(
        True,
        label="Mirror",
        help="Show a camera as a mirror does; recordings are not mirrored",
        group="source",
        effect="view",
    )
    mirror_recording: bool = _setting(
        False,
        label="Mirror recordings",
        help="Record and save the mirrored picture too",
        group="source",
        effect="source",
    )

    degrade: bool = _setting(
        False,
        label="Make my camera bad",
        help="Degrade the source: few pixels, blur, noise and blocks",
        group="source",
        effect="picture",
    )
    degrade_strength: int = _setting(
        60, label="How bad", help="How much it is degraded", group="source", effect="picture", low=0, high=100, unit="%"
    )

    k: int = _setting(
        3,
        label="Cycles k",
        help="How often the network is applied, within what it is made for",
        group="restoration",
        effect="picture",
        low=1,
        high=4,
        in_restore=True,
    )
    auto_k: bool = _setting(
        False, label="Auto k", help="Lower k before frames are dropped", group="restoration", effect="pacing"
    )
    strength: int = _setting(
        100,
        label="Strength",
        help="How much of the restored face is blended in",
        group="restoration",
        effect="picture",
        low=0,
        high=100,
        unit="%",
        in_restore=True,
    )
    steady: int = _setting(
        100,
        label="Steady",
        help="Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone",
        group="restoration",
        effect="picture",
        low=0,
        high=100,
        unit="%",
        in_restore=True,
    )
    max_faces: int = _setting(
        0,
        label="Faces",
        help="Restore the largest N faces; 0 restores all",
        group="restoration",
        effect="picture",
        low=0,
        high=40,
        in_restore=True,
        flag="--faces",
    )

    restorer: str = _setting(
        "",
        label="Restorer",
        help="The network that restores faces; empty for the default one",
        group="engine",
        effect="engine",
        in_restore=True,
    )
    compare_with: str = _setting(
        "",
        label="Left half",
        help="Another network in place of the original, in the window only; every frame is then restored twice",
        group="engine",
        effect="engine",
    )
    precision: str = _setting(
        "auto",
        label="Precision",
        help="INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships",
        group="engine",
        effect="engine",
        choices={"auto": "Auto", "int8": "INT8, faster", "fp16": "FP16", "fp32": "FP32, reference"},
        in_restore=True,
    )
    provider: str = _setting(
        "cpu",
        label="Engine",
        help="What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU",
        group="engine",
        effect="engine",
        choices={
            "auto": "Auto",
            "cpu": "CPU",
            "cuda": "NVIDIA CUDA",
            "directml": "DirectML",
            "coreml": "Core ML",
            "openvino": "OpenVINO",
            "qnn": "Qualcomm QNN",
        },
        in_restore=True,
    )
    threads: int = _setting(
        0,
        label="Threads",
        help="Threads of the inference engine; 0 uses every physical core",
        group="engine",
        effect="engine",
        low=0,
        high=64,
        in_restore=True,
    )
    spinning: bool = _setting(
        False,
        label="Spinning",
        help="Let idle engine threads keep their core: a little faster alone, much slower beside other work",
        group="engine",
        effect="engine",
        in_restore=True,
    )
    target_fps: int = _setting(
        25,
        label="Target rate",
        help="The frame rate that auto k holds",
        group="engine",
        effect="pacing",
        low=5,
        high=60,
        unit="fps",
    )
    stop_threshold: float = _setting(
        0.0,
        label="Stop below",
        help="End a face's cycles when mean |G(x) - x| falls under this; 0 never stops early",
        group="engine",
        effect="picture",
        low=0.0,
        high=0.05,
        in_restore=True,
    )
    detect_size: int = _setting(
        320,
        label="Detector size",
        help="Longer side of the picture that the detector receives",
        group="engine",
        effect="picture",
        low=160,
        high=1280,
        unit="px",
        in_restore=True,
    )

    view: str = _setting(
        "split",
        label="View",
        help="What the preview shows",
        group="view",
        effect="view",
        choices={"split": "Split", "side-by-side": "Side by side", "restored": "Restored", "original": "Original"},
    )
    split: float = _setting(
        0.5, label="Split", help="Position of the divider", group="view", effect="view", low=0.0, high=1.0
    )
    show_overlay: bool = _setting(
        False, label="Latency card", help="Show the time of every stage", group="view", effect="view"
    )
    show_faces: bool = _setting(
        True, label="Face marks", help="Show each face's box and the cycles it took", group="view", effect="view"
    )
    show_plot: bool = _setting(
        False, label="Live plot", help="Plot the last minute under the picture", group="view", effect="view"
    )
    theme: str = _setting(
        "system",
        label="Theme",
        help="Light, dark or the system's",
        group="view",
        effect="view",
        choices={"system": "Same as the system", "light": "Light", "dark": "Dark"},
    )

    record_mode: str = _setting(
        "side-by-side",
        label="Recording",
        help="What is recorded",
        group="output",
        effect="output",
        choices={
            "side-by-side": "Side by side",
            "split": "Split as seen",
            "restored": "Restored",
            "two-files": "Two files",
            "three": "True, bad, restored",
        },
    )
    output_scale: str = _setting(
        "1",
        label="Output size",
        help="Of recordings and saved files; larger ones keep small faces finer. "
        "A live recording falls back to a smaller size where this machine is too slow",
        group="output",
        effect="output",
        choices={"1": "As the source", "2": "Twice as large", "4": "Four times"},
    )
    record_sound: bool = _setting(
        True,
        label="Sound",
        help="Record the video's own sound, or the microphone beside a camera",
        group="output",
        effect="output",
    )
    microphone: str = _setting(
        "",
        label="Microphone",
        help="Microphone by name; empty for the system's default",
        group="output",
        effect="output",
    )
    play_sound: bool = _setting(
        True, label="Play sound", help="Play the sound of a video", group="output", effect="output"
    )
    output_view: str = _setting(
        "restored",
        label="Others see",
        help="What the virtual camera and the stream show",
        group="output",
        effect="output",
        choices={"restored": "Restored", "split": "Split as seen", "side-by-side": "Side by side"},
    )
    output_captions: bool = _setting(
        True,
        label="Captions",
        help="Write Original and Restored, and a thin line between them, into every output that shows both",
        group="output",
        effect="output",
    )
    virtual_camera_size: str = _setting(
        "1280x720",
        label="Virtual camera",
        help="Size of its picture; another shape gets bars",
        group="output",
        effect="output",
        choices=_SIZES,
    )
    virtual_camera_fps: int = _setting(
        30,
        label="Its rate",
        help="Pictures per second of the virtual camera",
        group="output",
        effect="output",
        low=5,
        high=60,
        unit="fps",
    )
    stream_address: str = _setting(
        "127.0.0.1:8090",
        label="Stream",
        help="HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone",
        group="output",
        effect="output",
    )
    stream_viewers: int = _setting(
        4,
        label="Viewers",
        help="How many may watch the stream at once",
        group="output",
        effect="output",
        low=1,
        high=32,
    )
    output_folder: str = _setting(
        "",
        label="Folder",
        help="Where recordings and snapshots go; empty for the system's videos folder",
        group="output",
        effect="output",
    )

    def __post_init__(self) -> None:
        for name, row in TABLE.items():
            object.__setattr__(self, name, row.check(getattr(self, name)))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with `changes`; raises SettingError for an unknown name or a value out of range."""
        unknown = set(changes) - set(TABLE)
        if unknown:
            raise SettingError(f"There is no setting called {', '.join(sorted(unknown))}.")
        return replace(self, **changes)

    def affecting(self, *effects: Effect) -> dict[str, object]:
        """Return the settings with one of these effects: what to compare to see whether something must be redone."""
        return {name: getattr(self, name) for name, row in TABLE.items() if row.effect in effects}

    @classmethod
    def load(cls, stored: Mapping[str, object]) -> tuple[Self, list[str]]:
        """Read stored values, text or not; bad and unknown ones are left out and named in the second result."""
        good: dict[str, Any] = {}
        problems: list[str] = []
        for name, value in stored.items():
            try:
                good[name] = specification(name).coerce(value)
            except SettingError as error:
                problems.append(str(error))
        return cls(**good), problems


TABLE: Mapping[str, Setting] = {
    each.name: each.metadata["row"].named(each.name, each.default) for each in fields(Settings)
}
"""Every setting by its name, in the order of the table."""


def specification(name: str) -> Setting:
    """Return the row of a setting. Raises SettingError when there is none."""
    if name not in TABLE:
        raise SettingError(f"There is no setting called {name}.")
    return TABLE[name]
