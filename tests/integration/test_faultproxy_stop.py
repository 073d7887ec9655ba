"""A fault proxy that is stopped leaves nothing behind for a later test to stumble over."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import warnings
from typing import TYPE_CHECKING

import pytest

from servers.ports import free_port

if TYPE_CHECKING:
    from servers.faultproxies import FaultProxies


@pytest.mark.parametrize("turns", range(6))
def test_a_client_that_comes_while_the_proxy_stops_leaves_no_socket_open(fault_proxy: FaultProxies, turns: int) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", free_port())

    async def come_while_it_stops() -> list[socket.socket]:
        """The stop finds them at any stage between the kernel's queue and a link of their own."""
        clients = [socket.create_connection((proxy.host, proxy.port)) for _ in range(5)]
        for _ in range(turns):
            await asyncio.sleep(0)
        proxy._stopping.set()
        return clients

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clients = proxy._call(come_while_it_stops())
        proxy.stop()
        gc.collect()
    with contextlib.ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
    assert not [str(warning.message) for warning in caught]
