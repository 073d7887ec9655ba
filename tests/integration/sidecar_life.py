"""A sidecar as a process of its own, backends behind it, and clients that count what fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.command import argv, environment

# A bound against a hang, far beyond what anything here takes.
BOUND = 40.0
# Seconds that a client under load takes to think.
PACE = 0.005


async def until(done: Callable[[], object], what: str) -> None:
    """Wait for it, within the bound."""
    try:
        async with asyncio.timeout(BOUND):
            while not done():  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None


class Backend:
    """An HTTP server on this loop that says its name; what asks for /hold waits for `release`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.path = ""
        self.paths: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.release = asyncio.Event()
        self.status = 200
        self.holding = 0
        # Whether it closes each connection behind an answer, without a word.
        self.closes = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head.split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
                await reader.readexactly(int(headers.get("content-length", "0")))
                path = line.split(" ")[1]
                self.paths[path] += 1
                self.headers.append(headers)
                if path.startswith("/hold"):
                    self.holding += 1
                    await self.release.wait()
                    self.holding -= 1
                body = self.name.encode()
                writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%s" % (self.status, len(body), body))
                await writer.drain()
                if self.closes:
                    break
        writer.close()


@asynccontextmanager
async def backend(name: str = "a", *, path: str = "") -> AsyncIterator[Backend]:
    """One, at a port of the kernel's choice or a Unix socket."""
    made = Backend(name)
    if path:
        made.path = path
        server = await asyncio.start_unix_server(made.serve, path)
    else:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.release.set()


@dataclass
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def document(self) -> Any:
        return json.loads(self.body)


Where = str | int


async def connect(where: Where) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(where, int):
        return await asyncio.open_connection("127.0.0.1", where)
    return await asyncio.open_unix_connection(where.removeprefix("unix:"))


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, *headers: str, method: str = "GET"
) -> Answer:
    """One request on a connection. Raises where it breaks."""
    fields = "".join(f"{header}\r\n" for header in headers)
    host = "" if any(header.lower().startswith("host:") for header in headers) else "Host: orders\r\n"
    writer.write(f"{method} {path} HTTP/1.1\r\n{host}{fields}\r\n".encode())
    line, *fields_ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    got = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields_ if each)}
    body = await reader.readexactly(int(got.get("content-length", "0")))
    return Answer(int(line.split(" ")[1]), got, body.decode())


async def ask(where: Where, path: str = "/", *headers: str, method: str = "GET") -> Answer:
    """One request on a connection of its own."""
    async with asyncio.timeout(BOUND):
        reader, writer = await connect(where)
        try:
            return await exchange(reader, writer, path, *headers, method=method)
        finally:
            writer.close()


@dataclass
class Load:
    """Clients that ask again and again.

    Args:
        where: addresses; a client whose connection is refused or closed before an answer goes on with the next.
        patient: whether a request is also repeated that broke on a new connection, as after a crash.
    """

    where: list[Where]
    patient: bool = False
    done: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, clients: int = 8) -> AsyncIterator[Load]:
        """While it runs."""
        tasks = [asyncio.create_task(self._client(number)) for number in range(clients)]
        try:
            await self.some()
            yield self
            await self.some()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def some(self, more: int = 50) -> None:
        """Until so many more have been asked."""
        wanted = self.done + more
        await until(lambda: self.done >= wanted, "requests to go on")

    async def _client(self, number: int) -> None:
        at = number
        while True:
            # Now many requests on a connection, now one.
            at = await self._connection(at, 1 if number % 4 == 0 else 25)

    async def _connection(self, at: int, requests: int) -> int:
        writer: asyncio.StreamWriter | None = None
        used = 0
        try:
            reader, writer = await connect(self.where[at % len(self.where)])
            for _ in range(requests):
                # Over a thousand a second in all, and most of both processors is left to what is started meanwhile.
                await asyncio.sleep(PACE)
                got = await exchange(reader, writer, "/", *(["Connection: close"] if requests == 1 else []))
                self.done += 1
                used += 1
                self.answers[got.body] += 1
                if got.status != 200:
                    self.failed.append(f"{got.status} {got.headers.get('mesh-error')} {got.body}")
                if got.headers.get("connection") == "close":
                    break
        except (OSError, asyncio.IncompleteReadError) as exc:
            # An idle connection may be closed at any time (RFC 9112, section 9.3.1): the request is sent again. Where
            # there is another sidecar, a new one may be refused.
            half = bool(isinstance(exc, asyncio.IncompleteReadError) and exc.partial)
            refused = writer is None and len(self.where) > 1
            if half or not (used or refused or self.patient):
                self.failed.append(repr(exc))
            return at + 1
        finally:
            if writer is not None:
                writer.close()
        return at


class Running:
    """``meshclient sidecar`` in a process of its own, with its output in files."""

    def __init__(self, folder: Path, *words: str, command: str = "sidecar", **variables: str) -> None:
        self.out, self.err = (Path(tempfile.mkstemp(dir=folder)[1]) for _ in range(2))
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                argv(command, *words),
                cwd=folder,
                env=environment({"XDG_RUNTIME_DIR": str(folder), **variables}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    async def serving(self) -> dict[str, Any]:
        """What it says of where it listens."""
        await until(lambda: self.out.read_text().endswith("\n") or self.process.poll() is not None, "it to serve")
        assert self.out.read_text(), self.err.read_text()
        told: dict[str, Any] = json.loads(self.out.read_text().splitlines()[0])
        self.told = told
        return told

    @property
    def port(self) -> int:
        return int(self.told["listening"]["outbound"].rpartition(":")[2])

    @property
    def admin(self) -> int:
        return int(self.told["listening"]["admin"].rpartition(":")[2])

    @property
    def inbound(self) -> int:
        return int(self.told["listening"]["inbound"].rpartition(":")[2])

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        await until(lambda: self.process.poll() is not None, "it to end")
        code = self.process.returncode
        assert code is not None
        return code

    async def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = (await ask(self.admin, "/stats", f"Host: 127.0.0.1:{self.admin}")).document
        return stats

    def workers(self) -> list[int]:
        """The processes it has started that are workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if _is_worker(pid)]


def _is_worker(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return b"workers.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@asynccontextmanager
async def sidecars() -> AsyncIterator[Callable[..., Running]]:
    """Starts them; whatever still runs at the end is ended."""
    made: list[Running] = []
    with tempfile.TemporaryDirectory(prefix="mc", ignore_cleanup_errors=True) as folder:

        def start(*words: str, **variables: str) -> Running:
            made.append(Running(Path(folder), *words, **variables))
            return made[-1]

        try:
            yield start
        finally:
            for each in made:
                for pid in [*(each.workers() if each.process.poll() is None else [])]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                if each.process.poll() is None:
                    each.process.kill()
                each.process.wait(BOUND)


ANY = ("-o", "json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
