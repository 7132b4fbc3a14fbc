"""From files to tasks: the work for each file of a job, as values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.batch.jobs.plan import Item
from app.batch.jobs.task import InputIdentity, Task
from app.batch.videos.extent import Extent
from app.batch.videos.pieces import Span, cut
from app.core.errors import UnreadableMediaError

_PICTURE_WEIGHT = 8.0
"""In video frames: a picture is searched for faces at several sizes."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The tasks of one file: `pieces` of a video worth cutting, and the `final` task that makes the result."""

    item: Item
    final: Task
    pieces: tuple[Task, ...] = ()


def work_for(item: Item, how: str, folder: Path, *, mine: bool = True) -> Work:
    """Decide how `item` is restored. `how` is the digest of the job's options; pieces go into `folder`.

    A picture that is not `mine` is not opened: another process restores it, and here it only counts.

    A file that cannot be read is one task too; its worker reports the error. So is a video behind an address, because
    its pieces would have to be where every worker sees them.
    """
    if not mine:
        return Work(item=item, final=_task(item, how, None, weight=_PICTURE_WEIGHT))
    try:
        remote = item.fetched_from
        identity = InputIdentity.of(item.source) if remote is None else InputIdentity.of_remote(remote)
    except UnreadableMediaError:
        return Work(item=item, final=_task(item, how, None, weight=1.0))
    if item.kind != "video" or item.fetched_from is not None or item.sent_to is not None:
        return Work(item=item, final=_task(item, how, identity, weight=_PICTURE_WEIGHT))
    try:
        extent = Extent.of(item.source)
    except UnreadableMediaError:
        return Work(item=item, final=_task(item, how, identity, weight=1.0))
    spans = cut(extent)
    if len(spans) == 1:
        return Work(item=item, final=_task(item, how, identity, weight=extent.frames))
    pieces = tuple(
        _piece(item, how, identity, span=span, number=number, folder=folder, weight=extent.frames / len(spans))
        for number, span in enumerate(spans, start=1)
    )
    final = _task(item, how, identity, weight=0.0, kind="join")
    return Work(item=item, final=final, pieces=pieces)


def pieces_of(items: Iterable[Item], folder: Path) -> list[Path]:
    """Return the files in `folder` that are pieces of `items`, those of older versions of a video among them."""
    beginnings = {_beginning(item) for item in items}
    return [path for path in folder.glob("*.mp4") if path.name.partition("-")[0] in beginnings]


def _task(item: Item, how: str, identity: InputIdentity | None, *, weight: float, kind: str = "") -> Task:
    return Task(
        key=item.name,
        kind="join" if kind == "join" else item.kind,
        name=item.name,
        source=item.source,
        target=item.target,
        identity=identity,
        digest=_digest(how, item, identity),
        weight=weight,
        fetched_from=item.fetched_from,
        sent_to=item.sent_to,
    )


def _piece(
    item: Item, how: str, identity: InputIdentity, *, span: Span, number: int, folder: Path, weight: float
) -> Task:
    return Task(
        key=f"{item.name}/#{number}",  # no other file can have that name, because the video is no folder
        kind="piece",
        name=item.name,
        source=item.source,
        target=folder / f"{_beginning(item)}-{number:05}.mp4",
        identity=identity,
        digest=_digest(how, item, identity, span.start, span.end),
        weight=weight,
        overwrite=True,
        span=span,
    )


def _beginning(item: Item) -> str:
    """Return how the names of the item's pieces begin."""
    return hashlib.sha256(item.name.encode(errors="surrogateescape")).hexdigest()[:16]


def _digest(how: str, item: Item, identity: InputIdentity | None, *more: object) -> str:
    source = str(item.fetched_from or item.source.absolute())
    content = json.dumps([how, item.kind, source, repr(identity), *more])
    return hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()
