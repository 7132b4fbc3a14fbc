"""Checking whether an RTSP server redirects, before FFmpeg connects.

FFmpeg follows a redirect by itself, to any host, and sends the login along.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from app.core.address import StreamAddress
from app.core.errors import StreamOpenError
from app.sources.tls import certificate_error, tls_context

_PORTS = {"rtsp": 554, "rtsps": 322}
_LONGEST_HEAD = 16384


def expect_no_redirect(address: StreamAddress, *, timeout_s: float) -> None:
    """Request the description without a login. Raises StreamOpenError when the response is a redirect.

    A server that cannot be reached, or that responds otherwise, is left to FFmpeg.
    """
    try:
        place = (address.host, address.port or _PORTS[address.scheme])
        with contextlib.ExitStack() as stack:
            connection: socket.socket = stack.enter_context(socket.create_connection(place, timeout=timeout_s))
            if address.scheme == "rtsps":
                context = tls_context(check=not address.insecure)
                connection = stack.enter_context(context.wrap_socket(connection, server_hostname=address.host))
            url = address.without_login().revealed()
            request = f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
            connection.sendall(request.encode())
            status = _status(connection, deadline=time.monotonic() + timeout_s)
    except ssl.SSLCertVerificationError as error:
        raise certificate_error(address) from error
    except (OSError, ValueError):
        return
    if 300 <= status < 400:
        raise StreamOpenError("{address} sends on to another address.", "Name that address itself.", address=address)


def _status(connection: socket.socket, *, deadline: float) -> int:
    """Return the status code of a response, 0 when it has none."""
    head = b""
    while b"\r\n" not in head and len(head) < _LONGEST_HEAD and time.monotonic() < deadline:
        if not (more := connection.recv(4096)):
            break
        head += more
    words = head.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
