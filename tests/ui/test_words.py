"""What the window says: numbers, sources, the engine, the overlay, the shortcuts."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import CameraOpenError
from app.pipeline.live.events import CyclesChanged, MicrophoneMissing, RecordingSaved
from app.restorers.base import EngineInfo
from app.sources.base import SourceInfo
from app.sources.camera import find_camera
from app.sources.video import VIDEO
from app.ui.actions import ACTIONS, keys_of, sheet_groups
from app.ui.preview.overlay_model import Usage, overlay_model, reading_of
from app.ui.preview.scene import face_words
from app.ui.style.formatting import duration, file_size, milliseconds
from app.ui.texts.engine import engine_line, engine_sentence
from app.ui.texts.notices import is_lasting, notice_text
from app.ui.texts.source import (
    DEMO_CLIP,
    falls_back_to_demo,
    no_camera_words,
    offline_text,
    source_facts,
    source_name,
)
from tests.ui.scripted import restored_frame, statistics

USAGE = Usage(cpu_percent=131.4, memory_bytes=412_345_678)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1_234_567, "1.2 MB"), (999_999, "1.0 MB"), (734_000_000, "734 MB")]
)
def test_file_sizes(size: int, words: str) -> None:
    assert str(file_size(size)) == words


@pytest.mark.parametrize(("seconds", "words"), [(5.9, "00:05"), (61, "01:01"), (3723, "1:02:03"), (-1, "00:00")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_small_words() -> None:
    assert str(milliseconds(3.14)) == "3.1 ms"
    assert str(milliseconds(104.4)) == "104 ms"


def test_the_overlay_shows_each_cycle_and_leaves_the_wait_for_the_source_out() -> None:
    model = overlay_model(reading_of(statistics(cycles=3, cycle_ms=9.0)), USAGE, cores=2)
    assert [segment.name for segment in model.segments] == [
        "detect", "align", "cycle 1", "cycle 2", "cycle 3", "paste", "paint",
    ]  # fmt: skip
    assert model.total == milliseconds(3.1 + 0.4 + 27.0 + 1.7 + 2.3)
    assert not model.over_budget
    last = model.segments[-1]
    assert 0.7 < last.start + last.length < model.budget_at < 1.0


def test_the_overlay_says_that_auto_k_lowered_k() -> None:
    lowered = overlay_model(reading_of(statistics(cycles=1, auto_reason="too slow")), USAGE, cores=2)
    assert f"{lowered.lines[0].label} {lowered.lines[0].value}" == "Auto k lowered to 1"
    assert all(str(line.label) != "Auto k" for line in overlay_model(reading_of(statistics()), USAGE, cores=2).lines)


def test_the_overlay_is_red_over_the_budget_and_the_bar_still_fits() -> None:
    model = overlay_model(reading_of(statistics(cycles=4, cycle_ms=20.0)), USAGE, cores=2)
    assert model.over_budget
    assert model.budget_at < 1.0
    last = model.segments[-1]
    assert last.start + last.length == pytest.approx(1.0)


def test_the_overlay_drops_cycles_that_are_no_longer_run() -> None:
    now = dataclasses.replace(statistics(cycles=3), k=1)
    names = [segment.name for segment in overlay_model(reading_of(now), USAGE, cores=2).segments]
    assert "cycle 1" in names
    assert "cycle 2" not in names


def test_the_overlay_tells_age_rates_drops_and_the_machine() -> None:
    model = overlay_model(reading_of(statistics()), USAGE, cores=2)
    lines = {str(line.label): str(line.value) for line in model.lines}
    assert lines == {
        "Frame age": "47.2 ms · p95 58.9 ms",
        "In / out": "30.0 / 24.9 fps",
        "Dropped": "12",
        "CPU": "131 of 200 %",
        "Memory": "412 MB",
    }


def test_the_engine_is_named_as_it_is() -> None:
    got = EngineInfo(
        provider_asked="CUDAExecutionProvider",
        provider_got="CPUExecutionProvider",
        precision="int8",
        threads=1,
        restorer="cfrnet-rt",
    )
    assert str(engine_line(got)) == "cfrnet-rt · INT8 · CPU, CUDA not available · 1 thread"
    assert str(engine_sentence(got)).startswith("CUDA is not available; using CPU.")
    asked = dataclasses.replace(got, provider_asked="CPUExecutionProvider", threads=2)
    assert str(engine_line(asked)) == "cfrnet-rt · INT8 · CPU · 2 threads"


def test_notices_of_a_session_are_one_sentence() -> None:
    lowered = CyclesChanged(k=1, wanted=3, reason="2 faces x 3 cycles need 90 ms")
    assert str(notice_text(lowered)) == "Auto k: 1 of 3: 2 faces x 3 cycles need 90 ms."
    assert str(notice_text(CyclesChanged(k=3, wanted=3))) == "Auto k: 3 of 3, there is room again."
    assert str(notice_text(RecordingSaved(paths=(Path("a/b.mp4"),)))) == "Saved b.mp4."
    for replaced, instead in ((True, "the system's microphone is recorded"), (False, "the recording has no sound")):
        missing = MicrophoneMissing(wanted="Headset", replaced=replaced)
        assert str(notice_text(missing)) == f"Headset does not open: {instead}."
    missing = MicrophoneMissing(wanted="", replaced=False)
    assert str(notice_text(missing)) == "The system's microphone does not open: the recording has no sound."
    assert is_lasting(missing)
    assert not is_lasting(lowered)


def test_sources_are_described_by_what_they_give() -> None:
    info = SourceInfo(name="demo.mp4", kind=VIDEO, width=640, height=480, fps=25.0)
    assert str(source_facts(info)) == "640 × 480 · 25.0 fps"
    assert str(source_facts(dataclasses.replace(info, fps=0.0))) == "640 × 480"
    assert source_name(info, "/home/me/demo.mp4") == "demo.mp4", "any other file of that name keeps it"
    assert str(source_name(info, str(DEMO_CLIP))) == "Demo clip"
    assert str(offline_text("USB Video", 3.2)) == "USB Video is offline. Trying again in 3 s"
    assert str(offline_text("USB Video", 0.0)) == "USB Video is offline. Trying to reconnect…"


@pytest.mark.parametrize(
    ("wanted", "exists", "played", "expected"),
    [
        ("", True, False, True),
        ("camera:USB Video", True, False, True),
        ("film.mp4", True, False, False),
        ("", False, False, False),
        ("", True, True, False),
    ],
)
def test_the_demo_clip_takes_the_place_of_an_absent_camera_alone(
    wanted: str, exists: bool, played: bool, expected: bool
) -> None:
    assert falls_back_to_demo(wanted=wanted, demo_exists=exists, has_played=played) is expected


def test_the_demo_clip_comes_with_the_reason() -> None:
    title, detail = map(str, no_camera_words(CameraOpenError("No camera was found.")))
    assert "demo clip" in title
    assert detail.startswith("No camera was found. Plug one in and press F5")
    with pytest.raises(CameraOpenError) as absent:
        find_camera("", [])
    assert no_camera_words(absent.value) == no_camera_words(CameraOpenError("No camera was found."))


def test_a_camera_that_is_busy_is_not_called_absent() -> None:
    busy = CameraOpenError("The camera {name} cannot be opened.", "Close other programs.", name="Webcam")
    title, detail = map(str, no_camera_words(busy))
    assert title == "The camera does not open, so the demo clip is playing"
    assert detail == "The camera Webcam cannot be opened. Close other programs."


def test_no_key_has_two_meanings() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))
    assert keys_of("record") == ("R",)
    assert sum(len(actions) for _, actions in sheet_groups()) == sum(bool(action.keys) for action in ACTIONS)


def test_a_face_mark_says_that_a_face_is_sharp_already() -> None:
    picture = np.zeros((90, 120, 3), np.uint8)
    (entry,) = restored_frame(picture, picture, boxes=[(10, 10, 60, 70)]).faces
    assert face_words(dataclasses.replace(entry, cycles=1)) == "1 cycle"
    assert face_words(dataclasses.replace(entry, cycles=3, already_sharp=True)) == "3 cycles · already sharp"


README_KEYS = {
    "k": ("k1", "k2", "k3", "k4"),
    "auto k": ("auto_k",),
    "strength": ("strength_down", "strength_up"),
    "next view": ("next_view",),
    "the original": ("hold_original",),
    "move the divider": ("move_divider",),
    "open a file": ("open_file",),
    "record, stop": ("record",),
    "snapshot, before and after": ("snapshot",),
    "pause": ("pause",),
    "latency overlay, live plot": ("show_overlay", "show_plot"),
    "marks on the faces": ("show_faces",),
    "full screen, hide the panel": ("full_screen", "toggle_panel"),
    "all shortcuts": ("shortcuts",),
}
"""What a row of the table of keys in the README says -> the names of its actions."""


def test_the_keys_of_the_readme_are_those_of_the_window() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = text.partition("| keys | do |")[2].partition("\n\n")[0].splitlines()[2:]
    rows: dict[str, list[str]] = {}
    for line in table:
        keys, words, more_keys, more_words = (cell.strip() for cell in line.strip("|").split(" | "))
        rows |= {words: re.findall("`(.+?)`", keys), more_words: re.findall("`(.+?)`", more_keys)}
    assert rows.keys() == README_KEYS.keys()
    for words, said in rows.items():
        keys = [key for name in README_KEYS[words] for key in keys_of(name)]
        said = [{"←": "Left", "→": "Right"}.get(key, key) for key in said]
        # One action may have a second key, which is on the sheet.
        assert said == (keys[:1] if words == "all shortcuts" else keys), words
