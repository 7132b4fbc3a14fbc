"""Addresses of streams as they may be shown, logged and copied: without the name and the password in them."""

from __future__ import annotations

import re

_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def without_login(text: str) -> str:
    """`text` with the login of every address in it left out: `http://NAME:WORD@host/` becomes `http://host/`."""
    return _LOGIN.sub("", text)
