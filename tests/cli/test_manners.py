"""What the command line does with odd names and with outputs that are closed or full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.batch.jobs.plan import plan
from app.cli.messages import printable, say
from tests.cli.helpers import Cli

ROOT = Path(__file__).parents[2]


def test_control_codes_of_a_name_do_not_reach_the_terminal(cli: Cli, tmp_path: Path) -> None:
    answer = cli("restore", tmp_path / "\x1b[2Jgone\x07\u202e.png", tmp_path / "new.png")
    assert answer.code == 1
    assert "gone" in answer.err
    assert not set(answer.err) & {"\x1b", "\x07", "\u202e"}
    assert printable("Zoë – 顔\n") == "Zoë – 顔\n"


@pytest.mark.parametrize("words", [("", "out"), ("in.png", ""), (" ", "out")])
def test_an_empty_name_is_not_the_current_folder(cli: Cli, words: tuple[str, str]) -> None:
    answer = cli("restore", *words)
    assert answer.code == 1
    assert "empty name" in answer.errors[0]


def test_two_files_that_would_become_one_keep_their_names(tmp_path: Path) -> None:
    for name in ("a.avi", "a.mkv", "a.webm", "b.avi", "b.wmv"):
        (tmp_path / name).touch()
    items = plan(str(tmp_path), str(tmp_path / "out"), aligned=False)
    assert {item.name: item.target.name for item in items} == {
        "a.avi": "a.avi.mkv",
        "a.mkv": "a.mkv",
        "a.webm": "a.webm.mkv",
        "b.avi": "b.avi.mkv",
        "b.wmv": "b.wmv.mkv",
    }


def test_a_closed_stderr_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
    say("hello")
    monkeypatch.setattr(sys, "stderr", None)
    say("hello")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_stdout_is_said_in_one_sentence(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "main.py", "models"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: The results cannot be printed: No space left on device."]


@pytest.mark.parametrize("words", [("--compare", "cfrnet-rt"), ("--watch",), ()])
def test_the_password_of_an_address_is_never_printed(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = cli("restore", "ftp://anna:s3cret@127.0.0.1:1/in", tmp_path / "out.png", *words)
    assert answer.code != 0
    assert len(answer.errors) == 1
    assert "ftp://127.0.0.1:1/in" in answer.err
    assert "s3cret" not in answer.out + answer.err
    assert "anna" not in answer.out + answer.err
