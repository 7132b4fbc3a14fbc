"""Addresses of streams: what may be shown, logged and remembered of them, and what may not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

_SECRET_NAME = re.compile(
    r"pass|pwd|user|usr|login|auth|token|secret|key|sign?$|session|sid$|credential", re.IGNORECASE
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\]]+)(:\d+)?(?=[/?#]|$)")
_LOGIN_IN_TEXT = re.compile(r"(?<=://)(?:[^\s/@:]+:(?!\d+(?:[/?#\s]|$))[^\n@]*(?:@[^\s@/]*(?=@))*|[^\s/@]+)@")
_SECRET_IN_TEXT = re.compile(r"([?&;][^=\s&?;]*=)([^\s&#;'\"]+)")
_HIDDEN = "…"
_INSECURE = "insecure"


@dataclass(frozen=True)
class StreamAddress:
    """An address that never prints its secrets: `str`, `repr` and formatting leave out the login and secret values.

    `text` is what the person wrote, with a login in which `@`, `/` and spaces may stand as they are, and `#insecure` at
    its end for a camera whose certificate is not to be checked. Raises ValueError for a text that is no address.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self._parts().hostname:
            raise ValueError("an address needs a host")
        self._parts().port  # noqa: B018  (raises ValueError for a port that is no number)

    def __str__(self) -> str:
        """The address for people: scheme, host and path; a secret value of the query as three dots."""
        parts = self._parts()
        shown = urlunsplit((parts.scheme, self._place(), parts.path, "", ""))
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
        """The name and the password, None without."""
        parts = self._parts()
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username is not None else None

    @property
    def insecure(self) -> bool:
        """Whether the person said that the certificate is not to be checked."""
        return self._parts().fragment == _INSECURE

    @property
    def has_secrets(self) -> bool:
        return self.login is not None or _HIDDEN in str(self)

    def revealed(self) -> str:
        """The whole address as a library takes it, its login escaped. Never to be shown or logged."""
        return urlunsplit(self._parts()._replace(fragment=""))

    def without_login(self) -> StreamAddress:
        """The same place without the name and the password."""
        return StreamAddress(urlunsplit(self._parts()._replace(netloc=self._place())))

    def moved_to(self, place: StreamAddress) -> StreamAddress:
        """The address of `place` with this one's login and trust."""
        login, at, _ = self._parts().netloc.rpartition("@")
        parts = place._parts()
        return StreamAddress(
            urlunsplit(parts._replace(netloc=login + at + place._place(), fragment=self._parts().fragment))
        )

    def remembered(self) -> str:
        """What may be written to a file: no secrets, but that the certificate is not to be checked."""
        return str(self) + (f"#{_INSECURE}" if self.insecure else "")

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
        return urlsplit(f"{scheme.lower()}://{rest}")


def without_secrets(text: str) -> str:
    """`text` with the logins and secret values of all addresses in it left out; for what others wrote."""
    return _SECRET_IN_TEXT.sub(_hide, _LOGIN_IN_TEXT.sub("", text))


def shown_source(text: str) -> str:
    """What a person named as a source, fit to be shown: an address without its secrets, anything else as it is."""
    try:
        return str(StreamAddress(text))
    except ValueError:
        return without_secrets(text)


def with_scheme(text: str) -> str:
    """`text` as an address: `http://` is put before one that names no kind; empty for nothing."""
    text = text.strip()
    return text if not text or "://" in text else f"http://{text.lstrip('/')}"


def _split_login(rest: str) -> tuple[str | None, str]:
    """The login, None without, and what follows it. A password may hold `@` and `/`, a path may hold `@`."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    plain, at, _ = authority.rpartition("@")
    after = rest[len(plain) + 1 :] if at else rest
    *_, last = rest.split("?", 1)[0].rpartition("@")
    looks_like_host = "@" in rest and _HOST.match(last) and re.match(r"[^/?#]*[.:\]]|localhost", last)
    if at:
        # NAME:PASS@WORD/MORE@HOST: the standard reading takes WORD for the host.
        return (
            (rest[: len(rest.split("?", 1)[0]) - len(last) - 1], _after(rest, last))
            if ("@" in after.split("?", 1)[0] and looks_like_host)
            else (plain, after)
        )
    name, colon, password = authority.partition(":")
    if looks_like_host and colon and name and not password.isdecimal():
        return rest[: len(rest.split("?", 1)[0]) - len(last) - 1], _after(rest, last)
    return None, rest


def _after(rest: str, last: str) -> str:
    before, question, query = rest.partition("?")
    return before[len(before) - len(last) :] + question + query


def _escaped(text: str) -> str:
    return quote(unquote(text), safe="")


def _hidden_query(query: str) -> str:
    return _SECRET_IN_TEXT.sub(_hide, "?" + query)[1:]


def _hide(match: re.Match[str]) -> str:
    return match[1] + (_HIDDEN if _SECRET_NAME.search(match[1]) else match[2])
