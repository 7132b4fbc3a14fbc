"""Addresses of streams: which parts may be shown, logged and stored, and which are secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

_SECRET_NAME = re.compile(
    r"pass|pwd|user|usr|login|auth|token|secret|key|(?<![a-z])sign?$|signature|session|sid$|credential", re.IGNORECASE
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\]]+)(:\d+)?(?=[/?#]|$)")
_LIKE_A_HOST = re.compile(r"[^\s/?#@]*[.:\]]|localhost")
_LOGIN_IN_TEXT = re.compile(
    r"(?<=://)(?:[^\s/@:]+:(?!\d{1,5}(?:[/?#\s]|$))[^\n@]*(?:@[^\s@/]*(?=@))*|[^\s/@]+"
    rf"|(?!localhost)[^\s/@:.]+:\d+[/?#]\S*(?=@(?:{_LIKE_A_HOST.pattern})))@"
)
_SECRET_IN_TEXT = re.compile(r"([?&;][^=\s&?;]*=)([^\s&#;'\"]+)")
_SECRET_IN_PATH = re.compile(r"((?:^|[/&;,_])[^=/&;,_\s]*=)(.*?)(?=[&;,_/][^=/&;,_]*=|$)")
_CAMERA_IN_TEXT = re.compile(r"\brtsps?://\S+", re.IGNORECASE)
_HIDDEN = "…"
_INSECURE = "#insecure"
_WITH_FRAGMENT = ("http", "https", "rtsp", "rtsps")
"""Kinds of addresses in which `#` ends the path; to the others it is a letter of a file's name like any other."""


@dataclass(frozen=True)
class StreamAddress:
    """An address that never prints its secrets: `str`, `repr` and formatting leave out the login and secret values.

    `text` is as typed: the login may contain unescaped `@`, `/` and spaces, and a final `#insecure` turns off checking
    the certificate. Raises ValueError for a text that is no address.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self._parts().hostname:
            raise ValueError("an address needs a host")
        self._parts().port  # noqa: B018  (raises ValueError for a port that is no number)

    def __str__(self) -> str:
        """Return the address for display: scheme, host and path; secret values as three dots.

        Those are of the query, and of the path of a camera, where many recorders want the login.
        """
        parts = self._parts()
        path = _hidden_path(parts.path) if parts.scheme in ("rtsp", "rtsps") else parts.path
        shown = urlunsplit((parts.scheme, self._place(), path, "", ""))
        return shown + ("?" + _hidden_query(parts.query) if parts.query else "")

    def __repr__(self) -> str:
        return f"StreamAddress({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    @property
    def scheme(self) -> str:
        return self._parts().scheme

    @property
    def host(self) -> str:
        return self._parts().hostname or ""

    @property
    def port(self) -> int | None:
        return self._parts().port

    @property
    def login(self) -> tuple[str, str] | None:
        """The name and the password, None without a login."""
        parts = self._parts()
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None

    @property
    def insecure(self) -> bool:
        """Whether checking the certificate is turned off."""
        return f"#{self._parts().fragment}" == _INSECURE

    @property
    def has_secrets(self) -> bool:
        return self.login is not None or _HIDDEN in str(self)

    @property
    def lacks_secrets(self) -> bool:
        """Whether a secret value is only the dots of `str` and `remembered`, with which nothing can be opened."""
        parts = self._parts()
        values = (*_SECRET_IN_PATH.finditer(parts.path), *_SECRET_IN_TEXT.finditer("?" + parts.query))
        return any(_is_secret(value) and value[2] == _HIDDEN for value in values)

    def revealed(self) -> str:
        """Return the complete address for a library, with the login escaped. Must not be shown or logged."""
        return urlunsplit(self._parts()._replace(fragment=""))

    def without_login(self) -> StreamAddress:
        """Return the same address without the name and the password."""
        return StreamAddress(urlunsplit(self._parts()._replace(netloc=self._place())))

    def moved_to(self, place: StreamAddress) -> StreamAddress:
        """Return the address of `place` with this one's login and trust."""
        login, at, _ = self._parts().netloc.rpartition("@")
        parts = place._parts()
        return StreamAddress(
            urlunsplit(parts._replace(netloc=login + at + place._place(), fragment=self._parts().fragment))
        )

    def remembered(self) -> str:
        """Return what may be stored: no secrets, but `#insecure` if it is set."""
        return str(self) + (_INSECURE if self.insecure else "")

    def _place(self) -> str:
        return self._parts().netloc.rpartition("@")[2]

    def _parts(self) -> SplitResult:
        scheme, separator, rest = self.text.partition("://")
        if not separator:
            raise ValueError("an address begins with its kind, such as http://")
        login, place = _split_login(rest)
        if login is not None:
            name, colon, password = login.partition(":")
            rest = f"{_escaped(name)}{colon}{_escaped(password)}@{place}"
        address = f"{scheme.lower()}://{rest}"
        parts = urlsplit(address.removesuffix(_INSECURE), allow_fragments=scheme.lower() in _WITH_FRAGMENT)
        return parts._replace(fragment=_INSECURE[1:]) if address.endswith(_INSECURE) else parts


