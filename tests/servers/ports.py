"""Ports for servers, chosen below the kernel's ephemeral range.

A server that is killed and restarted on its port must find it free: a port of the ephemeral range may
have gone to some outgoing connection meanwhile.
"""

from __future__ import annotations

import random
import socket

from servers.errors import ServerError

_FIRST, _LAST = 21000, 31999


def free_port(host: str = "127.0.0.1", *, span: int = 1, udp: bool = False) -> int:
    """A port nobody listens on, or the first of `span` consecutive ones; with `udp`, free for both kinds."""
    for _ in range(200):
        port = random.randint(_FIRST, _LAST - span)
        if all(_bindable(host, port + offset, udp=udp) for offset in range(span)):
            return port
    raise ServerError(f"no {span} free ports in a row on {host}")


def _bindable(host: str, port: int, *, udp: bool) -> bool:
    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM] if udp else [socket.SOCK_STREAM]
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as sock:
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, port))
            except OSError:
                return False
    return True
