"""Whom a connection trusts: the certificates that the system knows, or anyone when the person said so."""

from __future__ import annotations

import ssl

import certifi

from app.core.address import StreamAddress
from app.core.errors import StreamOpenError


def certificate_file() -> str:
    """The file of certificates to trust: the one SSL_CERT_FILE names, the system's, or the one that is installed."""
    return ssl.get_default_verify_paths().cafile or certifi.where()


def tls_context(*, check: bool) -> ssl.SSLContext:
    """How Python's own connections are secured; without `check` nobody is asked for a certificate."""
    context = ssl.create_default_context(cafile=certificate_file())
    if not check:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def certificate_error(address: StreamAddress) -> StreamOpenError:
    """The error for a server that cannot prove that it is the one."""
    return StreamOpenError(
        f"{address} has no certificate that is known here, so it may be somebody else.",
        "If it is your own camera, say that you trust it: add #insecure to its address, or --insecure.",
    )
