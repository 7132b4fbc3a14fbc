"""The set-up: what it asks for on a bare system, and that it does nothing twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

import bootstrap
from tools.lock import LOCKS, UNLOCKED


def test_a_bare_debian_gets_one_line_to_paste(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "has_wheels", lambda: True)
    monkeypatch.setattr(bootstrap, "loads", lambda library: library != "libxcb-cursor.so.0")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    assert bootstrap.main(["run"]) == 1
    assert "sudo apt-get install -y libxcb-cursor0\n" in capsys.readouterr().out


def test_tests_without_a_display_ask_for_a_virtual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "loads", lambda library: True)
    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.missing_system_packages(for_tests=True)["needed"] == [("xvfb", "xorg-x11-server-Xvfb")]
    assert bootstrap.missing_system_packages(for_tests=False)["needed"] == []


def test_a_debian_without_venv_is_told_the_package_of_the_running_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(bootstrap, "loads", lambda library: True)
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # as if it were not installed
    monkeypatch.setattr(sys, "version_info", (3, 12, 3, "final", 0))
    assert bootstrap.missing_system_packages(for_tests=False)["needed"] == [("python3.12-venv", "python3")]


def test_the_system_libraries_are_installed_with_any_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the one that `sudo python3` means."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "version_info", (3, 10, 12, "final", 0))
    monkeypatch.setattr(bootstrap, "loads", lambda library: library != "libEGL.so.1")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    assert bootstrap.main(["system"]) == 1
    assert "Debian's names: " in (said := capsys.readouterr().out)
    assert "libegl1" in said


def test_the_second_time_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def call(words: list[str], **_: object) -> int:
        if "-c" in words or "--version" in words:  # whether it starts
            return 0
        called.append(words)
        if words[1:3] == ["-m", "venv"]:
            Path(words[-1]).mkdir(exist_ok=True)
        if words[-1] == str(tmp_path / ".venv"):
            python.parent.mkdir()
            python.touch()
        return 0

    python = tmp_path / ".venv" / "bin" / "python"
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", python)
    installed: list[tuple[str, ...]] = []
    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(bootstrap, "pip", lambda *words: installed.append(words) or True)
    assert bootstrap.set_up("test")
    assert "--require-hashes" in installed[0]
    assert [Path(word).name for word in installed[0] if word.endswith(".lock")] == [
        "requirements.lock",
        "requirements-dev.lock",
    ]
    called.clear()
    installed.clear()
    assert bootstrap.set_up("test")
    assert bootstrap.set_up("run")
    assert called == installed == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that not even root may write to")
def test_a_folder_that_may_not_be_written_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", Path("/sys/.venv"))
    monkeypatch.setattr(bootstrap, "PYTHON", Path("/sys/.venv/bin/python"))
    monkeypatch.setattr(bootstrap, "loads", lambda library: True)
    assert bootstrap.main(["run"]) == 1
    said = capsys.readouterr().out
    assert "/sys/.venv.lock" in said
    assert "this folder may not be written; copy it to one of your own" in said


def test_an_unknown_word_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["fly"]) == 2
    assert "bootstrap.py test" in capsys.readouterr().out


def test_no_network_is_one_sentence_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
    for name, value in {**nobody, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    assert not bootstrap.pip("install", "--dry-run", "a-package-that-is-nowhere")
    out, err = capfd.readouterr()
    assert "the package index cannot be reached" in out
    assert "connection broken" not in out + err


def test_what_else_stops_pip_is_left_to_its_own_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    assert not bootstrap.pip("install", "-r", str(tmp_path / "absent.txt"))
    out, err = capfd.readouterr()
    assert "absent.txt" in err
    assert "message above says why" in out


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What set-ups of a ready .venv ask pip for."""
    calls: list[tuple[str, ...]] = []
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "pip", lambda *words: calls.append(words) or True)
    return calls


def test_an_accelerator_is_installed_once(called: list[tuple[str, ...]]) -> None:
    assert bootstrap.set_up_accelerator("openvino")
    assert [words[-1] for words in called] == ["onnxruntime-ep-openvino==1.8.1"]
    called.clear()
    for name in ("openvino", "coreml", ""):
        assert bootstrap.set_up_accelerator(name)
    assert called == []


