"""Packing a training folder into parts, for machines that accept limited sizes.

`python -m training pack --faces DIR --out PARTS [--part-mb 48]` writes `faces.000`, `faces.001`, ... and `parts.json`
with the SHA-256 of each; `unpack` joins them again. Pictures keep their compression.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from training.data import FaceFolderError
from training.errors import TrainingError

INDEX = "parts.json"
CHUNK = 1 << 20


class PackError(TrainingError):
    """Parts that do not form a training folder: one is missing or damaged."""


def pack(faces: Path, out: Path, part_bytes: int) -> list[Path]:
    """Pack `landmarks.csv` and the faces it lists into parts of at most `part_bytes` in `out`; return the parts.

    Raises FaceFolderError if the list or a face is missing.
    """
    table = faces / "landmarks.csv"
    if not table.is_file():
        raise FaceFolderError(f"{faces} has no landmarks.csv; `python -m training prepare` makes one")
    with table.open(newline="") as file:
        names = ["landmarks.csv", *(row["file"] for row in csv.DictReader(file))]
    missing = [name for name in names if not (faces / name).is_file()]
    if missing:
        raise FaceFolderError(f"{faces} lacks {len(missing)} of the faces it lists, {missing[0]} first")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("faces.[0-9]*"):
        old.unlink()
    with tempfile.TemporaryFile(dir=out) as whole:
        with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in names:
                archive.add(faces / name, arcname=name, filter=_anonymous)
        whole.seek(0)
        parts = list(_split(whole, out, part_bytes))
    entries = [{"file": part.name, "bytes": part.stat().st_size, "sha256": _digest(part)} for part in parts]
    (out / INDEX).write_text(json.dumps({"faces": len(names) - 1, "parts": entries}, indent=2) + "\n")
    return parts


def unpack(parts: Path, faces: Path) -> int:
    """Join the parts in `parts` into the training folder `faces`; return the number of faces.

    A folder that is complete already is left unchanged. Raises PackError naming the part that is missing or damaged.
    """
    if not (parts / INDEX).is_file():
        raise PackError(f"{parts} holds no {INDEX}; `python -m training pack` writes it beside the parts")
    index = json.loads((parts / INDEX).read_text())
    count, stamp = int(index["faces"]), faces / INDEX
    if stamp.is_file() and stamp.read_text() == (parts / INDEX).read_text():
        return count
    for entry in index["parts"]:
        part = parts / entry["file"]
        if not part.is_file():
            raise PackError(f"the part {part} is missing: copy it again")
        if part.stat().st_size != entry["bytes"] or _digest(part) != entry["sha256"]:
            raise PackError(f"the part {part} is damaged: copy it again")
    faces.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=faces) as whole:
        for entry in index["parts"]:
            with (parts / entry["file"]).open("rb") as part_file:
                for chunk in iter(lambda file=part_file: file.read(CHUNK), b""):  # type: ignore[misc]
                    whole.write(chunk)
        whole.seek(0)
        with tarfile.open(fileobj=whole) as archive:
            archive.extractall(faces, filter="data")
    stamp.write_text((parts / INDEX).read_text())
    return count


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove everything machine-specific, so that the same faces yield the same parts everywhere."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o644
    return entry


def _split(whole: BinaryIO, out: Path, part_bytes: int) -> Iterator[Path]:
    number = 0
    while content := whole.read(part_bytes):
        part = out / f"faces.{number:03d}"
        part.write_bytes(content)
        number += 1
        yield part


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack a training folder into parts that can travel one by one.")
    parser.add_argument("--faces", type=Path, required=True, help="folder of faces with landmarks.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the parts")
    parser.add_argument("--part-mb", type=float, default=48.0, help="size of a part in MB (default 48)")
    options = parser.parse_args()
    parts = pack(options.faces, options.out, int(options.part_mb * 1e6))
    print(f"wrote {len(parts)} parts, {sum(part.stat().st_size for part in parts) / 1e6:.1f} MB, to {options.out}")
