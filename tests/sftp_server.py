"""A small SFTP server on the loopback interface, of one folder, for the user of the FTP server."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import paramiko
from paramiko import SFTPAttributes

from tests.ftp_server import PASSWORD, USER


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        right = (username, password) == (USER, PASSWORD)
        return int(paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED)

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return int(paramiko.OPEN_SUCCEEDED)


def _answer(work: Callable[[], object]) -> Any:
    """Return what `work` does, or the code of its error."""
    try:
        done = work()
        return paramiko.SFTP_OK if done is None else done
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno or 0)


class _Handle(paramiko.SFTPHandle):
    def stat(self) -> Any:
        return SFTPAttributes.from_stat(os.fstat((self.readfile or self.writefile).fileno()))


class _Folder(paramiko.SFTPServerInterface):
    def __init__(self, server: paramiko.ServerInterface, folder: Path) -> None:
        super().__init__(server)
        self.folder = folder

    def place(self, path: str) -> Path:
        return self.folder / self.canonicalize(path).lstrip("/")

    def listed(self, path: str) -> list[Path]:
        return list(self.place(path).iterdir())

    def list_folder(self, path: str) -> Any:
        return _answer(
            lambda: [SFTPAttributes.from_stat(each.stat(), each.name) for each in self.place(path).iterdir()]
        )

    def stat(self, path: str) -> Any:
        return _answer(lambda: SFTPAttributes.from_stat(self.place(path).stat()))

    lstat = stat

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> Any:
        def opened() -> _Handle:
            handle = _Handle(flags)
            writes = flags & (os.O_WRONLY | os.O_RDWR)
            handle.writefile = handle.readfile = self.place(path).open("wb" if writes else "rb")
            return handle

        return _answer(opened)

    def remove(self, path: str) -> Any:
        return _answer(self.place(path).unlink)

    def posix_rename(self, oldpath: str, newpath: str) -> Any:
        return _answer(lambda: self.place(oldpath).replace(self.place(newpath)) and None)

    def mkdir(self, path: str, attr: SFTPAttributes) -> Any:
        return _answer(self.place(path).mkdir)


@contextlib.contextmanager
def sftp_server(folder: Path, sessions: list[paramiko.Transport] | None = None) -> Iterator[tuple[str, str]]:
    """Serve `folder`; yields `host:port` and the line that `ssh` would keep in known_hosts.

    Every session is appended to `sessions`, for a test to close.
    """
    key = paramiko.RSAKey.generate(2048)
    listening = socket.create_server(("127.0.0.1", 0))
    transports = sessions if sessions is not None else []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                transport = paramiko.Transport(connection)
                transport.add_server_key(key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Folder, folder=folder)
                transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(server=_Login())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = listening.getsockname()[1]
    try:
        yield f"127.0.0.1:{port}", f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
    finally:
        with contextlib.suppress(OSError):  # only Linux shuts down a socket that listens
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for transport in transports:
            transport.close()
        thread.join(timeout=5)


def sftp_address(server: str, path: str, password: str = PASSWORD) -> str:
    """Return the address of `path` on `server`, with name and password."""
    return f"sftp://{quote(USER)}:{quote(password, safe='')}@{server}/{path}"
