"""One file on an FTP server, whose size and time fsspec would look up in a list of its whole folder."""

from __future__ import annotations

import ftplib
from typing import Any

_MISSING = "550"
_KINDS = {"file": "file", "dir": "directory"}


def look_up(system: Any, place: str) -> None:
    """Have fsspec's FTPFileSystem know the file or folder at `place`, or that there is none, without listing.

    A server that lacks the command for this (MLST, RFC 3659, 7) is left alone.
    """
    path = system._strip_protocol(place)
    entries: list[tuple[str, dict[str, Any]]] = []
    try:
        answer = system.ftp.sendcmd(f"MLST {path}").split("\n")
    except ftplib.error_perm as error:
        if not str(error).startswith(_MISSING):
            return
    else:
        told = (fact.partition("=") for fact in answer[1].strip().partition("; ")[0].split(";")) if answer[1:] else ()
        facts: dict[str, Any] = {name.lower(): value for name, _, value in told}
        kind = _KINDS.get(facts.get("type", "").lower())
        if kind is None:
            return
        facts |= {"name": path, "type": kind, "size": int(facts.get("size", 0))}
        entries.append((path, facts))
    system.dircache[system._parent(path)] = entries
