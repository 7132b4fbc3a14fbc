"""Files behind addresses that fsspec knows: listed, fetched and sent. Secrets of an address are never shown."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote

from app.core.address import StreamAddress, shown_source, without_secrets
from app.core.errors import AppError, OutputError, UnreadableMediaError
from app.core.words import phrase

_NEEDS = "fsspec"
_STREAMS = ("rtsp", "rtsps")  # what they send has no end
_SSH = ("sftp", "ssh")
_HTTP = ("http", "https")
_CONNECT_S, _SILENT_S = 30, 60
_LOGIN_NAMES = {"s3": ("key", "secret"), "s3a": ("key", "secret")}
_LOGIN_OF_MOST = ("username", "password")

_T = TypeVar("_T")


def is_address(text: str) -> bool:
    """Whether `text`, as typed for a file or folder, is an address."""
    return "://" in text


@dataclass(frozen=True)
class RemoteFile:
    """A file or folder behind an address; a plain value that is sent to other machines."""

    address: StreamAddress
    path: str = ""
    """In the folder of the address, with slashes."""

    @classmethod
    def of(cls, text: str) -> RemoteFile:
        """Return what `text` names. Raises UnreadableMediaError for an address that nothing here can open."""
        if text.partition("://")[0].lower() in _STREAMS:
            raise UnreadableMediaError(
                "restore works on files, and {address} is a stream.",
                "Open it in the window and record it: python main.py --source ADDRESS",
                address=shown_source(text),
            )
        if importlib.util.find_spec(_NEEDS) is None:
            raise UnreadableMediaError(
                "{address} needs the package {package}.",
                "Install it: pip install fsspec s3fs paramiko",
                address=shown_source(text),
                package=_NEEDS,
            )
        try:
            return cls(StreamAddress(text))
        except ValueError:  # its words may hold a part of a password
            raise UnreadableMediaError(
                "{address} is no address that can be opened.", "Check how it is written.", address=shown_source(text)
            ) from None

    def __str__(self) -> str:
        return self._below(str(self.address))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(unquote(self._place())).name

    def child(self, path: str) -> RemoteFile:
        """Return a file in this folder, by its path with slashes."""
        return RemoteFile(self.address, f"{self.path}/{path}" if self.path else path)

    def path_in(self, folder: RemoteFile) -> str | None:
        """Return the path of this file below `folder`, "" for the same place, None if it is somewhere else.

        Raises UnreadableMediaError for an address that cannot be opened.
        """
        (system, place), (other, root) = (each._read(lambda *opened: opened) for each in (self, folder))
        place, root = place.rstrip("/"), root.rstrip("/")
        if system != other or not f"{place}/".startswith(f"{root}/"):
            return None
        return str(place[len(root) :].strip("/"))

    def shown_path(self) -> Path:
        """Return a path for messages and suffixes; nothing is there."""
        return Path(self._place())

    def is_folder(self) -> bool:
        """Raises UnreadableMediaError when the address cannot be reached."""
        return self._read(lambda system, place: bool(system.isdir(place)))

    def is_there(self) -> bool:
        """Whether there is a file or folder. Raises UnreadableMediaError when the address cannot be reached."""

        def there(system: Any, place: str) -> bool:
            self._look_up(system, place)
            return bool(system.exists(place))

        return self._read(there)

    def files(self) -> list[str]:
        """Return the paths of every file in this folder, in order. Raises UnreadableMediaError.

        Hidden ones are left out, and on Windows those whose names would lead to another place.
        """

        def found(system: Any, place: str) -> list[str]:
            root = place.rstrip("/")
            return [str(path)[len(root) :].strip("/") for path in system.find(place)]

        return sorted(path for path in self._read(found) if not any(map(_is_left_out, path.split("/"))))

    def identity(self, beginning: int) -> tuple[int, int, str]:
        """Return size, time of change in ns (0 if nothing tells) and SHA-256 of the first `beginning` bytes.

        Raises UnreadableMediaError.
        """

        def read(system: Any, place: str) -> tuple[int, int, str]:
            self._look_up(system, place)
            facts = system.info(place)
            with system.open(place, "rb") as file:
                digest = hashlib.sha256(file.read(beginning)).hexdigest()
            return int(facts.get("size") or 0), _nanoseconds(facts), digest

        return self._read(read)

    def fetch(self, target: Path) -> None:
        """Copy the file to `target` here. Raises UnreadableMediaError."""
        self._read(lambda system, place: system.get_file(place, str(target)))

    def send(self, source: Path, *, overwrite: bool) -> None:
        """Copy the file `source` to this place, under another name until it is whole. Raises OutputError."""
        suffix = f".{secrets.token_hex(4)}.part"

        def write(system: Any, place: str) -> None:
            if not overwrite and system.exists(place):
                raise OutputError(
                    "{path} is there already.", "Choose another name, or add --overwrite to replace it.", path=self
                )
            _make_folder(system, place.rpartition("/")[0])
            part = f"{place}{suffix}"
            try:
                system.put_file(str(source), part)
                try:
                    system.mv(part, place)
                except Exception:
                    if not overwrite or not system.exists(place):
                        raise
                    system.rm_file(place)  # such as FTP, where renaming to what is there may be refused
                    system.mv(part, place)
            except BaseException:
                with contextlib.suppress(Exception):
                    system.rm_file(part)
                raise

        self._use(write, OutputError)

    def _read(self, work: Callable[[Any, str], _T]) -> _T:
        return self._use(work, UnreadableMediaError)

    def _use(self, work: Callable[[Any, str], _T], kind: type[AppError]) -> _T:
        """Return what `work` makes of fsspec's file system and the path in it. Errors are of `kind`.

        `work` is done once more, through a new connection, when the one it had broke.
        """
        with self._errors_named(kind):
            system, place = self._open()
            try:
                return work(system, place)
            except Exception as error:
                if not isinstance(error, (ConnectionError, EOFError, TimeoutError)) and not self._is_lost(system):
                    raise
                system.clear_instance_cache()
            return work(*self._open())

    def _look_up(self, system: Any, place: str) -> None:
        if self.address.scheme == "ftp":
            from app.media.ftp import look_up

            look_up(system, place)

    def _is_lost(self, system: Any) -> bool:
        """Whether the connection that `system` keeps has ended. Only that of SSH does fsspec not renew by itself."""
        if self.address.scheme not in _SSH:
            return False
        from app.media.sftp import is_connected

        return not is_connected(system)

    def _open(self) -> tuple[Any, str]:
        """Return fsspec's file system, connected and without what it remembers of folders, and the path in it."""
        from fsspec.core import url_to_fs

        login = self.address.login
        options: dict[str, Any] = {}
        if self.address.scheme in _HTTP:
            options["client_kwargs"] = _http_options(login)
        elif login is not None:
            options |= zip(_LOGIN_NAMES.get(self.address.scheme, _LOGIN_OF_MOST), login, strict=True)
        if self.address.scheme in _SSH:
            from app.media.sftp import KnownHosts, keep_alive

            options["host_key_policy"] = KnownHosts
        address = self.address.without_login().revealed()
        system, place = url_to_fs(address, **options)
        if self._is_lost(system):
            system.clear_instance_cache()
            system, place = url_to_fs(address, **options)
        if self.address.scheme in _SSH:
            keep_alive(system)
        system.invalidate_cache()
        return system, self._below(place)

    def _place(self) -> str:
        """The address without its query, which belongs to no name."""
        return self._below(str(self.address).partition("?")[0])

    def _below(self, folder: str) -> str:
        return f"{folder.rstrip('/')}/{self.path}" if self.path else folder

    @contextlib.contextmanager
    def _errors_named(self, kind: type[AppError]) -> Iterator[None]:
        """Turn whatever a library raises into `kind`, without the secrets and without the library's own traceback."""
        try:
            yield
        except AppError:
            raise
        except FileNotFoundError:
            raise kind(phrase("There is nothing at {address}."), phrase("Check the address."), address=self) from None
        except ImportError as error:
            raise kind(
                phrase("{address} needs another package: {error}."),
                phrase("Install it beside this application."),
                address=self,
                error=self._without_secrets(error),
            ) from None
        except Exception as error:
            raise kind(
                phrase("{address} cannot be used: {error}."),
                phrase("Check the address, the name and the password."),
                address=self,
                error=self._without_secrets(error),
            ) from None

    def _without_secrets(self, error: Exception) -> str:
        text = without_secrets(str(error) or type(error).__name__)
        for secret in filter(None, self.address.login or ()):
            text = text.replace(secret, "…")
        return text.rstrip(".")


