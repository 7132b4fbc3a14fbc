"""What a `restore` command has to do, file by file, decided before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.batch.video import FORMATS
from app.core.errors import EmptyFolderError, OutputError, UnreadableMediaError
from app.media.files import already_there, output_error
from app.media.picture import PICTURE_SUFFIXES

VIDEO_SUFFIXES = frozenset(FORMATS)
"""File names that are taken for videos, and that can be written."""

READ_ONLY_SUFFIXES = frozenset({".avi", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv"})
"""Videos that are read but not written: into a folder they go as Matroska, which takes every kind of sound."""

JobKind = Literal["picture", "video", "crop"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One file to restore: `name` is how it is called in messages, a path relative to the folder that was given."""

    kind: JobKind
    name: str
    source: Path
    target: Path


def plan(input_text: str, output_text: str, *, aligned: bool, overwrite: bool = False) -> list[Job]:
    """Every job of `restore INPUT OUTPUT`, in order. `aligned` makes PNGs of crops.

    Raises UnreadableMediaError for an input that is missing or no file, EmptyFolderError for a folder without a
    picture or video, OutputError for an output that cannot be meant or, for a single file without `overwrite`, that
    is there already.
    """
    if "://" in input_text:
        raise UnreadableMediaError(
            f"restore works on files, and {input_text} is an address.",
            f"Open it in the window and record it: python main.py --source {input_text}",
        )
    source, output = Path(input_text), Path(output_text)
    if source.is_dir():
        return _plan_folder(source, output, aligned=aligned)
    if not source.is_file():
        raise UnreadableMediaError(f"There is no file or folder called {source}.", "Check the name.")
    if output.is_dir() or output_text.endswith(("/", os.sep)):
        output = output / _target_name(source, aligned=aligned)
    job = _job(source, output, name=source.name, aligned=aligned)
    _expect_not_the_input(job)
    if not overwrite and is_done(job):
        raise already_there(job.target)
    return [job]


def is_done(job: Job) -> bool:
    """Whether something is at `job.target`: what an earlier run wrote, or a file of the person's own."""
    return os.path.lexists(job.target)


def left_alone(input_text: str, output_text: str, jobs: list[Job]) -> list[Path]:
    """The files of an input folder that are none of `jobs`: neither pictures nor videos by their names."""
    folder, output = Path(input_text), Path(output_text).resolve()
    known = {job.source for job in jobs}
    return [path for path in _files_in(folder, without=output) if path not in known]


def make_room(job: Job) -> None:
    """Make the folder that `job.target` goes into. Refuses to write over the input. Raises OutputError."""
    _expect_not_the_input(job)
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(job.target.parent, error) from error


def _expect_not_the_input(job: Job) -> None:
    if job.target.exists() and job.target.samefile(job.source):
        raise OutputError(f"{job.target} is the input itself.", "Give another name: the original is never overwritten.")


def _plan_folder(folder: Path, output: Path, *, aligned: bool) -> list[Job]:
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, but a folder of results cannot go into a file.", "Name a folder.")
    if output.exists() and output.samefile(folder):
        raise OutputError(f"{output} is the input itself.", "Name another folder: originals are never overwritten.")
    jobs = [
        _job(
            path,
            output / path.relative_to(folder).with_name(_target_name(path, aligned=aligned)),
            name=path.relative_to(folder).as_posix(),
            aligned=aligned,
        )
        for path in _media_in(folder, without=output.resolve(), aligned=aligned)
    ]
    if not jobs:
        wanted = "pictures" if aligned else "pictures or videos"
        raise EmptyFolderError(f"There are no {wanted} in {folder}.", "Choose another folder.")
    targets: dict[Path, Job] = {}
    for job in jobs:
        other = targets.setdefault(job.target, job)
        if other is not job:
            raise OutputError(f"{other.name} and {job.name} would both become {job.target}.", "Rename one of them.")
    return jobs


def _media_in(folder: Path, *, without: Path, aligned: bool) -> Iterator[Path]:
    suffixes = PICTURE_SUFFIXES if aligned else PICTURE_SUFFIXES | VIDEO_SUFFIXES | READ_ONLY_SUFFIXES
    return (path for path in _files_in(folder, without=without) if path.suffix.lower() in suffixes)


def _files_in(folder: Path, *, without: Path) -> Iterator[Path]:
    """Every file that is not hidden, in order, but for those in the folder `without`."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file() and not path.resolve().is_relative_to(without):
            yield path


def _job(source: Path, target: Path, *, name: str, aligned: bool) -> Job:
    if aligned:
        _expect_suffix(target, frozenset({".png"}), f"{name} becomes an aligned crop")
        return Job(kind="crop", name=name, source=source, target=target)
    # A source whose name tells nothing is taken for what the target's name says.
    telling = source if source.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES else target
    if telling.suffix.lower() in PICTURE_SUFFIXES:
        _expect_suffix(target, PICTURE_SUFFIXES, f"{name} is a picture")
        return Job(kind="picture", name=name, source=source, target=target)
    _expect_suffix(target, VIDEO_SUFFIXES, f"{name} is a video")
    return Job(kind="video", name=name, source=source, target=target)


def _expect_suffix(target: Path, suffixes: frozenset[str], reason: str) -> None:
    if target.suffix.lower() not in suffixes:
        known = ", ".join(sorted(suffixes))
        raise OutputError(f"{reason}, so it cannot be written as {target.name}.", f"Let the name end in {known}.")


def _target_name(source: Path, *, aligned: bool) -> str:
    if aligned:
        return f"{source.stem}.png"
    return f"{source.stem}.mkv" if source.suffix.lower() in READ_ONLY_SUFFIXES else source.name
