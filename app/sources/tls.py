"""TLS trust: the system's certificates and the installed package's, or none when the person asked for that."""

from __future__ import annotations

import ssl

import certifi

from app.core.address import StreamAddress
from app.core.errors import StreamOpenError


def certificate_file() -> str:
    """Return the trusted certificates for FFmpeg, which takes one file: SSL_CERT_FILE, the system's, or the package's.

    The package's is the last resort, where the system keeps its certificates in no file, as Windows and macOS do.
    """
    return ssl.get_default_verify_paths().cafile or certifi.where()


def tls_context(*, check: bool) -> ssl.SSLContext:
    """Return the TLS context of Python's own connections; without `check` certificates are not verified."""
    context = ssl.create_default_context()  # with a file it would leave out the store of Windows
    context.load_verify_locations(certifi.where())
    if not check:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def certificate_error(address: StreamAddress) -> StreamOpenError:
    """Return the error for a server whose certificate cannot be verified."""
    return StreamOpenError(
        "{address} has no certificate that is known here, so it may be somebody else.",
        "If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.",
        address=address,
    )
