"""Sets everything up in .venv and starts it; needs nothing but Python 3.11 to 3.14 and its standard library.

    python3 bootstrap.py run [OPTIONS]     set up and open the window; OPTIONS go to main.py
      ... run --with openvino|cuda|directml|coreml|qnn [OPTIONS]     also install what this accelerator needs
    python3 bootstrap.py test [OPTIONS]    set up and run the linters and all tests; OPTIONS go to pytest
    python3 bootstrap.py system            install the missing system libraries (Debian and Ubuntu, as root)

The second time it starts at once: .venv is only touched again when a requirements file changed.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST, NEWEST = (3, 11), (3, 14)  # what every pinned package has wheels for
SYSTEMS = "Linux (glibc 2.34 or newer, on ARM 2.39), macOS 14 or newer on Apple chips, Windows with the x64 Python"

# Locks are installed by hash and made by `python -m tools.lock`. torch is not: its right build depends on the machine.
REQUIREMENTS = {
    "run": ("requirements.lock",),
    "test": ("requirements.lock", "requirements-dev.lock", "training/requirements.txt"),
}

# What each accelerator adds: the package, and whether it takes the place of plain onnxruntime.
ACCELERATORS = {
    "openvino": ("onnxruntime-ep-openvino==1.8.1", False),
    "cuda": ("onnxruntime-gpu[cuda,cudnn]==1.31.1", True),
    "directml": ("onnxruntime-directml>=1.20", True),
    "coreml": ("", False),  # comes with onnxruntime on macOS
    "qnn": ("onnxruntime-qnn==2.7.0", False),
}

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
    ("mkdocs", "build", "--quiet", "--strict"),
)

# Library file, package of Debian and Ubuntu, package of Fedora. The wheels of Qt and OpenCV bring the rest.
LIBRARIES = (
    ("libEGL.so.1", "libegl1", "libglvnd-egl"),
    ("libGL.so.1", "libgl1", "libglvnd-glx"),
    ("libglib-2.0.so.0", "libglib2.0-0", "glib2"),
    ("libfontconfig.so.1", "libfontconfig1", "fontconfig"),
    ("libdbus-1.so.3", "libdbus-1-3", "dbus-libs"),
    ("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb"),
    ("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11"),
    ("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor"),
    ("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm"),
    ("libxcb-image.so.0", "libxcb-image0", "xcb-util-image"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms"),
    ("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil"),
    ("libxcb-randr.so.0", "libxcb-randr0", "libxcb"),
    ("libxcb-shape.so.0", "libxcb-shape0", "libxcb"),
    ("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb"),
)
SOUND = ("libportaudio.so.2", "libportaudio2", "portaudio")


def main(arguments):
    if not arguments or arguments[0] not in ("run", "test", "system"):
        print(__doc__.strip())
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    command, options = arguments[0], arguments[1:]
    accelerator = ""
    if command == "run" and options[:1] == ["--with"]:
        accelerator, options = (options[1] if len(options) > 1 else ""), options[2:]
        if accelerator not in ACCELERATORS:
            say("--with takes one of: " + ", ".join(ACCELERATORS))
            return 2
    if command == "system":  # root's Python may be another one than that of the person
        return install_system_packages()
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return start_again_with_another_python(arguments)
    if not has_wheels():
        say("the libraries that this needs are not made for this system and processor, but for:")
        say(SYSTEMS)
        return 1
    missing = missing_system_packages(for_tests=command == "test")
    if missing["needed"]:
        print_missing(missing["needed"])
        return 1
    try:
        if not set_up(command) or not set_up_accelerator(accelerator):
            return 1
    except OSError as error:
        say(str(error))
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            say("this folder may not be written; copy it to one of your own, then run the same command there")
        return 1
    if command == "run":
        say("starting " + " ".join(["main.py", *options]))
        return run([str(PYTHON), str(ROOT / "main.py"), *options])
    return check_and_test(options)


def say(text):
    print("bootstrap: " + text, flush=True)


def start_again_with_another_python(arguments):
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        version = "3.%d" % minor  # noqa: UP031  (this function must also run on an old Python)
        for program, *words in (["python" + version], ["py", "-" + version]):
            found = shutil.which(program)
            # A version manager's shim is found even where its version is not installed.
            if found and is_supported([found, *words]):
                return subprocess.call([found, *words, __file__, *arguments])
    versions = sys.version_info[:2] + OLDEST + NEWEST
    say("this is Python %d.%d, but %d.%d to %d.%d is needed: https://www.python.org" % versions)  # noqa: UP031
    return 1


def is_supported(python):
    """Whether the command `python`, a list of words, starts a Python of a supported version."""
    check = "import sys; sys.exit(not %r <= sys.version_info[:2] <= %r)" % (OLDEST, NEWEST)  # noqa: UP031
    return quietly([*python, "-c", check])


def has_wheels():
    """Whether the pinned packages have wheels for this system and for the processor that this Python is made for."""
    if sys.platform == "win32":
        return sysconfig.get_platform() == "win-amd64"  # an emulated Python is told the processor of the machine
    if sys.platform == "darwin":
        return platform.machine() == "arm64" and as_numbers(platform.mac_ver()[0]) >= [14]
    glibc = {"x86_64": [2, 34], "aarch64": [2, 39]}.get(platform.machine())
    return glibc is not None and platform.libc_ver()[0] == "glibc" and as_numbers(platform.libc_ver()[1]) >= glibc


def as_numbers(version):
    return [int(number) for number in re.findall(r"\d+", version)]


def quietly(words):
    """Whether a program can be started and succeeds; its output is discarded."""
    try:
        return subprocess.call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def run(words, **how):
    """Run a program and return its exit code. On Ctrl-C, which it also receives, wait until it has ended."""
    process = subprocess.Popen(words, **how)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def missing_system_packages(*, for_tests):
    """Return the packages to install, `needed` and merely `useful`, as pairs of Debian's and Fedora's names."""
    missing = {"needed": [], "useful": []}
    if not sys.platform.startswith("linux"):
        return missing
    for library, *packages in LIBRARIES:
        if not loads(library):
            missing["needed"].append(tuple(packages))
    if not loads(SOUND[0]):
        missing["useful"].append(SOUND[1:])
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        # python3-venv is that of the system's own version, which another one would not find.
        missing["needed"].append(("python%d.%d-venv" % sys.version_info[:2], "python3"))  # noqa: UP031
    if for_tests and not has_display() and not shutil.which("Xvfb"):
        missing["needed"].append(("xvfb", "xorg-x11-server-Xvfb"))
    if for_tests and not Path("/usr/share/fonts").is_dir():
        missing["useful"].append(("fonts-dejavu-core", "dejavu-sans-fonts"))
    if for_tests and not shutil.which("strace"):
        missing["useful"].append(("strace", "strace"))
    return missing


def loads(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_display():
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def print_missing(packages):
    debian = sorted({names[0] for names in packages})
    fedora = sorted({names[1] for names in packages})
    say("this Linux lacks a few system libraries. Install them, then run the same command again:")
    if shutil.which("dnf"):
        print("\n    sudo dnf install -y " + " ".join(fedora) + "\n", flush=True)
    elif shutil.which("apt-get"):
        print("\n    sudo apt-get update && sudo apt-get install -y " + " ".join(debian) + "\n", flush=True)
    else:
        print("\n    Debian's names: " + " ".join(debian), flush=True)
        print("    Fedora's names: " + " ".join(fedora) + "\n", flush=True)


def install_system_packages():
    missing = missing_system_packages(for_tests=True)
    packages = missing["needed"] + missing["useful"]
    if not packages:
        say("no system library is missing")
        return 0
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print_missing(packages)
        return 1
    names = sorted({names[0] for names in packages})
    say("installing " + " ".join(names))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
        code = subprocess.call(["apt-get", *words], env=environment)
        if code:
            return code
    return 0


def set_up(command):
    """Bring .venv up to date for `run` or `test`; do nothing when no requirement changed."""
    if is_ready(command):
        return True
    with only_one_at_a_time():
        return is_ready(command) or (make_environment() and install(command))


def is_ready(command):
    stamp = VENV / ("." + command + "-ready")
    return PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(REQUIREMENTS[command])


@contextlib.contextmanager
def only_one_at_a_time():
    """Wait until no other bootstrap works on .venv. The lock ends with the process, however that ends."""
    with VENV.with_name(VENV.name + ".lock").open("a+b") as file:
        told = False
        while not locked(file):
            if not told:
                say("another set-up is at work; waiting for it")
            told = True
            time.sleep(0.5)
        yield


def locked(file):
    """Lock an open file; False when another process holds the lock."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def make_environment():
    """Create .venv with a supported Python that has pip; repair or replace what an interrupted set-up left."""
    if PYTHON.exists() and is_supported([str(PYTHON)]):
        if quietly([str(PYTHON), "-m", "pip", "--version"]):
            return True
        say("finishing .venv, which was interrupted")
        return not subprocess.call([str(PYTHON), "-m", "ensurepip", "--upgrade", "--default-pip"])
    say("making .venv with Python " + sys.version.split()[0])
    fresh = VENV.with_name(VENV.name + "-new")
    for leftover in (fresh, VENV):
        remove(leftover)
    if subprocess.call([sys.executable, "-m", "venv", "--without-pip", str(fresh)]):
        say("could not make .venv; the message is above")
        return False
    fresh.rename(VENV)
    # Once more in its place, so that its scripts name that place; this adds pip.
    return not subprocess.call([sys.executable, "-m", "venv", str(VENV)])


