"""Ports for servers, chosen below the kernel's ephemeral range.

A server that is killed and restarted on its port must find it free: a port of the ephemeral range may
have gone to some outgoing connection meanwhile. For the same reason the processes of a parallel test run
take theirs from separate parts of the range: a port that one of them keeps free is taken by none of the others.
"""

from __future__ import annotations

import os
import random
import socket

from servers.errors import ServerError

_FIRST, _LAST = 21000, 31999


def part() -> tuple[int, int]:
    """The first and the last port of this process's part, by the names that pytest-xdist gives: gw0, gw1 and so on."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    parts = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 1)
    size = (_LAST - _FIRST + 1) // parts
    first = _FIRST + number % parts * size
    return first, first + size - 1


def free_port(host: str = "127.0.0.1", *, span: int = 1, udp: bool = False) -> int:
    """A port nobody listens on, or the first of `span` consecutive ones; with `udp`, free for both kinds."""
    first, last = part()
    for _ in range(200):
        port = random.randint(first, last - span + 1)
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
