"""The command line itself: help, version, the window's options, the models, and unforeseen errors."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from app.cli import inspection
from app.cli.parser import given_settings, parse
from app.restorers.families import family
from app.restorers.providers import usable_names
from app.restorers.store import MODELS_FOLDER, ModelStore
from tests.batch.helpers import album
from tests.cli.helpers import Cli
from tests.restorers.networks import entry, network, scale_and_shift, store_of

ROOT = Path(__file__).parents[2]


def test_version(cli: Cli) -> None:
    answer = cli("--version")
    assert answer.code == 0
    assert __version__ in answer.out


@pytest.mark.parametrize("words", [["--help"], ["restore", "--help"]])
def test_help_shows_examples(cli: Cli, words: list[str]) -> None:
    answer = cli(*words)
    assert answer.code == 0
    assert "python main.py restore old.jpg better.png" in answer.out


def test_every_setting_is_an_option_of_the_window(cli: Cli) -> None:
    answer = cli("window", "--help")
    for option in ("--source", "--k", "--no-mirror", "--camera-size", "--target-fps", "--record-mode", "--strength"):
        assert option in answer.out


@pytest.mark.parametrize("command", ["window", "live", "restore"])
def test_help_names_the_engines_of_this_machine_alone(cli: Cli, command: str) -> None:
    text = " ".join(cli(command, "--help").out.split())
    assert f"({' | '.join(usable_names())}; default cpu)" in text


@pytest.mark.parametrize(
    "words",
    [
        ["restore", "a.png", "b.png", "--compare", "cfrnet-rt", "--json"],
        ["restore", "a.png", "b.png", "--compare", "cfrnet-rt", "--encoder", "nvenc"],
        ["restore", "in", "out", "--cluster", "tcp://here:8786", "--workers", "2"],
        ["bench", "--providers", "--json", "b.json"],
        ["bench", "--providers", "--overwrite"],
        ["restore", "a.png", "b.png", "--compare", "cfrnet-rt", "--restorer", "cfrnet"],
        ["restore", "in", "out", "--join", "--fresh"],
        ["restore", "in", "out", "--aligned", "--faces", "2"],
    ],
)
def test_options_that_mean_nothing_together_are_refused(cli: Cli, words: list[str]) -> None:
    answer = cli(*words)
    assert answer.code == 2
    assert "cannot be used together" in answer.err


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the window was opened with, each time; the window itself has tests of its own."""
    calls: list[dict[str, Any]] = []

    def run(**given: Any) -> int:
        calls.append(given)
        return 0

    window = types.ModuleType("app.ui.application")
    window.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.ui.application", window)
    monkeypatch.setenv("DISPLAY", ":0")
    return calls


@pytest.mark.parametrize("command", [["window"], ["live", "--serve"]])
def test_insecure_is_said_of_the_address(command: list[str]) -> None:
    assert given_settings(parse([*command, "--source", "rtsps://cam/x"]))["source"] == "rtsps://cam/x"
    given = given_settings(parse([*command, "--source", "rtsps://cam/x", "--insecure"]))
    assert given["source"] == "rtsps://cam/x#insecure"
    assert given_settings(parse([*command, "--source", "a.mp4", "--insecure"]))["source"] == "a.mp4"
    given = given_settings(parse([*command, "--source", "rtsps://cam/x#insecure", "--insecure"]))
    assert given["source"] == "rtsps://cam/x#insecure"


@pytest.mark.parametrize("words", [["live", "rtsp://me:hush@cam/1", "--serve"], ["rtsp://me:hush@cam/1"]])
def test_an_address_at_the_wrong_place_is_named_without_its_login(cli: Cli, words: list[str]) -> None:
    answer = cli(*words)
    assert answer.code == 2
    assert "cam/1" in answer.err
    assert "hush" not in answer.err


def test_a_number_may_be_written_as_the_language_does() -> None:
    assert given_settings(parse(["restore", "a.png", "b.png", "--stop-threshold", "0,02"]))["stop_threshold"] == 0.02


