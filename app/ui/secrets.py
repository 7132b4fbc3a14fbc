"""Logins of network cameras, kept by the system's keyring where the optional package `keyring` is installed."""

from __future__ import annotations

import importlib
import logging
from typing import Protocol

from app.core.address import StreamAddress

_SERVICE = "CFRNet Live"

_log = logging.getLogger(__name__)


class Keyring(Protocol):
    """The part of the package `keyring` that is used."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...


class SecretStore:
    """Takes the secrets out of an address before it is stored, and puts them back if there is a keyring to keep them.

    Without one nothing secret is kept anywhere, and the camera asks for its login again. The keyring, which may be slow
    or wait for the person, is asked once for an address, and not again in this run once it has refused. What it
    holds is never replaced by an address that lacks its secrets.
    """

    def __init__(self, keyring: Keyring | None = None) -> None:
        self._keyring = keyring
        self._known: dict[str, str] = {}  # what the keyring holds, by address without secrets
        self._refuses: set[str] = set()  # "reading", "writing"

    def without(self, source: str) -> str:
        """Return `source` without secrets, for a file; the secrets go to the keyring."""
        try:
            address = StreamAddress(source)
        except ValueError:
            return source
        is_new = address.has_secrets and not address.lacks_secrets and self._known.get(address.remembered()) != source
        if is_new and "writing" not in self._refuses:
            try:
                keyring = self._keyring or _installed()
                if keyring is not None:
                    keyring.set_password(_SERVICE, address.remembered(), source)
                    self._known[address.remembered()] = source
            except Exception as error:  # every system's keyring has its own failures
                _log.info("the login is not remembered: %s", type(error).__name__)
                self._refuses.add("writing")
        return address.remembered()

    def complete(self, source: str) -> str:
        """Return `source` with its secrets from the keyring."""
        if "://" not in source:
            return source
        if source in self._known or "reading" in self._refuses:
            return self._known.get(source, source)
        try:
            keyring = self._keyring or _installed()
            found = keyring.get_password(_SERVICE, source) if keyring is not None else None
        except Exception as error:
            _log.info("the keyring does not answer: %s", type(error).__name__)
            self._refuses.add("reading")
            return source
        self._known[source] = found or source
        return self._known[source]


def _installed() -> Keyring | None:
    try:
        module: Keyring = importlib.import_module("keyring")
    except ImportError:
        return None
    return module
