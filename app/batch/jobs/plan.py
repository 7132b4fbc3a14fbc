"""The plan of a job: its files and their targets, decided before anything is written."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from app.core.address import path_of_address
from app.core.errors import EmptyFolderError, OutputError, UnreadableMediaError
from app.core.words import Phrase, phrase
from app.media.files import output_error, unreadable
from app.media.pictures.picture import PICTURE_SUFFIXES
from app.media.remote import RemoteFile, is_address
from app.media.videos.suffixes import FORMATS, READ_ONLY_SUFFIXES, VIDEO_SUFFIXES

ItemKind = Literal["picture", "video", "crop"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One file to restore; `name`, for messages, is its path relative to the input folder.

    With `fetched_from` or `sent_to`, a file behind an address, source or target are only its name. `earlier` is the
    place that older versions gave the result, None if it could be that of another file.
    """

    kind: ItemKind
    name: str
    source: Path
    target: Path
    fetched_from: RemoteFile | None = None
    sent_to: RemoteFile | None = None
    earlier: Path | None = None


def plan(input_text: str, output_text: str, *, aligned: bool) -> list[Item]:
    """Plan every item of `restore INPUT OUTPUT`, in order. `aligned` makes PNGs of crops.

    Either may be an address. Raises UnreadableMediaError for an input that is missing or no file, EmptyFolderError for
    a folder without a picture or video, OutputError for an invalid output.
    """
    if is_address(input_text) or is_address(output_text):
        return _plan_remote(input_text, output_text, aligned=aligned)
    if not input_text.strip() or not output_text.strip():
        raise UnreadableMediaError("An empty name is no file or folder.", "Name both; a dot is the current folder.")
    source, output = Path(input_text), Path(output_text)
    try:
        is_folder, is_file = _is(stat.S_ISDIR, source), _is(stat.S_ISREG, source)
    except OSError as error:
        raise unreadable(source, error) from error
    if not is_folder and not is_file:
        raise UnreadableMediaError("There is no file or folder called {source}.", "Check the name.", source=source)
    try:
        into_folder = _is(stat.S_ISDIR, output) or output_text.endswith(("/", os.sep))
        if is_folder:
            return _plan_folder(source, output, aligned=aligned)
    except OSError as error:
        raise output_error(output, error) from error
    if into_folder:
        output = output / _target_name(source, aligned=aligned)
    item = _item(source, output, name=source.name, aligned=aligned)
    _expect_not_the_input(source, item.target)
    return [item]


def is_folder(text: str) -> bool:
    """Whether an input or output, as typed, is a folder that can be looked at.

    Raises UnreadableMediaError for an address that cannot be reached.
    """
    if is_address(text):
        return RemoteFile.of(text).is_folder()
    try:
        return Path(text).is_dir()
    except OSError:
        return False


def _plan_remote(input_text: str, output_text: str, *, aligned: bool) -> list[Item]:
    """Plan a job of which the input or the output is an address. Raises as `plan` does."""
    output = RemoteFile.of(output_text) if is_address(output_text) else None
    place = output.shown_path() if output is not None else Path(output_text)
    if not is_address(input_text):
        into = "/" if output is not None and _is_folder_or_will_be(output_text) else ""
        items = plan(input_text, f"{place}{into}", aligned=aligned)
    else:
        items = _plan_fetched(RemoteFile.of(input_text), output_text, place, output, aligned=aligned)
    if output is None:
        return items
    whole = [item.target == place for item in items]
    return [
        replace(item, sent_to=output if alone else output.child(item.target.relative_to(place).as_posix()))
        for item, alone in zip(items, whole, strict=True)
    ]