def test_a_provider_that_is_replaced_is_named_once(cli: Cli, tmp_path: Path) -> None:
    album(tmp_path / "in", 2)
    answer = cli("restore", tmp_path / "in", tmp_path / "out", "--provider", "cuda", "--k", 1)
    assert answer.code == 0
    if "cuda" in usable_names():
        pytest.skip("this machine has CUDA")
    assert answer.err.count("note: CUDA is not available; using CPU.") == 1


def test_no_arguments_open_the_window_as_it_was_left(cli: Cli, opened: list[dict[str, Any]]) -> None:
    assert cli().code == 0
    assert opened == [{"settings_overrides": {}, "source": None}]


def test_options_without_a_command_are_the_windows(cli: Cli, opened: list[dict[str, Any]]) -> None:
    assert cli("--source", "clip.mp4", "--k", 2, "--no-mirror", "--stop-threshold", "0.01").code == 0
    expected = {"k": 2, "mirror": False, "stop_threshold": 0.01}
    assert opened == [{"settings_overrides": expected, "source": "clip.mp4"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["restroe", "a", "b"], "restroe"),
        (["restore", "a"], "OUTPUT"),
        (["restore", "a", "b", "--strength", "101"], "from 0 to 100"),
        (["restore", "a", "b", "--precision", "int4"], "int8"),
        (["restore", "a", "b", "--aligned", "--side-by-side"], "not allowed"),
        (["restore", "a", "b", "--cluster", ""], "--cluster: expected one argument"),
        (["restore", "a", "b", "--compare", " "], "--compare: expected one argument"),
        (["--camera-fps", "1000"], "from 5 to 120"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_wrong_word_is_answered_in_two_lines(
    cli: Cli, opened: list[dict[str, Any]], words: list[str], said: str
) -> None:
    answer = cli(*words)
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 2
    assert said in answer.errors[0]
    assert not opened


@pytest.mark.parametrize("option", [["--compare-with", "hifacegan-lite"], ["--mirror-recording"], ["--mirror"]])
def test_what_only_the_window_does_is_no_option_of_live(cli: Cli, option: list[str]) -> None:
    answer = cli("live", "--serve", "127.0.0.1:0", *option)
    assert answer.code == 2
    assert option[0] in answer.errors[0]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_the_window_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    answer = cli()
    assert answer.code == 1
    assert "no display" in answer.errors[0]


@pytest.mark.parametrize("words", [["models"], ["restore", "a.png", "b.png"], ["--help"]])
def test_without_the_libraries_the_set_up_is_named(
    cli_process: Callable[..., subprocess.Popen[str]], words: list[str]
) -> None:
    forbid = "import sys\nsys.modules |= dict.fromkeys(('numpy', 'cv2', 'onnxruntime', 'tqdm', 'av'))"
    process = cli_process(*words, before=forbid)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if words == ["--help"]:
        assert process.returncode == 0
        assert "restore" in out
    else:
        assert process.returncode == 1
        assert "bootstrap.py" in err


@pytest.mark.parametrize("words", ["", "models", "restore a.png b.png", "restore --help"])
def test_a_python_that_was_not_set_up_names_the_set_up(words: str, tmp_path: Path) -> None:
    """As the system's own, which has none of the libraries."""
    environment = {**os.environ, "CFRNET_LIVE_LOG_FOLDER": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-S", "main.py", *words.split()]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("error: A library that this needs cannot be loaded: No module named")
    assert done.stderr.splitlines()[1:] == [
        "hint: Set everything up with `python3 bootstrap.py run`; it names what the system itself lacks."
    ]


def test_an_old_python_is_told_what_is_needed() -> None:
    pretend = "import runpy, sys\nsys.version_info = (3, 10, 12)\nrunpy.run_path('main.py', run_name='__main__')"
    command = [sys.executable, "-c", pretend]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: this needs Python 3.11 or newer.\nhint: Set everything up with `python3 boot")


def test_cameras_are_listed(cli: Cli) -> None:
    answer = cli("cameras")
    assert answer.code == 0
    assert answer.out or "no camera" in answer.err


def test_the_shipped_models_are_as_they_were_shipped(cli: Cli) -> None:
    answer = cli("models")
    assert answer.code == 0
    for model in ModelStore().entries():
        assert f"sha256 {model.sha256}" in answer.out
    assert "ALTERED" not in answer.out


@pytest.mark.slow
def test_bench_writes_its_medians(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.pipeline.measuring import bench

    monkeypatch.setattr(bench, "run_benchmark", partial(bench.run_benchmark, repeats=2, seconds=0.7))
    answer = cli("bench", "--json", tmp_path / "bench.json")
    assert answer.code == 0
    assert "cfrnet-rt" in answer.out
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["cycles"]["cfrnet-rt"]["int8_ms"] > 0
    assert figures["cycles"]["cfrnet-rt"]["fp32_ms"] > 0
    assert list(figures["pipeline"]) == ["k1", "k2", "k3"]
    for each in figures["pipeline"].values():
        assert min(each["overhead_ms_p50"], each["fps"], each["age_ms_p95"]) > 0


def test_bench_tells_at_once_that_its_file_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    answer = cli("bench", "--json", tmp_path / "nowhere" / "bench.json")
    assert answer.code == 1
    assert "nowhere" in answer.errors[0]


def test_bench_of_the_providers_prints_their_table(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    its = family("cfrnet")
    content = network(scale_and_shift(0.5), takes=its.takes.side, gives=its.gives.side)
    store = store_of(tmp_path, (entry(its, content, name="halving"), content))
    monkeypatch.setattr(inspection, "ModelStore", lambda: store)
    answer = cli("bench", "--providers")
    assert answer.code == 0
    assert "Measuring halving on every provider" in answer.err
    assert re.search(r"^halving +CPU +FP32 +\d+\.\d\d ", answer.out, re.MULTILINE)
    assert "Measuring this machine" not in answer.err, "nothing else is measured"


def test_an_altered_and_a_missing_model_are_named_with_both_hashes(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(MODELS_FOLDER, tmp_path / "models")
    store = ModelStore(tmp_path / "models")
    altered, missing, *_ = store.entries()
    altered.path.write_bytes(altered.path.read_bytes()[:-1] + b"!")
    missing.path.unlink()
    monkeypatch.setattr(inspection, "ModelStore", partial(ModelStore, tmp_path / "models"))
    answer = cli("models")
    assert answer.code == 1
    assert len(answer.errors) == 2
    assert altered.name in answer.errors[0]
    assert altered.sha256 in answer.errors[0]
    assert missing.sha256 in answer.errors[1]
    assert "MISSING" in answer.out


def test_a_surprise_is_a_short_message_and_a_traceback_in_the_log(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst() -> None:
        raise ZeroDivisionError("the moon is in the seventh house")

    monkeypatch.setattr(inspection, "list_cameras", burst)
    answer = cli("cameras")
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 2
    log = tmp_path / "log" / "cfrnet-live.log"
    assert str(log) in answer.err
    assert "Traceback" in log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_reader_that_has_seen_enough_is_no_surprise(cli_process: Callable[..., subprocess.Popen[str]]) -> None:
    process = cli_process("models")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 1


def test_a_camera_s_name_is_printed_on_any_console(
    cli_process: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    fake = (
        "import app.cli.inspection as inspection\n"
        "from app.sources.camera import CameraDevice\n"
        "inspection.list_cameras = lambda: [CameraDevice(name='Zoë', index=0, backend=0, path='')]"
    )
    out, err = cli_process("cameras", before=fake).communicate(timeout=60)
    assert (out.split(), err) == (["0", "Zo\\xeb"], "")


def test_the_headless_commands_need_neither_qt_nor_torch(
    cli_process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    forbid = "import sys\nsys.modules |= dict.fromkeys(('PySide6', 'pyqtgraph', 'torch'))"
    process = cli_process("models", before=forbid)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "cfrnet-rt" in out