def test_a_package_that_replaces_onnxruntime_takes_it_out_first(called: list[tuple[str, ...]]) -> None:
    assert bootstrap.set_up_accelerator("cuda")
    assert called == [
        ("uninstall", "--yes", "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
        ("install", "onnxruntime-gpu[cuda,cudnn]==1.31.1"),
    ]


@pytest.mark.parametrize("ending", ["installed", "refused", "interrupted"])
def test_without_onnxruntime_nothing_counts_as_ready(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    stamps = {bootstrap.VENV / f".{command}-ready": command for command in ("run", "test")}
    for stamp, text in stamps.items():
        stamp.write_text(text)

    def pip(*words: str) -> bool:
        if words[0] == "install" and ending == "interrupted":
            raise KeyboardInterrupt
        return words[0] == "uninstall" or ending == "installed"

    monkeypatch.setattr(bootstrap, "pip", pip)
    with contextlib.suppress(KeyboardInterrupt):
        assert bootstrap.set_up_accelerator("cuda") == (ending == "installed")
    there = {stamp: stamp.read_text() for stamp in stamps if stamp.exists()}
    assert there == (stamps if ending == "installed" else {})


def test_packages_that_replace_onnxruntime_replace_each_other(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: list[bool] = []

    def pip(*words: str) -> bool:
        with bootstrap.VENV.with_name(".venv.lock").open("a+b") as file:
            alone.append(not bootstrap.locked(file))
        called.append(words)
        return True

    monkeypatch.setattr(bootstrap, "pip", pip)
    for name in ("cuda", "directml", "openvino", "cuda"):
        assert bootstrap.set_up_accelerator(name)
    installed = [re.split(r"[\[=>]", words[-1].partition("-")[2])[0] for words in called if words[0] == "install"]
    assert installed == ["gpu", "directml", "ep-openvino", "gpu"]
    assert {words[2:] for words in called if words[0] == "uninstall"} == {
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
    }
    assert sorted(path.name for path in bootstrap.VENV.glob(".with-*")) == [".with-cuda", ".with-openvino"]
    assert all(alone)


def test_an_unknown_accelerator_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["run", "--with", "abacus"]) == 2
    assert "openvino, cuda, directml, coreml" in capsys.readouterr().out


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the set-up of a test makes its .venv: below a folder with spaces, accents and another script."""
    venv = tmp_path / "Pfad mit Ümläuten 顔" / ".venv"
    venv.parent.mkdir()
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / bootstrap.PYTHON.relative_to(bootstrap.ROOT / ".venv"))
    return venv


def has_pip() -> bool:
    return bootstrap.quietly([str(bootstrap.PYTHON), "-m", "pip", "--version"])


@pytest.mark.parametrize("left", ["no pip", "dangling link", "another Python"])
def test_what_an_earlier_set_up_left_is_mended(environment: Path, left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if left in ("no pip", "another Python"):
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
        (environment / "old").touch()
    else:
        bootstrap.PYTHON.parent.mkdir(parents=True)
        bootstrap.PYTHON.symlink_to(environment / "gone")
    if left == "another Python":
        monkeypatch.setattr(bootstrap, "NEWEST", (sys.version_info[0], sys.version_info[1] - 1))
        monkeypatch.setattr(bootstrap, "OLDEST", bootstrap.NEWEST)
    assert bootstrap.make_environment()
    assert has_pip()
    assert (environment / "old").exists() == (left == "no pip")
    assert not environment.with_name(".venv-new").exists()
    scripts = [path for path in bootstrap.PYTHON.parent.iterdir() if path.name.startswith(("activate", "pip"))]
    assert scripts
    assert bootstrap.quietly([str(bootstrap.PYTHON.with_name("pip" + bootstrap.PYTHON.suffix)), "--version"])
    assert not [path.name for path in scripts if ".venv-new" in path.read_text(errors="replace")]


def test_a_second_set_up_waits_for_the_first(environment: Path) -> None:
    with bootstrap.only_one_at_a_time(), environment.with_name(".venv.lock").open("a+b") as file:
        assert not bootstrap.locked(file)
    with environment.with_name(".venv.lock").open("a+b") as file:
        assert bootstrap.locked(file)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose only requirement lies beside it, so that it is set up without a network."""
    folder = tmp_path / "checkout"
    (folder / "wheels").mkdir(parents=True)
    wheel = folder / "wheels" / "small-1.0-py3-none-any.whl"
    info = "small-1.0.dist-info"
    files = {
        "small.py": "ANSWER = 42\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in (*files.items(), (f"{info}/RECORD", record)):
            archive.writestr(name, content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "requirements.lock").write_text(f"--no-index\n--find-links wheels\nsmall==1.0 --hash=sha256:{digest}\n")
    (folder / "main.py").write_text("import small, pip\nprint('the answer is', small.ANSWER)\n")
    shutil.copy(bootstrap.__file__, folder)
    return folder


def set_up_in(checkout: Path) -> subprocess.Popen[str]:
    """Start `bootstrap.py run` there, with no system library missing."""
    program = "import sys, bootstrap; bootstrap.loads = lambda library: True; sys.exit(bootstrap.main(['run']))"
    own = checkout / "temporary"  # Ctrl-C may leave what Python unpacks pip from
    own.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=checkout,
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(own))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of Ctrl-C to a group of processes")
def test_ctrl_c_at_any_time_is_mended_by_the_next_run(checkout: Path) -> None:
    for after_s in (0.1, 0.3, 0.7, 1.2, 1.8, 2.5):
        process = set_up_in(checkout)
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
    said, _ = set_up_in(checkout).communicate(timeout=300)
    assert "the answer is 42" in said, said
    assert not (checkout / ".venv-new").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_first_set_ups_at_once(checkout: Path) -> None:
    both = [set_up_in(checkout) for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert all("the answer is 42" in each for each in said), said
    assert sum("installing requirements.lock" in each for each in said) == 1, said


@pytest.mark.skipif(sys.platform == "win32", reason="writes a shell script")
def test_a_version_managers_stand_in_does_not_end_the_search(tmp_path: Path) -> None:
    shim = tmp_path / "python3.14"
    shim.write_text("#!/bin/sh\necho not installed >&2\nexit 127\n")
    shim.chmod(0o755)
    assert not bootstrap.is_supported([str(shim)])
    assert bootstrap.is_supported([sys.executable])
    assert not bootstrap.is_supported([str(tmp_path / "absent")])


@pytest.mark.skipif(sys.platform == "win32", reason="writes shell scripts")
@pytest.mark.parametrize("running", [(3, 10), (3, 15)])
@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["python3.15", "python3.12", "python3.11"], "python3.12 "),
        (["python3.15", "py"], "py -3.12 "),
        (["python3.15"], ""),
    ],
)
def test_a_python_that_has_wheels_takes_over(
    running: tuple[int, int],
    there: list[str],
    taken: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = f"""#!/bin/sh
        said="$(basename "$0") $*"
        case "$1" in -3.12) shift;; -3.*) exit 103;; esac
        [ "$1" != -c ] || exec '{sys.executable}' "$@"
        echo "$said" > '{tmp_path}/taken'
        exit 7"""
    for name in there:
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    look = shutil.which  # the machine's own versions are not looked for
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: look(name, path=str(tmp_path)))
    monkeypatch.setattr(sys, "version_info", (*running, 0, "final", 0))
    assert bootstrap.main(["run", "--k", "2"]) == (7 if taken else 1)
    if taken:
        assert (tmp_path / "taken").read_text() == f"{taken}{bootstrap.__file__} run --k 2\n"
    else:
        assert f"this is Python 3.{running[1]}, but 3.11 to 3.14 is needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("system", "built_for", "processor", "glibc", "macos", "has"),
    [
        ("linux", "linux-x86_64", "x86_64", "2.35", "", True),
        ("linux", "linux-x86_64", "x86_64", "2.31", "", False),
        ("linux", "linux-aarch64", "aarch64", "2.39", "", True),
        ("linux", "linux-aarch64", "aarch64", "2.36", "", False),
        ("linux", "linux-x86_64", "x86_64", "", "", False),  # Alpine
        ("linux", "linux-armv7l", "armv7l", "2.41", "", False),
        ("darwin", "macosx-11.0-universal2", "arm64", "", "14.0", True),
        ("darwin", "macosx-11.0-universal2", "arm64", "", "13.7.1", False),
        ("darwin", "macosx-11.0-universal2", "x86_64", "", "15.2", False),
        ("win32", "win-amd64", "AMD64", "", "", True),
        ("win32", "win-amd64", "ARM64", "", "", True),
        ("win32", "win-arm64", "ARM64", "", "", False),
    ],
)
def test_a_machine_without_wheels_is_told_so(
    system: str,
    built_for: str,
    processor: str,
    glibc: str,
    macos: str,
    has: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bootstrap.has_wheels()
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(bootstrap.sysconfig, "get_platform", lambda: built_for)
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: processor)
    monkeypatch.setattr(bootstrap.platform, "libc_ver", lambda: ("glibc" if glibc else "", glibc))
    monkeypatch.setattr(bootstrap.platform, "mac_ver", lambda: (macos, ("", "", ""), processor))
    assert bootstrap.has_wheels() == has
    if not has:
        assert bootstrap.main(["run"]) == 1
        assert "not made for this system and processor" in capsys.readouterr().out


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    project = tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, newest = (".".join(map(str, version)) for version in (bootstrap.OLDEST, bootstrap.NEWEST))
    assert project["requires-python"] == f">={oldest}"  # its ranges, unlike the pins, allow newer packages
    for page in ("README.md", "requirements.txt", "bootstrap.py", "docs/packaging.md", "docs/training.md"):
        assert f"Python {oldest} to {newest}" in (bootstrap.ROOT / page).read_text(encoding="utf-8"), page
    checked = (bootstrap.ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    versions = [f"3.{minor}" for minor in range(bootstrap.OLDEST[1], bootstrap.NEWEST[1] + 1)]
    assert f"python: {versions}".replace("'", '"') in checked


def test_every_pinned_package_is_locked_with_its_hashes() -> None:
    """A pin that was added or changed needs `python -m tools.lock`."""
    locked: dict[str, int] = {}
    for lock in LOCKS:
        for entry in (bootstrap.ROOT / lock).read_text().split("\n\n")[-1].replace(" \\\n", " ").splitlines():
            if not entry.startswith("#"):
                locked[entry.split()[0].rstrip(";")] = entry.count("--hash=sha256:")
    assert all(locked.values())
    pinned = set()
    for name in ("requirements.txt", "requirements-dev.txt", "training/requirements.txt"):
        for line in (bootstrap.ROOT / name).read_text().splitlines():
            requirement = line.partition("#")[0].partition(";")[0].strip()
            if "==" in requirement:
                package, version = requirement.split("==")
                pinned.add(f"{canonicalize_name(package)}=={version}")
    assert {pin for pin in pinned - set(locked) if pin.split("==")[0] not in UNLOCKED} == set()
