"""Telling whoever started this process that it serves, as systemd understands it (sd_notify(3)).

A unit of ``Type=notify`` is up when the sidecar says so: before that, nothing that needs it is started, and no reload
meets a process that does not listen for signals yet.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


def notify(state: str) -> None:
    """Send `state`, such as ``READY=1``, where anybody asked for it."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    # A name in the abstract namespace is written with @ for the NUL it begins with.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    # Whoever asked has gone, or is no systemd: no reason not to serve.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(state.encode(), address)
