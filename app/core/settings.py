"""The settings table: one typed place for defaults, limits, groups, effects and texts.

The controls of the window, the options of the command line and the stored settings are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from app.core.errors import SettingError
from app.core.languages import LANGUAGES
from app.core.setting import Effect, Setting
from app.core.words import phrase

SYSTEM = "system"
"""As a language: the one of the operating system."""

_SIZES = {"640x480": "640 × 480", "1280x720": "1280 × 720", "1920x1080": "1920 × 1080"}


def _setting(default: object, **row: Any) -> Any:
    return field(default=default, metadata={"row": Setting(**row)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a person can set. Immutable: `settings.replace(k=2)` returns a checked copy."""

    source: str = _setting(
        "",
        label=phrase("Source"),
        help=phrase("Camera name, file, folder or stream address; empty for the first camera"),
        group="source",
        effect="start",
    )
    camera_size: str = _setting(
        "1280x720",
        label=phrase("Resolution"),
        help=phrase("Requested from the camera; the window shows what it delivers"),
        group="source",
        effect="source",
        choices=_SIZES,
    )
    camera_fps: int = _setting(
        30,
        label=phrase("Frame rate"),
        help=phrase("Requested from the camera"),
        group="source",
        effect="source",
        low=5,
        high=120,
        unit=phrase("fps"),
    )
    mirror: bool = _setting(
        True,
        label=phrase("Mirror"),
        help=phrase("Show a camera as a mirror does; recordings are not mirrored"),
        group="source",
        effect="view",
    )
    mirror_recording: bool = _setting(
        False,
        label=phrase("Mirror recordings"),
        help=phrase("Record and save the mirrored picture too"),
        group="source",
        effect="source",
    )

    degrade: bool = _setting(
        False,
        label=phrase("Make my camera bad"),
        help=phrase("Degrade the source: few pixels, blur, noise and blocks"),
        group="source",
        effect="picture",
    )
    degrade_strength: int = _setting(
        60,
        label=phrase("How bad"),
        help=phrase("How much it is degraded"),
        group="source",
        effect="picture",
        low=0,
        high=100,
        unit="%",
    )

    k: int = _setting(
        3,
        label=phrase("Cycles k"),
        help=phrase("How often the network is applied, within what it is made for"),
        group="restoration",
        effect="picture",
        low=1,
        high=4,
        in_restore=True,
    )
    auto_k: bool = _setting(
        False,
        label=phrase("Auto k"),
        help=phrase("Lower k before frames are dropped"),
        group="restoration",
        effect="pacing",
    )
    strength: int = _setting(
        100,
        label=phrase("Strength"),
        help=phrase("How much of the restored face is blended in"),
        group="restoration",
        effect="picture",
        low=0,
        high=100,
        unit="%",
        in_restore=True,
    )
    steady: int = _setting(
        100,
        label=phrase("Steady"),
        help=phrase(
            "Average what holds still in a moving picture, so that it does not flicker; 0 restores every frame alone"
        ),
        group="restoration",
        effect="picture",
        low=0,
        high=100,
        unit="%",
        in_restore=True,
    )
    max_faces: int = _setting(
        0,
        label=phrase("Faces"),
        help=phrase("Restore the largest N faces; 0 restores all"),
        group="restoration",
        effect="picture",
        low=0,
        high=40,
        in_restore=True,
        flag="--faces",
    )

    restorer: str = _setting(
        "",
        label=phrase("Restorer"),
        help=phrase("The network that restores faces; empty for the default one"),
        group="engine",
        effect="engine",
        in_restore=True,
    )
    compare_with: str = _setting(
        "",
        label=phrase("Left half"),
        help=phrase("Another network in place of the original, in the window only; every frame is then restored twice"),
        group="engine",
        effect="engine",
    )
    precision: str = _setting(
        "auto",
        label=phrase("Precision"),
        help=phrase("INT8 is the fastest on a processor, FP32 the reference; auto takes the fastest that ships"),
        group="engine",
        effect="engine",
        choices={
            "auto": phrase("Auto"),
            "int8": phrase("INT8, faster"),
            "fp16": "FP16",
            "fp32": phrase("FP32, reference"),
        },
        in_restore=True,
    )
    provider: str = _setting(
        "cpu",
        label=phrase("Engine"),
        help=phrase(
            "What runs the network; auto takes the fastest here, one that is not available is replaced by the CPU"
        ),
        group="engine",
        effect="engine",
        choices={
            "auto": phrase("Auto"),
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
        label=phrase("Threads"),
        help=phrase("Threads of the inference engine; 0 uses every physical core"),
        group="engine",
        effect="engine",
        low=0,
        high=64,
        in_restore=True,
    )
    spinning: bool = _setting(
        False,
        label=phrase("Spinning"),
        help=phrase("Let idle engine threads keep their core: a little faster alone, much slower beside other work"),
        group="engine",
        effect="engine",
        in_restore=True,
    )
    target_fps: int = _setting(
        25,
        label=phrase("Target rate"),
        help=phrase("The frame rate that auto k holds"),
        group="engine",
        effect="pacing",
        low=5,
        high=60,
        unit=phrase("fps"),
    )
    stop_threshold: float = _setting(
        0.0,
        label=phrase("Stop below"),
        help=phrase("End a face's cycles when mean |G(x) - x| falls under this; 0 never stops early"),
        group="engine",
        effect="picture",
        low=0.0,
        high=0.05,
        in_restore=True,
    )
    detect_size: int = _setting(
        320,
        label=phrase("Detector size"),
        help=phrase("Longer side of the picture that the detector receives"),
        group="engine",
        effect="picture",
        low=160,
        high=1280,
        unit="px",
        in_restore=True,
    )

    view: str = _setting(
        "split",
        label=phrase("View"),
        help=phrase("What the preview shows"),
        group="view",
        effect="view",
        choices={
            "split": phrase("Split"),
            "side-by-side": phrase("Side by side"),
            "restored": phrase("Restored"),
            "original": phrase("Original"),
        },
    )
    split: float = _setting(
        0.5,
        label=phrase("Split"),
        help=phrase("Position of the divider"),
        group="view",
        effect="view",
        low=0.0,
        high=1.0,
    )
    show_overlay: bool = _setting(
        False, label=phrase("Latency card"), help=phrase("Show the time of every stage"), group="view", effect="view"
    )
    show_faces: bool = _setting(
        True,
        label=phrase("Face marks"),
        help=phrase("Show each face's box and the cycles it took"),
        group="view",
        effect="view",
    )
    show_plot: bool = _setting(
        False,
        label=phrase("Live plot"),
        help=phrase("Plot the last minute under the picture"),
        group="view",
        effect="view",
    )
    theme: str = _setting(
        "system",
        label=phrase("Theme"),
        help=phrase("Light, dark or the system's"),
        group="view",
        effect="view",
        choices={"system": phrase("Same as the system"), "light": phrase("Light"), "dark": phrase("Dark")},
    )

    language: str = _setting(
        SYSTEM,
        label=phrase("Language"),
        help=phrase("Language of the window and of messages; system follows the operating system"),
        group="view",
        effect="view",
        choices={SYSTEM: phrase("Same as the system"), **{each.code: each.name for each in LANGUAGES}},
    )

    record_mode: str = _setting(
        "side-by-side",
        label=phrase("Recording"),
        help=phrase("What is recorded"),
        group="output",
        effect="output",
        choices={
            "side-by-side": phrase("Side by side"),
            "split": phrase("Split as seen"),
            "restored": phrase("Restored"),
            "two-files": phrase("Two files"),
            "three": phrase("True, bad, restored"),
        },
    )
    output_scale: str = _setting(
        "1",
        label=phrase("Output size"),
        help=phrase(
            "Of recordings and saved files; larger ones keep small faces finer. "
            "A live recording falls back to a smaller size where this machine is too slow"
        ),
        group="output",
        effect="output",
        choices={"1": phrase("As the source"), "2": phrase("Twice as large"), "4": phrase("Four times")},
    )
    record_sound: bool = _setting(
        True,
        label=phrase("Sound"),
        help=phrase("Record the video's own sound, or the microphone beside a camera"),
        group="output",
        effect="output",
    )
    microphone: str = _setting(
        "",
        label=phrase("Microphone"),
        help=phrase("Microphone by name; empty for the system's default"),
        group="output",
        effect="output",
    )
    play_sound: bool = _setting(
        True, label=phrase("Play sound"), help=phrase("Play the sound of a video"), group="output", effect="output"
    )
    output_view: str = _setting(
        "restored",
        label=phrase("Others see"),
        help=phrase("What the virtual camera and the stream show"),
        group="output",
        effect="output",
        choices={
            "restored": phrase("Restored"),
            "split": phrase("Split as seen"),
            "side-by-side": phrase("Side by side"),
        },
    )
    output_captions: bool = _setting(
        True,
        label=phrase("Captions"),
        help=phrase("Write Original and Restored, and a thin line between them, into every output that shows both"),
        group="output",
        effect="output",
    )
    virtual_camera_size: str = _setting(
        "1280x720",
        label=phrase("Its size"),
        help=phrase("Size of its picture; another shape gets bars"),
        group="output",
        effect="output",
        choices=_SIZES,
    )
    virtual_camera_fps: int = _setting(
        30,
        label=phrase("Its rate"),
        help=phrase("Pictures per second of the virtual camera"),
        group="output",
        effect="output",
        low=5,
        high=60,
        unit=phrase("fps"),
    )
    stream_address: str = _setting(
        "127.0.0.1:8090",
        label=phrase("Its address"),
        help=phrase("HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone"),
        group="output",
        effect="output",
    )
    stream_viewers: int = _setting(
        4,
        label=phrase("Viewers"),
        help=phrase("How many may watch the stream at once"),
        group="output",
        effect="output",
        low=1,
        high=32,
    )
    output_folder: str = _setting(
        "",
        label=phrase("Folder"),
        help=phrase("Where recordings and snapshots go; empty for the system's videos folder"),
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
            raise SettingError("There is no setting called {names}.", names=", ".join(sorted(unknown)))
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
        raise SettingError("There is no setting called {name}.", name=name)
    return TABLE[name]
