"""Tasks whose files lie behind addresses: fetched before, sent afterwards, by the worker itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from app.batch.jobs.task import Task
from app.core.address import StreamAddress
from app.core.errors import AppError, UnreadableMediaError
from app.core.words import Phrase
from app.media.files import is_part
from app.media.remote import RemoteFile


@contextlib.contextmanager
def staged(task: Task) -> Iterator[Task]:
    """Yield `task` with files of this machine in the place of those behind addresses; nothing else is left of them.

    Without an error inside, the result is sent at the end. What a video that breaks off left is sent beside the place
    of the result. Errors name the addresses. Raises UnreadableMediaError or OutputError.
    """
    if task.fetched_from is None and task.sent_to is None:
        yield task
        return
    with tempfile.TemporaryDirectory(prefix="cfrnet-live-") as name:
        here = task
        shown: dict[str, str] = {}
        if task.fetched_from is not None:
            here = replace(here, source=Path(name, "in", task.source.name))
            shown[str(here.source)] = str(task.fetched_from)
        if task.sent_to is not None:
            here = replace(here, target=Path(name, "out", task.target.name))
            shown[str(here.target)] = str(task.sent_to)
        try:
            if task.fetched_from is not None:
                here.source.parent.mkdir()
                task.fetched_from.fetch(here.source)
                if task.identity is not None and (changed := task.identity.modified_ns):
                    os.utime(here.source, ns=(changed, changed))
            yield here
            if task.fetched_from is not None:
                task.expect_unchanged()
            if task.sent_to is not None:
                task.sent_to.send(here.target, overwrite=task.overwrite)
        except AppError as error:
            hint = error.hint_phrase
            kept = _kept_of(here.target) if isinstance(error, UnreadableMediaError) and task.sent_to else None
            if kept is not None and task.sent_to is not None:
                try:
                    shown[str(kept)] = str(_send_beside(task.sent_to, kept))
                except AppError as failure:
                    hint = failure.phrase
            raise error.with_words(_with_addresses(error.what_phrase, shown), _with_addresses(hint, shown)) from error


def _kept_of(target: Path) -> Path | None:
    """What restoring the video `target` kept of it, None if nothing."""
    found = target.parent.glob("*.incomplete*")
    return next((path for path in found if path != target and not is_part(path)), None)


def _send_beside(place: RemoteFile, kept: Path) -> RemoteFile:
    """Send `kept` into the folder of `place`, under the first of its name, NAME-2 and so on that is free."""
    number, free = 1, _beside(place, kept.name)
    while free.is_there():
        number += 1
        free = _beside(place, kept.with_stem(f"{kept.stem}-{number}").name)
    free.send(kept, overwrite=False)
    return free


def _beside(place: RemoteFile, name: str) -> RemoteFile:
    """Return the file `name` in the folder of `place`; `name` is written as in an address."""
    if place.path:
        return replace(place, path=str(PurePosixPath(place.path).with_name(name)))
    address, question, query = place.address.revealed().partition("?")
    return replace(place, address=StreamAddress(f"{address.rpartition('/')[0]}/{name}{question}{query}"))


def _with_addresses(words: Phrase, shown: Mapping[str, str]) -> Phrase:
    """Return `words` with the addresses of `shown` in the place of the paths of this machine."""

    def told(value: object) -> object:
        if isinstance(value, Phrase):
            return _with_addresses(value, shown)
        if isinstance(value, str):
            for path, address in shown.items():
                value = value.replace(path, address)
        return value

    return replace(words, values=tuple((name, told(value)) for name, value in words.values))
