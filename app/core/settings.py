"""The settings table: one typed place for defaults, limits and words.

The window's controls, the command line and the stored settings are all made from it, so a setting is added here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Self

from app.core.errors import SettingError

PRESETS: dict[str, int] = {"fast": 1, "faithful": 2, "perceptual": 3}
"""k in words (arXiv 2606.06850): lowest latency, best PSNR, best LPIPS."""


def _setting(
    default: object,
    label: str,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
) -> Any:
    metadata = {"label": label, "help": help, "low": low, "high": high, "choices": choices, "unit": unit}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a person can set. Immutable: `settings.replace(k=2)` gives a checked copy."""

    source: str = _setting("", "Source", "Camera name, file, folder or stream address; empty for the first camera")
    camera_size: str = _setting(
        "1280x720",
        "Resolution",
        "Asked of the camera; what it really gives is shown",
        choices=("640x480", "1280x720", "1920x1080"),
    )
    camera_fps: int = _setting(30, "Frame rate", "Asked of the camera", low=5, high=120, unit="fps")
    mirror: bool = _setting(True, "Mirror", "Show a camera as a mirror does")

    restorer: str = _setting("cfrnet-rt", "Restorer", "The network that restores faces")
    precision: str = _setting("int8", "Precision", "INT8 is faster, FP32 the reference", choices=("int8", "fp32"))
    k: int = _setting(
        3, "Cycles k", "Times that the network is applied: 1 fastest, 2 faithful, 3 perceptual", low=1, high=4
    )
    auto_k: bool = _setting(False, "Auto k", "Lower k before frames are dropped")
    target_fps: int = _setting(25, "Target rate", "What auto k holds", low=5, high=60, unit="fps")
    stop_threshold: float = _setting(
        0.0,
        "Stop below",
        "A face's cycles end when mean |G(x) - x| falls under this; 0 never stops early",
        low=0.0,
        high=0.05,
    )
    threads: int = _setting(0, "Threads", "Of the inference engine; 0 uses every physical core", low=0, high=64)
    spinning: bool = _setting(
        False, "Spinning", "Idle engine threads keep their core: a little faster alone, much slower beside other work"
    )
    provider: str = _setting(
        "cpu",
        "Engine",
        "What runs the network; what is not there is replaced by the CPU, and the window says so",
        choices=("cpu", "cuda", "directml", "coreml", "openvino"),
    )

    strength: int = _setting(100, "Strength", "How much of the restored face is pasted back", low=0, high=100, unit="%")
    steady: int = _setting(
        100,
        "Steady",
        "Averages what holds still in a moving picture, so that it does not flicker; 0 restores every frame by itself",
        low=0,
        high=100,
        unit="%",
    )
    max_faces: int = _setting(0, "Faces", "Restore the largest N faces; 0 restores all", low=0, high=40)
    detect_size: int = _setting(
        320, "Detector size", "Longer side that the detector sees", low=160, high=1280, unit="px"
    )

    view: str = _setting(
        "split", "View", "What the preview shows", choices=("split", "side-by-side", "restored", "original")
    )
    split: float = _setting(0.5, "Split", "Place of the divider", low=0.0, high=1.0)
    show_overlay: bool = _setting(True, "Latency overlay", "Show where the milliseconds go")
    show_faces: bool = _setting(True, "Face marks", "Show each face's box and the cycles it took")
    show_plot: bool = _setting(False, "Live plot", "Plot the last minute under the picture")
    theme: str = _setting("system", "Theme", "Light, dark or as the system has it", choices=("system", "light", "dark"))

    record_mode: str = _setting(
        "side-by-side", "Film", "What is recorded", choices=("side-by-side", "split", "restored", "two-files")
    )
    record_sound: bool = _setting(True, "Sound", "Record the video's own sound, or the microphone beside a camera")
    microphone: str = _setting("", "Microphone", "Microphone by name; empty for the system's choice")
    play_sound: bool = _setting(True, "Play sound", "Play the sound of a video")
    output_view: str = _setting(
        "restored",
        "Others see",
        "What the virtual camera and the stream show",
        choices=("restored", "split", "side-by-side"),
    )
    output_captions: bool = _setting(
        False, "Captions", "Write Original and Restored into the split and side by side views of every output"
    )
    virtual_camera_size: str = _setting(
        "1280x720",
        "Virtual camera",
        "Size of its picture; another shape gets bars",
        choices=("640x480", "1280x720", "1920x1080"),
    )
    virtual_camera_fps: int = _setting(30, "Its rate", "Pictures per second of the virtual camera", low=5, high=60)
    stream_address: str = _setting(
        "127.0.0.1:8090", "Stream", "HOST:PORT of the stream; 127.0.0.1 is seen by this machine alone"
    )
    stream_viewers: int = _setting(4, "Viewers", "How many may watch the stream at once", low=1, high=32)
    output_folder: str = _setting("", "Folder", "Where films and snapshots go; empty for the system's videos folder")

    def __post_init__(self) -> None:
        for spec in fields(self):
            _check(spec, getattr(self, spec.name))

    def replace(self, **changes: Any) -> Self:
        """A copy with `changes`; raises SettingError for an unknown name or a value out of range."""
        unknown = set(changes) - {spec.name for spec in fields(self)}
        if unknown:
            raise SettingError(f"There is no setting called {', '.join(sorted(unknown))}.")
        return replace(self, **changes)

    @classmethod
    def load(cls, stored: Mapping[str, object]) -> tuple[Self, list[str]]:
        """From stored values, text or not; bad and unknown ones are left out and named in the second result."""
        good: dict[str, Any] = {}
        problems: list[str] = []
        specs = {spec.name: spec for spec in fields(cls)}
        for name, value in stored.items():
            if name not in specs:
                problems.append(f"There is no setting called {name}.")
                continue
            try:
                good[name] = _coerce(specs[name], value)
                _check(specs[name], good[name])
            except SettingError as error:
                good.pop(name, None)
                problems.append(str(error))
        return cls(**good), problems


def specification(name: str) -> Mapping[str, Any]:
    """label, help, low, high, choices, unit of a setting, and its default and type."""
    for spec in fields(Settings):
        if spec.name == name:
            return {**spec.metadata, "default": spec.default, "type": type(spec.default)}
    raise SettingError(f"There is no setting called {name}.")


def _coerce(spec: Field[Any], value: object) -> object:
    wanted = type(spec.default)
    if isinstance(value, wanted) and not (wanted is not bool and isinstance(value, bool)):
        return value
    if wanted is bool and str(value).lower() in ("true", "false", "1", "0"):
        return str(value).lower() in ("true", "1")
    try:
        if wanted is float or wanted is int:
            return wanted(str(value))
    except ValueError:
        pass
    raise SettingError(f"{spec.name} cannot be {value!r}; it needs {_describe(spec)}.")


def _check(spec: Field[Any], value: object) -> None:
    wanted = type(spec.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    low, high, choices = (spec.metadata[key] for key in ("low", "high", "choices"))
    right_type = type(value) is wanted
    in_range = right_type and (low is None or low <= value) and (high is None or value <= high)
    if not in_range or (choices and value not in choices):
        raise SettingError(f"{spec.name} cannot be {value!r}; it needs {_describe(spec)}.")


def _describe(spec: Field[Any]) -> str:
    if spec.metadata["choices"]:
        return "one of " + ", ".join(spec.metadata["choices"])
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[type(spec.default)]
    if spec.metadata["low"] is None:
        return kind
    return f"{kind} from {spec.metadata['low']:g} to {spec.metadata['high']:g}"
