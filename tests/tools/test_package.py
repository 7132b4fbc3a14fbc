"""What the packaging relies on; building and running a package is `tools/package.py` and `tools/check_package.py`."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app import __version__
from tools.package import EXCLUDED, package_requirements, version
from tools.package_data import package_data

ROOT = Path(__file__).parents[2]

WITHOUT = """
import runpy, sys
from pathlib import Path
runpy.run_path(str(Path("tools") / "package_hooks" / "unused.py"))
sys.prefix = sys.argv[1]
from app.pipeline.measuring.scene import MovingFaceScene
from app.restorers.store import ModelStore
from app.faces.detector import FaceDetector
scene = MovingFaceScene(width=640, height=360)
faces = FaceDetector(*ModelStore().detectors()).detect(scene.image(0.0), 320)
import scipy
try:
    scipy.linalg_of_no_use()
except ImportError as error:
    print("refused:", error)
print("faces", len(faces), "PIL" in sys.modules)
"""


def imported() -> set[str]:
    """The top-level modules that `app` imports and that are neither its own nor Python's."""
    names: set[str] = set()
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"app"}


def test_a_package_leaves_nothing_out_that_the_application_imports() -> None:
    optional = {"pyvirtualcam", "distributed", "dask"}
    # The benchmark's face is all that is used of scikit-image; the package has a stand-in for it.
    assert imported() & set(EXCLUDED) <= optional | {"skimage"}


def test_everything_that_is_imported_is_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    known = {canonicalize_name(Requirement(text).name) for text in texts}
    owners = packages_distributions()
    missing = {
        name for name in imported() if name in owners and not known & {canonicalize_name(one) for one in owners[name]}
    }
    assert missing <= {"shiboken6"}, "comes with PySide6"


def test_the_version_stands_in_one_place() -> None:
    assert version() == __version__


def test_a_package_has_opencv_without_its_own_qt() -> None:
    text = package_requirements()
    assert "opencv-python-headless==" in text
    assert "\nopencv-python==" not in text


def test_the_data_of_a_package_exists() -> None:
    data = package_data(ROOT)
    assert all(Path(source).is_file() for source in data)
    assert "app/data/models/manifest.json" in data.values()


def test_faces_are_found_without_what_a_package_leaves_out(tmp_path: Path) -> None:
    import skimage.data

    (tmp_path / "app" / "data").mkdir(parents=True)
    astronaut = Path(skimage.data.__file__).parent / "astronaut.png"
    (tmp_path / "app" / "data" / "astronaut.png").write_bytes(astronaut.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [
        "refused: scipy.linalg_of_no_use is not part of this package",
        "faces 1 False",
    ], done.stderr
