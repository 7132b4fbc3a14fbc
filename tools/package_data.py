"""The data files that belong to an installed application, for the wheel and for the installers."""

from __future__ import annotations

import json
from pathlib import Path


def package_data(root: Path) -> dict[str, str]:
    """From the files in the checkout at `root` to their places beside the package `app`."""
    manifest = root / "models" / "manifest.json"
    models = [manifest, *(root / "models" / entry["file"] for entry in json.loads(manifest.read_text())["models"])]
    assets = [path for path in sorted((root / "assets").rglob("*")) if path.is_file()]
    notices = [root / "LICENSE", root / "THIRD_PARTY.md"]
    data = {str(path): f"app/data/{path.relative_to(root).as_posix()}" for path in models + assets}
    return data | {str(path): f"app/data/licences/{path.name}" for path in notices}
