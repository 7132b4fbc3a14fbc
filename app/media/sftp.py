"""SFTP servers whose keys this computer knows; fsspec would send a password to any other as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko

from app.core.errors import UnreadableMediaError

KNOWN_HOSTS = Path("~/.ssh/known_hosts")

_KEEP_ALIVE_S = 30
"""How often an idle session is used, so that no server or router ends it during a long task."""


class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Refuses a server whose key does not stand in `KNOWN_HOSTS`, where `ssh` keeps those it has met."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raises UnreadableMediaError unless `key` is that of `hostname`, `[name]:port` for an unusual port."""
        known = paramiko.HostKeys()
        path = KNOWN_HOSTS.expanduser()
        if path.is_file():
            known.load(str(path))
        if not known.check(hostname, key):
            name, _, port = hostname.strip("[").partition("]:")
            raise UnreadableMediaError(
                "The key of {host} is not among those that this computer knows.",
                "Connect once by hand, and compare the key that is shown with the server's: {command}",
                host=hostname,
                command=f"ssh -p {port} {name}" if port else f"ssh {name}",
            )


def is_connected(system: Any) -> bool:
    """Whether the session of fsspec's SFTPFileSystem is still open."""
    transport = system.client.get_transport()
    return transport is not None and transport.is_active() and not system.ftp.get_channel().closed


def keep_alive(system: Any) -> None:
    """Use the open session of fsspec's SFTPFileSystem now and then from now on."""
    system.client.get_transport().set_keepalive(_KEEP_ALIVE_S)
