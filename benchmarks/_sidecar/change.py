"""From a write to a registry until the sidecar's first request to the endpoint that was written.

The registry is a real etcd on loopback, which pushes. One put replaces the service's only instance; then requests
follow each other until one is answered by the new endpoint, which is when the clock stops. The put itself counts.
Changes are so far apart that nobody who spaces them out has a reason to.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

from _sidecar.cell import Result
from _sidecar.contestant import Missing, running
from _sidecar.load import raw
from _sidecar.load_process import ask, good
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient.registration.schemes import open_registrar
from servers.errors import NotInstalledError, ServerError
from servers.etcd import Etcd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _sidecar.backend import Backend

ORDERS = ServiceName.parse("orders")
PATIENCE, APART = 10.0, 0.5


def measured(row: str, backend: Backend, folder: Path, core: int | None, changes: int) -> Result:
    """So many changes. Raises Missing."""
    server = Etcd()
    try:
        server.start()
    except (NotInstalledError, ServerError) as error:
        raise Missing(str(error)) from None
    try:
        uri = f"etcd://{server.host()}:{server.url.rpartition(':')[2]}"
        puts = {port: _put(server, uri, port) for port in backend.plain[:2]}
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE)
        with closing(connection), running(row, backend, folder, core, resolver=uri) as proxy:

            def write(port: int) -> None:
                connection.request("POST", "/v3/kv/put", puts[port])
                connection.getresponse().read()

            times, calls, errors = _swap(proxy.port, list(puts), write, changes)
    finally:
        server.stop()
    at = [times[min(len(times) - 1, len(times) * part // 100)] * 1e6 for part in (50, 90, 99)]
    return Result(calls, errors, p50=at[0], p90=at[1], p99=at[2])


def _put(server: Etcd, uri: str, port: int) -> str:
    """The body of the put that lists the instance at this port, as a registrar would write it."""

    async def register() -> None:
        registrar = open_registrar(uri)
        await registrar.register(Registration(ORDERS, Endpoint("127.0.0.1", port, id="orders-0"), ttl=3600.0))
        await registrar.close()

    asyncio.run(register())
    everything = {"key": base64.b64encode(b"\0").decode(), "range_end": base64.b64encode(b"\0").decode()}
    (pair,) = server.call("/v3/kv/range", everything)["kvs"]
    return json.dumps({"key": pair["key"], "value": pair["value"]})


def _swap(port: int, ports: list[int], write: Callable[[int], None], changes: int) -> tuple[list[float], int, int]:
    times, calls, errors = [], 0, 0
    request = raw("get").encode()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for change in range(changes):
            time.sleep(APART)
            # The last one registered was the second.
            new = ports[change % 2]
            begin = time.perf_counter()
            write(new)
            while True:
                answer = ask(sock, request)
                calls += 1
                errors += not good(answer)
                now = time.perf_counter()
                if b"x-backend: %d\r\n" % new in answer.lower():
                    break
                if now - begin > PATIENCE:
                    raise Missing(f"no change seen after {PATIENCE:g} s")
            times.append(now - begin)
    return sorted(times), calls, errors