def _http_options(login: tuple[str, str] | None) -> dict[str, Any]:
    """Return the options of aiohttp's session, which by itself ends every transfer after five minutes."""
    from aiohttp import ClientTimeout

    options: dict[str, Any] = {"timeout": ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENT_S)}
    if login is not None:
        basic = base64.b64encode(":".join(login).encode()).decode()
        options["headers"] = {"Authorization": f"Basic {basic}"}
    return options


def _is_left_out(part: str) -> bool:
    return part.startswith(".") or (os.name == "nt" and not {"\\", ":"}.isdisjoint(part))


def _nanoseconds(facts: dict[str, Any]) -> int:
    """The time of change from a file system's facts, whose names and types differ."""
    for name in ("mtime", "LastModified", "last_modified", "modify", "updated", "created"):
        value = facts.get(name)
        if isinstance(value, datetime):
            return int(value.timestamp() * 1e9)
        if isinstance(value, int | float):
            return int(value * 1e9)
        if isinstance(value, str) and value:
            return int.from_bytes(hashlib.sha256(value.encode()).digest()[:6], "big")
    return 0


def _make_folder(system: Any, folder: str) -> None:
    """Make `folder` unless it is there; another process may make it at the same moment."""
    try:
        system.makedirs(folder, exist_ok=True)
    except Exception:
        system.invalidate_cache()
        if not system.isdir(folder):
            raise
