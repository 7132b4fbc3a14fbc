"""Addresses of streams: as people write them, and as they may be shown, without the login in them."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def without_login(text: str) -> str:
    """`text` with the login of every address in it left out: `http://NAME:WORD@host/` becomes `http://host/`."""
    return _LOGIN.sub("", text)


def with_scheme(text: str) -> str:
    """`text` as an address: `http://` is put before one that names no kind; empty for nothing."""
    text = text.strip()
    return text if not text or "://" in text else f"http://{text.lstrip('/')}"
