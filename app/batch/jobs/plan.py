"""The plan of a job: its files and their targets, decided before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from app.batch.videos.output import FORMATS
from app.core.address import shown_source
from app.core.errors import EmptyFolderError, OutputError, UnreadableMediaError
from app.core.words import Phrase, phrase
from app.media.files import output_error
from app.media.pictures.picture import PICTURE_SUFFIXES

VIDEO_SUFFIXES = frozenset(FORMATS)
"""Suffixes of videos that are read and written."""

READ_ONLY_SUFFIXES = frozenset(
    {".avi", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv"}
)
"""Suffixes of videos that are read only; in a folder they become Matroska, which supports every kind of sound."""

ItemKind = Literal["picture", "video", "crop"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file to restore; `name`, for messages, is its path relative to the input folder."""

    kind: ItemKind
    name: str
    source: Path
    target: Path


def plan(input_text: str, output_text: str, *, aligned: bool) -> list[Item]:
    """Plan every item of `restore INPUT OUTPUT`, in order. `aligned` makes PNGs of crops.

    Raises UnreadableMediaError for an input that is missing or no file, EmptyFolderError for a folder without a
    picture or video, OutputError for an invalid output.
    """
    if "://" in input_text:
        raise UnreadableMediaError(
            "restore works on files, and {address} is an address.",
            "Open it in the window and record it: python main.py --source ADDRESS",
            address=shown_source(input_text),
        )
    if not input_text.strip() or not output_text.strip():
        raise UnreadableMediaError("An empty name is no file or folder.", "Name both; a dot is the current folder.")
    source, output = Path(input_text), Path(output_text)
    if source.is_dir():
        return _plan_folder(source, output, aligned=aligned)
    if not source.is_file():
        raise UnreadableMediaError("There is no file or folder called {source}.", "Check the name.", source=source)
    if output.is_dir() or output_text.endswith(("/", os.sep)):
        output = output / _target_name(source, aligned=aligned)
    item = _item(source, output, name=source.name, aligned=aligned)
    _expect_not_the_input(source, item.target)
    return [item]


def is_done(item: Item) -> bool:
    """Whether `item.target` exists, written by an earlier run or otherwise."""
    return os.path.lexists(item.target)


def left_alone(input_text: str, output_text: str, items: list[Item]) -> list[Path]:
    """Return the files of an input folder that are not in `items`: neither pictures nor videos by their names."""
    folder, output = Path(input_text), Path(output_text).resolve()
    known = {item.source for item in items}
    return [path for path in _files_in(folder, without=output) if path not in known]


def make_room(source: Path, target: Path) -> None:
    """Create the folder of `target`; refuse to overwrite `source`. Raises OutputError."""
    _expect_not_the_input(source, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target.parent, error) from error


def _expect_not_the_input(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        raise OutputError(
            "{target} is the input itself.", "Give another name: the original is never overwritten.", target=target
        )


def _plan_folder(folder: Path, output: Path, *, aligned: bool) -> list[Item]:
    if output.exists() and not output.is_dir():
        raise OutputError(
            "{output} is a file, but a folder of results cannot go into a file.", "Name a folder.", output=output
        )
    if output.exists() and output.samefile(folder):
        raise OutputError(
            "{output} is the input itself.", "Name another folder: originals are never overwritten.", output=output
        )
    items = [
        _item(
            path,
            output / path.relative_to(folder).with_name(_target_name(path, aligned=aligned)),
            name=path.relative_to(folder).as_posix(),
            aligned=aligned,
        )
        for path in _media_in(folder, without=output.resolve(), aligned=aligned)
    ]
    if not items:
        if aligned:
            raise EmptyFolderError("There are no pictures in {folder}.", "Choose another folder.", folder=folder)
        raise EmptyFolderError("There are no pictures or videos in {folder}.", "Choose another folder.", folder=folder)
    return _each_its_own(items)


def _each_its_own(items: list[Item]) -> list[Item]:
    """Return `items` with unique targets: where a.mkv and a.avi would both become a.mkv, the second is a.avi.mkv."""
    kept = {item.target for item in items if item.target.name == item.source.name}
    taken: set[Path] = set()
    parted = []
    for item in items:
        target = item.target
        while target in taken or (target in kept and target.name != item.source.name):
            first = target == item.target
            target = target.with_name(f"{item.source.name if first else target.name}{target.suffix}")
        taken.add(target)
        parted.append(replace(item, target=target))
    return parted


def _media_in(folder: Path, *, without: Path, aligned: bool) -> Iterator[Path]:
    suffixes = PICTURE_SUFFIXES if aligned else PICTURE_SUFFIXES | VIDEO_SUFFIXES | READ_ONLY_SUFFIXES
    return (path for path in _files_in(folder, without=without) if path.suffix.lower() in suffixes)


def _files_in(folder: Path, *, without: Path) -> Iterator[Path]:
    """Return every file that is not hidden, in order, except those in the folder `without`."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and not path.resolve().is_relative_to(without):
            yield path


def _item(source: Path, target: Path, *, name: str, aligned: bool) -> Item:
    if aligned:
        _expect_suffix(target, frozenset({".png"}), phrase("{name} becomes an aligned crop", name=name))
        return Item(kind="crop", name=name, source=source, target=target)
    # A source of unknown suffix is taken for what the target's suffix says.
    telling = source if source.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES else target
    if telling.suffix.lower() in PICTURE_SUFFIXES:
        _expect_suffix(target, PICTURE_SUFFIXES, phrase("{name} is a picture", name=name))
        return Item(kind="picture", name=name, source=source, target=target)
    _expect_suffix(target, VIDEO_SUFFIXES, phrase("{name} is a video", name=name))
    return Item(kind="video", name=name, source=source, target=target)


def _expect_suffix(target: Path, suffixes: frozenset[str], reason: Phrase) -> None:
    if target.suffix.lower() not in suffixes:
        known = ", ".join(sorted(suffixes))
        raise OutputError(
            "{reason}, so it cannot be written as {target}.",
            "Let the name end in {known}.",
            reason=reason,
            target=target.name,
            known=known,
        )


def _target_name(source: Path, *, aligned: bool) -> str:
    if aligned:
        return f"{source.stem}.png"
    return f"{source.stem}.mkv" if source.suffix.lower() in READ_ONLY_SUFFIXES else source.name
