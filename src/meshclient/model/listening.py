"""Where something listens, or is to be connected to: a TCP address or a Unix socket."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

UNIX = "unix:"
# sun_path holds 108 bytes on Linux and 104 on BSD, the zero byte at the end included.
_LONGEST_PATH = 103
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:/\s]*)):([0-9]{1,5})")
_LOOPBACK_NAMES = ("localhost", "localhost.")


@dataclass(frozen=True, slots=True)
class Listening:
    """A place to listen at.

    Args:
        host: an address or a name; empty with a `path`.
        port: 0 for one that the kernel chooses.
        path: of a Unix socket; empty with a `host`.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Listening:
        """``127.0.0.1:7140``, ``[::1]:7140``, ``localhost:7140`` or ``unix:/run/mesh.sock``.

        Raises ValueError with a remedy.
        """
        stripped = text.strip()
        if stripped.startswith(UNIX):
            return cls(path=_path(stripped))
        found = _ADDRESS.fullmatch(stripped)
        host = (found[1] or found[2]) if found else ""
        if found is None or int(found[3]) > 65535 or not _is_host(host):
            msg = (
                f"{text!r} is not an address to listen at: write host and port such as '127.0.0.1:7140' "
                "('0.0.0.0:7140' for all interfaces), or 'unix:/run/meshclient.sock'"
            )
            raise ValueError(msg)
        return cls(host, int(found[3]))

    @property
    def loopback(self) -> bool:
        """Whether nobody outside this host can get there."""
        if self.path or self.host.lower() in _LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _path(text: str) -> str:
    path = text.removeprefix(UNIX)
    # As in a URL: unix:///run/mesh.sock.
    path = path.removeprefix("//")
    if not path or "\0" in path or path.endswith("/"):
        msg = f"{text!r} names no socket: write the path of a file, such as 'unix:/run/meshclient.sock'"
        raise ValueError(msg)
    if len(path.encode()) > _LONGEST_PATH:
        msg = f"{text!r} is longer than the {_LONGEST_PATH} bytes that a Unix socket may have: choose a shorter path"
        raise ValueError(msg)
    return path


def _is_host(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return True
    return _HOST.fullmatch(host) is not None