def without_secrets(text: str) -> str:
    """Return `text` without the logins and secret values of all addresses in it, for messages of libraries."""
    text = _SECRET_IN_TEXT.sub(_hide, _LOGIN_IN_TEXT.sub("", text))
    return _CAMERA_IN_TEXT.sub(lambda found: _hidden_path(found[0]), text)


def shown_source(text: str) -> str:
    """Return a source's text for display: an address without its secrets, anything else unchanged."""
    try:
        return str(StreamAddress(text))
    except ValueError:
        return without_secrets(text)


def path_of_address(text: str) -> str:
    """Return the path that a `file://` address names."""
    from urllib.request import url2pathname  # with a whole HTTP client: 70 ms that hardly any start needs

    return url2pathname(urlsplit(text).path)


def with_scheme(text: str) -> str:
    """Return `text` as an address, with `http://` in front of one without a scheme; empty stays empty."""
    text = text.strip()
    return text if not text or "://" in text else f"http://{text.lstrip('/')}"


def _split_login(rest: str) -> tuple[str | None, str]:
    """Split off the login, None without one. A password may contain `@` and `/`, a path may contain `@`."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    plain, at, _ = authority.rpartition("@")
    after = rest[len(plain) + 1 :] if at else rest
    *_, last = rest.split("?", 1)[0].rpartition("@")
    is_host = "@" in rest and _HOST.match(last)
    looks_like_host = is_host and _LIKE_A_HOST.match(last)
    if at:
        # NAME:PASS@WORD/MORE@HOST: urlsplit takes WORD for the host.
        return (
            (rest[: len(rest.split("?", 1)[0]) - len(last) - 1], _after(rest, last))
            if ("@" in after.split("?", 1)[0] and looks_like_host)
            else (plain, after)
        )
    name, colon, password = authority.partition(":")
    may_be_login = is_host and colon and name and password and not authority.startswith("[")  # of an IPv6 address
    # Digits are a port, unless only what stands behind them looks like a host.
    if may_be_login and (not _is_port(password) or (looks_like_host and not _LIKE_A_HOST.match(name))):
        return rest[: len(rest.split("?", 1)[0]) - len(last) - 1], _after(rest, last)
    return None, rest


def _is_port(text: str) -> bool:
    return text.isdecimal() and len(text) <= 5 and int(text) <= 65535


def _after(rest: str, last: str) -> str:
    before, question, query = rest.partition("?")
    return before[len(before) - len(last) :] + question + query


def _escaped(text: str) -> str:
    return quote(unquote(text), safe="")


def _hidden_path(path: str) -> str:
    return _SECRET_IN_PATH.sub(_hide, path)


def _hidden_query(query: str) -> str:
    return _SECRET_IN_TEXT.sub(_hide, "?" + query)[1:]


def _hide(match: re.Match[str]) -> str:
    return match[1] + (_HIDDEN if _is_secret(match) else match[2])


def _is_secret(match: re.Match[str]) -> bool:
    name = match[1][1:-1]  # without the separator and the equals sign
    return _SECRET_NAME.search(name) is not None
