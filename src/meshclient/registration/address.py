"""The address at which other hosts reach this one."""

from __future__ import annotations

import socket

# Any address outside does (this one is reserved for documentation, RFC 5737): connecting a datagram socket chooses a
# route and sends nothing.
_OUTSIDE = ("192.0.2.1", 9)


def local_address() -> str:
    """The IPv4 address of the interface that leads outside; loopback where none does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_OUTSIDE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