def _plan_fetched(
    source: RemoteFile, output_text: str, place: Path, output: RemoteFile | None, *, aligned: bool
) -> list[Item]:
    """Plan what lies behind an address; `place` is the path of the output, only a name if `output` is an address."""
    if not source.is_folder():
        if not source.is_there():
            raise UnreadableMediaError("There is nothing at {address}.", "Check the address.", address=source)
        named = Path(source.name)
        target = place / _target_name(named, aligned=aligned) if _is_folder_or_will_be(output_text) else place
        if output is not None:
            _expect_apart(source, output if target == place else output.child(target.name))
        item = _item(source.shown_path(), target, name=source.name, aligned=aligned)
        return [replace(item, fetched_from=source)]
    suffixes = PICTURE_SUFFIXES if aligned else PICTURE_SUFFIXES | VIDEO_SUFFIXES
    results = _expect_apart(source, output) if output is not None else None
    items = []
    for name in source.files():
        path = Path(name)
        if results is not None and path.is_relative_to(results):
            continue  # of an earlier run
        if path.suffix.lower() in suffixes:
            target = place / path.with_name(_name_in_folder(path, aligned=aligned))
            item = _item(source.shown_path() / name, target, name=name, aligned=aligned)
            items.append(replace(item, fetched_from=source.child(name)))
    if not items:
        raise EmptyFolderError("There are no pictures or videos in {folder}.", "Choose another folder.", folder=source)
    return _with_earlier(items, aligned=aligned)


def _expect_apart(source: RemoteFile, output: RemoteFile) -> str | None:
    """Return the path of `output` in `source`, None outside; raise OutputError if it is or holds `source`."""
    below = output.path_in(source)
    if below == "":
        raise OutputError(
            "{output} is the input itself.", "Name another address: originals are never overwritten.", output=output
        )
    if source.path_in(output) is not None:
        raise _holds_the_input(output)
    return below


def _is_folder_or_will_be(output_text: str) -> bool:
    return output_text.endswith(("/", os.sep)) or is_folder(output_text)


def plain(text: str) -> str:
    """Return a file of this machine, which `file://` names, as its path, and everything else as it is."""
    return path_of_address(text) if text.startswith("file://") else text


