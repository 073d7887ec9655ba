"""The process behind `ScenarioBackend`: many instances of a service in one loop, in trouble as they are told.

Standard library and no import of this package, as `backend_process`, so that it starts in a tenth of a second. Commands
come as lines of JSON on standard input and are answered on standard output; it ends with its input.

A request is answered after a lognormal time. What an instance does beside that is a `Behaviour`. Executions are counted
by the header `x-request-id` and over all instances: one that is found twice was executed twice, wherever.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter
from dataclasses import dataclass

# Of the time an answer takes: the 99th percentile is 2.5 times the median, as in the simulator.
SIGMA = 0.3939
OK, UNWELL = b"200 OK", b"503 Service Unavailable"


@dataclass(slots=True)
class Behaviour:
    """How requests are treated.

    `median` (seconds) is the usual time of an answer and `factor` multiplies it. Of the requests, drawn at random,
    `fail` are answered 503 at once, `hang` never, and `reset` end in RST after they were executed. `well` is what
    `/healthz` says.
    """

    median: float = 0.010
    factor: float = 1.0
    fail: float = 0.0
    hang: float = 0.0
    reset: float = 0.0
    well: bool = True


class Fleet:
    """The instances, and what was executed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.instances: dict[str, Instance] = {}
        self.executed: Counter[str] = Counter()

    async def start(self, name: str, behaviour: Behaviour) -> int:
        """The port of an instance that is new, or was stopped."""
        instance = self.instances.get(name)
        if instance is None:
            instance = self.instances[name] = Instance(self, behaviour)
        return await instance.start()

    def stats(self) -> dict[str, object]:
        """What was asked and done so far."""
        return {
            "requests": {name: instance.requests for name, instance in self.instances.items()},
            "checks": {name: instance.checks for name, instance in self.instances.items()},
            "executed": self.executed,
        }


class Instance:
    """One listener."""

    def __init__(self, fleet: Fleet, behaviour: Behaviour) -> None:
        self.fleet = fleet
        self.behaviour = behaviour
        self.requests = 0
        self.checks = 0
        self.port = 0
        self.stopped = False
        self.connections: set[Connection] = set()

    async def start(self) -> int:
        self.stopped = False
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), "127.0.0.1", self.port, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self.port

    def stop(self) -> None:
        """As a server does that was asked to end: what is under way is answered, nothing else is taken."""
        self.stopped = True
        self.server.close()
        for connection in list(self.connections):
            connection.close_idle()


class Connection(asyncio.Protocol):
    """One connection; requests follow each other."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.seen = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.instance.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.instance.connections.discard(self)

    def close_idle(self) -> None:
        if not self.busy:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, end, rest = self.seen.partition(b"\r\n\r\n")
        if not end or self.busy:
            return
        first, *rows = head.split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (row.partition(b":") for row in rows)}
        length = int(fields.get(b"content-length", b"0"))
        if len(rest) < length:
            return
        self.seen = rest[length:]
        self.busy = True
        closing = fields.get(b"connection", b"").lower() == b"close"
        self.answer(first.split(b" ")[1], fields.get(b"x-request-id", b"").decode(), closing)

    def answer(self, path: bytes, request_id: str, closing: bool) -> None:
        instance = self.instance
        how, rng = instance.behaviour, instance.fleet.rng
        if path == b"/healthz":
            instance.checks += 1
            self.send(OK if how.well else UNWELL, closing)
            return
        instance.requests += 1
        lot = rng.random()
        if lot < how.fail:
            self.send(UNWELL, closing)
            return
        if lot < how.fail + how.hang:
            return
        seconds = how.median * how.factor * rng.lognormvariate(0.0, SIGMA)
        asyncio.get_running_loop().call_later(seconds, self.execute, request_id, lot < how.reset, closing)

    def execute(self, request_id: str, reset: bool, closing: bool) -> None:
        self.instance.fleet.executed[request_id] += 1
        if not reset:
            self.send(OK, closing)
        elif not self.transport.is_closing():
            sock: socket.socket = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    def send(self, status: bytes, closing: bool) -> None:
        self.busy = False
        closing = closing or self.instance.stopped
        more = b"Connection: close\r\n" if closing else b""
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n" + more + b"\r\nok")
        if closing:
            self.transport.close()


async def obey(fleet: Fleet, order: dict[str, object]) -> object:
    """Carry out one command."""
    name = str(order["name"])
    if order["do"] == "start":
        return await fleet.start(name, Behaviour(**order["behaviour"]))  # type: ignore[arg-type]
    if order["do"] == "behave":
        for each in name.split():
            fleet.instances[each].behaviour = Behaviour(**order["behaviour"])  # type: ignore[arg-type]
    elif order["do"] == "stop":
        fleet.instances[name].stop()
    else:
        return fleet.stats()
    return None


async def main(seed: int) -> None:
    """Obey until the input ends."""
    fleet = Fleet(seed)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer)
    while line := await orders.readline():
        answer = await obey(fleet, json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
