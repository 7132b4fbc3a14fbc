"""A small FTP server on the loopback interface, of one folder, for one user with a password."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

USER, PASSWORD = "anna", "s3cr/t@word"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    folder: Path
    commands: list[str]
    lacks: str


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.name, self.allowed, self.renamed, self.start = "", False, Path(), 0
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)  # an ABOR ends in an urgent byte
        self.passive: socket.socket | None = None
        self.say("220 ready")
        while line := self.rfile.readline():
            command, _, argument = line.decode().strip().partition(" ")
            self.server.commands.append(command)
            if command == "QUIT":
                self.say("221 bye")
                break
            try:
                self.answer(command, argument)
            except OSError as error:
                self.say(f"550 {type(error).__name__}")
        self.listen(0)

    def listen(self, count: int) -> int:
        """Wait for `count` data connections, and no more for an earlier one; returns the port."""
        if self.passive is not None:
            self.passive.close()
        self.passive = socket.create_server(("127.0.0.1", 0)) if count else None
        return self.passive.getsockname()[1] if self.passive is not None else 0

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def place(self, argument: str) -> Path:
        if not self.allowed:
            raise PermissionError
        return self.server.folder / argument.strip("/")

    def transfer(self, work: Callable[[socket.socket], None]) -> None:
        self.say("150 now")
        assert self.passive is not None
        connection, _ = self.passive.accept()
        try:
            with connection:
                work(connection)
        except (BrokenPipeError, ConnectionResetError):  # whoever wanted only the beginning
            self.say("426 broken off")
        else:
            self.say("226 done")

    def answer(self, command: str, argument: str) -> None:
        if command == self.server.lacks:
            self.say("502 not known")
        elif command == "USER":
            self.name = argument
            self.say("331 and the password?")
        elif command == "PASS":
            self.allowed = (self.name, argument) == (USER, PASSWORD)
            self.say("230 welcome" if self.allowed else "530 no")
        elif command in ("TYPE", "CWD"):
            self.say("200 fine")
        elif command == "ABOR":
            self.say("226 broken off")
        elif command == "REST":
            self.start = int(argument)
            self.say("350 from there")
        elif command == "PWD":
            self.say('257 "/"')
        elif command == "EPSV":
            self.say(f"229 here (|||{self.listen(1)}|)")
        elif command == "PASV":
            high, low = divmod(self.listen(1), 256)
            self.say(f"227 here (127,0,0,1,{high},{low})")
        elif command == "MLSD":
            lines = [_facts(path) for path in sorted(self.folder_of(argument).iterdir())]
            self.transfer(lambda data: data.sendall("".join(lines).encode()))
        elif command == "MLST":
            path = self.place(argument)
            if not path.exists():
                raise FileNotFoundError
            self.say(f"250-here\r\n {_facts(path)}250 done")
        elif command == "SIZE":
            self.say(f"213 {self.file_of(argument).stat().st_size}")
        elif command == "RETR":
            content = self.file_of(argument).read_bytes()[self.start :]
            self.start = 0
            self.transfer(lambda data: data.sendall(content))
        elif command == "STOR":
            with self.place(argument).open("r+b" if self.start else "wb") as file:
                file.seek(self.start)
                self.start = 0
                self.transfer(lambda data: _take(data, file.write))
        elif command == "MKD":
            self.place(argument).mkdir()
            self.say(f'257 "{argument}"')
        elif command == "DELE":
            self.place(argument).unlink()
            self.say("250 gone")
        elif command == "RNFR":
            self.renamed = self.file_of(argument)
            self.say("350 to where?")
        elif command == "RNTO":
            self.renamed.rename(self.place(argument))
            self.say("250 renamed")
        else:
            self.say("502 not known")

    def folder_of(self, argument: str) -> Path:
        return self.existing(argument, folder=True)

    def file_of(self, argument: str) -> Path:
        return self.existing(argument, folder=False)

    def existing(self, argument: str, *, folder: bool) -> Path:
        path = self.place(argument)
        if not (path.is_dir() if folder else path.is_file()):
            raise FileNotFoundError
        return path


def _facts(path: Path) -> str:
    status = path.stat()
    modified = time.strftime("%Y%m%d%H%M%S", time.gmtime(status.st_mtime))
    return f"type={'dir' if path.is_dir() else 'file'};size={status.st_size};modify={modified}; {path.name}\r\n"


def _take(data: socket.socket, write: Callable[[bytes], object]) -> None:
    while block := data.recv(1 << 16):
        write(block)


@contextlib.contextmanager
def ftp_server(folder: Path, commands: list[str] | None = None, *, lacks: str = "") -> Iterator[str]:
    """Serve `folder`; yields its address without the login.

    Every command is appended to `commands`; that which it `lacks` the server does not know.
    """
    server = _Server(("127.0.0.1", 0), _Session)
    server.folder, server.lacks = folder, lacks
    server.commands = commands if commands is not None else []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ftp_address(place: str, path: str, *, password: str = PASSWORD) -> str:
    return f"ftp://{USER}:{quote(password, safe='')}@{place}/{path}"