def _is(wanted: Callable[[int], bool], path: Path) -> bool:
    """Whether `path` is there and is that. Raises OSError when that cannot be found out."""
    try:
        return wanted(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_done(item: Item) -> bool:
    """Whether the result of `item` exists, written by an earlier run or otherwise."""
    if item.sent_to is None:
        return any(os.path.lexists(place) for place in (item.target, item.earlier) if place is not None)
    if item.sent_to.is_there():
        return True
    if item.earlier is None:
        return False
    place = PurePosixPath(item.sent_to.path).with_name(item.earlier.name)
    return replace(item.sent_to, path=str(place)).is_there()


def left_alone(input_text: str, output_text: str, items: list[Item]) -> list[Path]:
    """Return the files of an input folder that are not in `items`: neither pictures nor videos by their names."""
    folder, output = Path(input_text), Path(output_text).resolve()
    if not folder.is_dir():
        return []
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
    try:
        same = target.exists() and target.samefile(source)
    except OSError as error:
        raise output_error(target, error) from error
    if same:
        raise OutputError(
            "{target} is the input itself.", "Give another name: the original is never overwritten.", target=target
        )


def _holds_the_input(output: Path | RemoteFile) -> OutputError:
    return OutputError(
        "{output} holds the input, and results would lie among the originals.",
        "Name a folder beside the input.",
        output=output,
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
    if folder.resolve().is_relative_to(output.resolve()):
        raise _holds_the_input(output)
    items = [
        _item(
            path,
            output / path.relative_to(folder).with_name(_name_in_folder(path, aligned=aligned)),
            name=path.relative_to(folder).as_posix(),
            aligned=aligned,
        )
        for path in _media_in(folder, without=output.resolve(), aligned=aligned)
    ]
    if not items:
        if aligned:
            raise EmptyFolderError("There are no pictures in {folder}.", "Choose another folder.", folder=folder)
        raise EmptyFolderError("There are no pictures or videos in {folder}.", "Choose another folder.", folder=folder)
    return _with_earlier(items, aligned=aligned)


def _with_earlier(items: list[Item], *, aligned: bool) -> list[Item]:
    """Return `items` with the places that older versions gave their results, where no other item's can be."""
    earlier = [item.target.with_name(_target_name(item.source, aligned=aligned)) for item in items]
    possible = Counter(place for item, old in zip(items, earlier, strict=True) for place in {item.target, old})
    return [
        replace(item, earlier=old)
        if possible[old] == 1 and old.name not in (item.source.name, item.target.name)
        else item
        for item, old in zip(items, earlier, strict=True)
    ]


def _media_in(folder: Path, *, without: Path, aligned: bool) -> Iterator[Path]:
    """The pictures and videos in `folder`, and the folders in it that may not be read: they fail by name later on."""
    suffixes = PICTURE_SUFFIXES if aligned else PICTURE_SUFFIXES | VIDEO_SUFFIXES
    locked: list[Path] = []
    for path in _files_in(folder, without=without, locked=locked):
        if path.suffix.lower() in suffixes:
            yield path
    yield from locked


def _files_in(folder: Path, *, without: Path, locked: list[Path] | None = None) -> Iterator[Path]:
    """Yield every file that is not hidden, in order, except those in the folder `without`.

    Links to folders are followed, each folder once; links that lead nowhere are files too. Folders that may not be read
    are appended to `locked`. Raises UnreadableMediaError when `folder` itself is one.
    """

    def cannot_list(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise unreadable(folder, error) from error
        if locked is not None:
            locked.append(Path(error.filename))

    found: list[Path] = []
    seen: set[str] = set()
    tops = [folder]
    for top in tops:  # it grows: links come last, so that what they lead to is rather found in its own place
        for place, folders, files in os.walk(top, onerror=cannot_list):
            if (real := os.path.realpath(place)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            tops += [path for name in folders if _is_link(path := Path(place, name))]
            found += [Path(place, name) for name in files if not name.startswith(".")]
    for path in sorted(found):
        try:
            usable = path.is_file() or (path.is_symlink() and not path.exists())
            usable = usable and not Path(os.path.realpath(path)).is_relative_to(without)
        except OSError:  # its folder can be listed and not entered
            if locked is not None and path.parent not in locked:
                locked.append(path.parent)
            continue
        if usable:
            yield path


def _is_link(path: Path) -> bool:
    """Whether `path` is a link; False where that cannot be found out."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def _item(source: Path, target: Path, *, name: str, aligned: bool) -> Item:
    if source.is_dir():  # one that may not be read
        return Item(kind="picture", name=name, source=source, target=target)
    if aligned:
        _expect_suffix(target, frozenset({".png"}), phrase("{name} becomes an aligned crop", name=name))
        return Item(kind="crop", name=name, source=source, target=target)
    # A source of unknown suffix is taken for what the target's suffix says.
    telling = source if source.suffix.lower() in PICTURE_SUFFIXES | frozenset(FORMATS) else target
    if telling.suffix.lower() in PICTURE_SUFFIXES:
        _expect_suffix(target, PICTURE_SUFFIXES, phrase("{name} is a picture", name=name))
        return Item(kind="picture", name=name, source=source, target=target)
    _expect_suffix(target, frozenset(FORMATS), phrase("{name} is a video", name=name))
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
    """Return the usual name of the result of one `source`; videos that can only be read become Matroska files."""
    if aligned:
        return f"{source.stem}.png"
    return f"{source.stem}.mkv" if source.suffix.lower() in READ_ONLY_SUFFIXES else source.name


def _name_in_folder(source: Path, *, aligned: bool) -> str:
    """Return the name of the result of `source`, a file of a folder, which is that of no other file, there or not.

    Where the suffix changes the new one is added, and once more to a name that looks as if that had been done.
    """
    suffix, changed = (".png", PICTURE_SUFFIXES - {".png"}) if aligned else (".mkv", READ_ONLY_SUFFIXES)
    name = source.name
    while name.lower().endswith(suffix):
        name = name[: -len(suffix)]
    return f"{source.name}{suffix}" if Path(name).suffix.lower() in changed else source.name