def remove(path):
    """Delete a file, a link or a folder with its contents, if it exists."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(str(path))


def install(command):
    files = REQUIREMENTS[command]
    say("installing " + ", ".join(files) + " (a few minutes the first time)")
    locks = [name for name in files if name.endswith(".lock")]
    others = [name for name in files if name not in locks]
    for names, check in ((locks, ["--require-hashes"]), (others, [])):
        words = list(check)
        for name in names:
            words += ["-r", str(ROOT / name)]
        if names and not pip("install", *words):
            return False
    for stamp in VENV.glob(".with-*"):
        stamp.unlink()  # pip has put plain onnxruntime back
    for ready, its_files in REQUIREMENTS.items():
        if set(its_files) <= set(files):
            (VENV / ("." + ready + "-ready")).write_text(fingerprint(its_files))
    return True


def pip(*words):
    """Run pip of .venv and return whether it succeeded; if not, say what to do."""
    command = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    unreachable = False
    with process:
        for line in process.stderr:
            if "connection broken by" in line:
                unreachable = True  # pip tries again, many lines long
            else:
                print(line, end="", file=sys.stderr, flush=True)
    if process.returncode and unreachable:
        say("the package index cannot be reached. Connect to the network (behind a proxy, set HTTPS_PROXY), then")
        say("run the same command again: it goes on where it stopped")
    elif process.returncode:
        say("pip failed, and its message above says why. Mend that, then run the same command again")
    return process.returncode == 0


def set_up_accelerator(name):
    """Install the package of an accelerator into .venv, unless it is there; "" needs none."""
    package, replaces = ACCELERATORS.get(name, ("", False))
    if not package or has_accelerator(name):
        return True
    with only_one_at_a_time():
        if has_accelerator(name):
            return True
        say("installing " + package)
        # Without onnxruntime .venv is not ready, however this ends; the next start brings it back.
        stamps = [VENV / ("." + each + "-ready") for each in REQUIREMENTS] if replaces else []
        ready = {stamp: stamp.read_text() for stamp in stamps if stamp.exists()}
        for stamp in ready:
            stamp.unlink()
        if replaces:
            # They share their folder: a package that stayed would count as installed, without the files that went with
            # another one.
            replacing = {each: text for each, (text, also) in ACCELERATORS.items() if also}
            for each in replacing:
                accelerator_stamp(each).unlink(missing_ok=True)
            names = [re.split(r"[\[=<>!~]", text)[0] for text in replacing.values()]
            if not pip("uninstall", "--yes", "onnxruntime", *names):
                return False
        if not pip("install", package):
            return False
        accelerator_stamp(name).write_text(package)
        for stamp, text in ready.items():
            stamp.write_text(text)
        return True


def has_accelerator(name):
    """Whether .venv has the package of an accelerator in the version that is asked for."""
    stamp = accelerator_stamp(name)
    return stamp.exists() and stamp.read_text() == ACCELERATORS[name][0]


def accelerator_stamp(name):
    return VENV / (".with-" + name)


def fingerprint(files):
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def check_and_test(options):
    """Run every check, even if one failed; pytest comes last, so that its summary ends the output."""
    failed = []
    for tool, *words in CHECKS:
        say("checking: " + " ".join([tool, *words]))
        if run([str(PYTHON.with_name(tool + PYTHON.suffix)), *words], cwd=ROOT):
            failed.append(" ".join([tool, *words]))
    if failed:
        say("FAILED before the tests: " + ", ".join(failed))
    say("testing" + ("" if has_display() else " (without a display, the windows open on a virtual one)"))
    # Each process takes whole files, whose tests share what they loaded.
    in_processes = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]
    options = options or ["--durations=25", "--durations-min=5", *in_processes]
    return run([str(PYTHON), "-m", "pytest", *options], cwd=ROOT) or (1 if failed else 0)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
