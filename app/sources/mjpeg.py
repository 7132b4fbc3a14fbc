"""MJPEG over HTTP as network cameras and phones send it: JPEG after JPEG in one multipart response.

Read here and not by FFmpeg, so that every wait has a time-out and `close` from another thread ends it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import io
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from urllib.error import URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import (
    AbstractDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Request,
    parse_http_list,
    parse_keqv_list,
)

from app.core.address import StreamAddress
from app.core.errors import SourceOfflineError, StreamOpenError
from app.core.words import Phrase, phrase
from app.media.files import reason
from app.sources.tls import certificate_error, tls_context

_MAX_REDIRECTS = 3
_MAX_PICTURE_BYTES = 64 * 1024 * 1024
_DIGESTS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_REACH_HINT = phrase("Check the address, and that the camera is on and in the same network.")


class NotMjpegError(Exception):
    """A server that responds with something other than MJPEG, named by `content_type`."""

    def __init__(self, content_type: str) -> None:
        super().__init__(content_type)
        self.content_type = content_type


class MjpegReader:
    """One connection. `read_jpeg` returns the bytes of the next picture or raises SourceOfflineError.

    `place` is the address after redirects, once it is open.
    """

    def __init__(
        self,
        address: StreamAddress,
        *,
        open_timeout_s: float,
        read_timeout_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._address = address
        self.place = address
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._clock = clock
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None
        self._boundary = b""
        self._buffer = b""

    def open(self) -> None:
        """Connect and read the response's head. Raises StreamOpenError, or NotMjpegError for other content."""
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._logged_in(self.place)
            target = response.getheader("Location") if 300 <= response.status < 400 else None
            if target is None:
                break
            response.close()
            self.place = self._redirected(target)
        no_login = self.place.login is None
        if response.status in (401, 403) and no_login:
            raise StreamOpenError(
                "{address} asks for a name and a password.",
                "Write them as http://NAME:PASSWORD@...",
                address=self._address,
            )
        if response.status != 200:
            raise StreamOpenError(
                "{address} answers {status} {reason}.",
                phrase("Check the address.") if no_login else phrase("Check the address, the name and the password."),
                address=self._address,
                status=str(response.status),
                reason=http.client.responses.get(response.status) or phrase("of an unknown kind"),
            )
        kind = response.getheader("Content-Type", "")
        if not kind.lower().startswith("multipart/"):
            response.close()
            raise NotMjpegError(kind)
        boundary = re.search(r'boundary="?([^";]+)"?', kind, re.IGNORECASE)
        if boundary is None:
            raise StreamOpenError(
                "{address} does not say where one picture ends.", "It is no MJPEG stream.", address=self._address
            )
        self._boundary = b"--" + boundary[1].strip().removeprefix("--").encode("latin-1")
        self._response = response
        if self._socket is not None:
            self._socket.settimeout(self._read_timeout_s)

    def read_jpeg(self) -> bytes:
        deadline = self._clock() + self._read_timeout_s
        self._skip_past(self._boundary, deadline)
        head = io.BytesIO(self._take_until(b"\r\n\r\n", deadline).lstrip(b"\r\n") + b"\r\n\r\n")
        try:
            length = http.client.parse_headers(head).get("Content-Length", "")
        except http.client.HTTPException as error:
            raise self._offline(phrase("The stream {address} sends headers that cannot be read.")) from error
        if length.isascii() and length.isdecimal():
            if len(length) > 9 or int(length) > _MAX_PICTURE_BYTES:
                raise self._offline(phrase("The stream {address} sends a picture that is too large."))
            return self._take(int(length), deadline)
        # Between the picture and the boundary there may be more dashes, or no new line.
        return self._take_until(self._boundary, deadline, keep=True).rstrip(b"\r\n-")

    def close(self) -> None:
        """End the connection; a `read_jpeg` waiting in another thread raises SourceOfflineError."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _redirected(self, target: str) -> StreamAddress:
        """Return a redirect's target. Other hosts get no login, the scheme must not change. Raises StreamOpenError."""
        before = self.place
        try:
            after = StreamAddress(urljoin(before.without_login().revealed(), target))
        except ValueError as error:
            raise StreamOpenError(
                "{address} sends on to what is no address.", "Check the address.", address=self._address
            ) from error
        if after.scheme != before.scheme:
            raise StreamOpenError(
                "{address} sends on to another kind of address, {scheme}.",
                "Name that address itself.",
                address=self._address,
                scheme=after.scheme,
            )
        if (after.host, after.port) != (before.host, before.port):
            return after
        return before.moved_to(after)

    def _logged_in(self, address: StreamAddress) -> http.client.HTTPResponse:
        """The response to the login of `address`: sent as it is, and as a digest to a server that insists on that."""
        if address.login is None:
            return self._request(address)
        basic = base64.b64encode(":".join(address.login).encode()).decode("ascii")
        response = self._request(address, f"Basic {basic}")
        if response.status == 401:
            answer = _digest_answer(response.headers.get_all("WWW-Authenticate", []), address)
            if answer is not None:
                response.close()
                return self._request(address, answer)
        return response

    def _request(self, address: StreamAddress, authorization: str = "") -> http.client.HTTPResponse:
        headers = {"User-Agent": "cfrnet-live", "Accept": "multipart/x-mixed-replace, */*"}
        if authorization:
            headers["Authorization"] = authorization
        # Without a port the library would take the end of an IPv6 address for one.
        connection = http.client.HTTPConnection(address.host, address.port or 80, timeout=self._open_timeout_s)
        if address.scheme == "https":
            context = tls_context(check=not address.insecure)
            connection = http.client.HTTPSConnection(
                address.host, address.port or 443, timeout=self._open_timeout_s, context=context
            )
        # A time-out of the socket is for each of its reads; a server that goes on sending headers never meets it.
        overdue = threading.Event()

        def give_up() -> None:
            overdue.set()
            self.close()

        timer = threading.Timer(self._open_timeout_s, give_up)
        timer.daemon = True
        try:
            connection.connect()
            self._socket = connection.sock
            timer.start()
            connection.request("GET", _path(address), headers=headers)
            response = connection.getresponse()
            if overdue.is_set():  # its headers seem to end where the connection was closed
                raise TimeoutError
            return response
        except ssl.SSLCertVerificationError as error:
            raise certificate_error(self._address) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if overdue.is_set() or isinstance(error, TimeoutError):
                raise StreamOpenError(
                    "{address} did not answer within {seconds:g} s.",
                    _REACH_HINT,
                    address=self._address,
                    seconds=self._open_timeout_s,
                ) from error
            if isinstance(error, http.client.RemoteDisconnected):
                raise StreamOpenError("{address} closed the connection.", _REACH_HINT, address=self._address) from error
            if isinstance(error, http.client.HTTPException):
                raise StreamOpenError(
                    "{address} does not answer as a web server does.",
                    "Check the address and its port.",
                    address=self._address,
                ) from error
            raise StreamOpenError(
                "{address} cannot be reached: {reason}.", _REACH_HINT, address=self._address, reason=reason(error)
            ) from error
        finally:
            timer.cancel()

    def _fill(self, deadline: float) -> None:
        assert self._response is not None
        if self._clock() > deadline or len(self._buffer) > _MAX_PICTURE_BYTES:
            raise self._offline(phrase("The stream {address} is too slow."))
        try:
            chunk = self._response.read1(65536)
        except TimeoutError as error:
            raise self._offline(phrase("The stream {address} stalled.")) from error
        except (OSError, ValueError, http.client.HTTPException, AttributeError) as error:
            # A response whose socket was closed by close() fails with any of these.
            raise self._offline(phrase("The stream {address} was cut.")) from error
        if not chunk:
            raise self._offline(phrase("The stream {address} ended."))
        self._buffer += chunk

    def _skip_past(self, mark: bytes, deadline: float) -> None:
        while (position := self._buffer.find(mark)) < 0:
            self._buffer = self._buffer[-len(mark) :]
            self._fill(deadline)
        self._buffer = self._buffer[position + len(mark) :]

    def _take_until(self, mark: bytes, deadline: float, *, keep: bool = False) -> bytes:
        while (position := self._buffer.find(mark)) < 0:
            self._fill(deadline)
        taken = self._buffer[:position]
        self._buffer = self._buffer[position + (0 if keep else len(mark)) :]
        return taken

    def _take(self, length: int, deadline: float) -> bytes:
        while len(self._buffer) < length:
            self._fill(deadline)
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _offline(self, what: Phrase) -> SourceOfflineError:
        return SourceOfflineError(what, "It is tried again.", address=self._address)


class _Digest(AbstractDigestAuthHandler):
    """The library's answers to Digest challenges, also in SHA-256 and for passwords beyond ASCII (RFC 7616)."""

    def get_algorithm_impls(self, algorithm: str) -> tuple[Callable[[str], str], Callable[[str, str], str]]:
        kind = _DIGESTS[algorithm.upper()]

        def digest(text: str) -> str:
            return kind(text.encode(), usedforsecurity=False).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


def _digest_answer(challenges: Iterable[str], address: StreamAddress) -> str | None:
    """Return the header that answers the first Digest challenge that is understood, None without one."""
    assert address.login is not None
    request = Request(address.without_login().revealed())
    request.selector = _path(address)
    passwords = HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, request.full_url, *address.login)  # of any realm
    for challenge in challenges:
        kind, _, parameters = challenge.partition(" ")
        if kind.lower() != "digest":
            continue
        with contextlib.suppress(LookupError, ValueError, URLError):  # of a challenge that is not understood
            answer = _Digest(passwords).get_authorization(request, parse_keqv_list(parse_http_list(parameters)))
            if answer is not None:
                return f"Digest {answer}"
    return None


def _path(address: StreamAddress) -> str:
    """What is asked of the server."""
    parts = urlsplit(address.revealed())
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
