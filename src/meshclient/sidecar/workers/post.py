"""One place among the workers: the process that holds it now, and the next one when that ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from meshclient.errors import ConfigError
from meshclient.sidecar.workers.frame import pack, receive

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable

_LOG = logging.getLogger("meshclient.sidecar")
_MODULE = "meshclient.sidecar.workers.worker"
# Seconds: a worker that ends sooner than this after its start has failed to do its work, and the next one waits for
# twice as long as the one before, within these bounds. One that served for longer is replaced at once.
EARLY = 5.0
PAUSE_FIRST = 0.1
PAUSE_LIMIT = 10.0
# Seconds for a worker to serve, and to answer.
START = 30.0
ANSWER = 20.0


class Post:
    """A place.

    Args:
        number: from 1.
        order: what a worker is told at its start, asked each time: the message, and descriptors for it to inherit.
        asked_to_end: called on the loop when the worker is asked to end the whole.

    Attributes:
        restarts: workers that took the place of one before.
        pid: of the worker, or None where there is none now.
    """

    def __init__(
        self, number: int, order: Callable[[int], tuple[dict[str, Any], list[int]]], asked_to_end: Callable[[], None]
    ) -> None:
        self.number = number
        self.restarts = 0
        self._order = order
        self._asked_to_end = asked_to_end
        self._worker: _Held | None = None
        self._leaving: set[_Held] = set()
        self._over = False
        self._tending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """As above."""
        return None if self._worker is None else self._worker.process.pid

    async def start(self) -> dict[str, str]:
        """Have a worker serve; where it listens. Raises ConfigError where it cannot."""
        addresses = await self._fill()
        self._tending = asyncio.create_task(self._tend())
        return addresses

    async def ask(self, message: dict[str, Any]) -> str | None:
        """Have the worker do something; why it did not, or None. Nothing is asked where there is no worker now."""
        return None if self._worker is None else await self._worker.ask(message)

    async def drain(self, *, hand_over: bool) -> None:
        """Have it end in order."""
        self._over = True
        if self._tending is not None:
            self._tending.cancel()
        for held in self._all():
            held.say({"do": "drain", "hand_over": hand_over})
        await asyncio.gather(*(held.process.wait() for held in self._all()))

    async def aclose(self) -> None:
        """Have it end at once."""
        self._over = True
        if self._tending is not None:
            self._tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tending
        for held in self._all():
            with contextlib.suppress(ProcessLookupError):
                held.process.send_signal(signal.SIGKILL)
            await held.process.wait()
            held.close()

    def _all(self) -> list[_Held]:
        return [*self._leaving, *([self._worker] if self._worker else [])]

    async def _fill(self) -> dict[str, str]:
        ours, theirs = socket.socketpair()
        try:
            message, descriptors = self._order(self.number)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE, str(theirs.fileno())),
                pass_fds=(theirs.fileno(), *descriptors),
                # Ctrl-C is for the supervisor, which knows the order of ending.
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        held = _Held(process, reader, writer)
        held.say(message)
        try:
            async with asyncio.timeout(START):
                said = await receive(reader)
        except TimeoutError:
            said = {"said": "failed", "error": f"it does not serve after {START:g} s"}
        except BaseException:
            # What has not begun has nothing to end in order.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            held.close()
            raise
        if said is None or said["said"] != "serving":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            held.close()
            raise ConfigError(f"worker {self.number} cannot serve: {said['error'] if said else 'it ended'}")
        held.listen(self._asked_to_end)
        self._worker = held
        addresses: dict[str, str] = said["addresses"]
        return addresses

    async def _tend(self) -> None:
        pause = 0.0
        while not self._over:
            held = self._worker
            if held is not None:
                await held.gone.wait()
                pause = 0.0 if held.left or time.monotonic() - held.began > EARLY else max(PAUSE_FIRST, pause * 2)
                self._release(held)
            pause = min(pause, PAUSE_LIMIT)
            await asyncio.sleep(pause)
            try:
                await self._fill()
                self.restarts += 1
            except (ConfigError, OSError) as exc:
                pause = max(PAUSE_FIRST, pause * 2)
                _LOG.error("%s; trying again", exc)

    def _release(self, held: _Held) -> None:
        self._worker = None
        if held.left:
            _LOG.info("worker %d (process %d) leaves, another takes its place", self.number, held.process.pid)
            self._leaving.add(held)
            held.waiting = asyncio.create_task(self._see_off(held))
        else:
            _LOG.warning("worker %d (process %d) has ended", self.number, held.process.pid)
            held.close()

    async def _see_off(self, held: _Held) -> None:
        await held.process.wait()
        self._leaving.discard(held)
        held.close()


class _Held:
    """A worker's process, and the talk with it.

    Attributes:
        gone: set when it takes no more connections: it has ended, or said that it will.
        left: whether it said so.
    """

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.began = time.monotonic()
        self.gone = asyncio.Event()
        self.left = False
        self.waiting: asyncio.Task[None] | None = None
        self._reader = reader
        self._writer = writer
        self._answers: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None

    def say(self, message: dict[str, Any]) -> None:
        self._writer.write(pack(message))

    async def ask(self, message: dict[str, Any]) -> str | None:
        if self.gone.is_set():
            return None
        self.say(message)
        try:
            async with asyncio.timeout(ANSWER):
                # What comes now may be the answer to a question that was given up.
                while (answer := await self._answers.get()) is not None and answer["said"] != message["do"]:
                    pass
        except TimeoutError:
            return f"process {self.process.pid} has not answered within {ANSWER:g} s"
        return None if answer is None else answer["error"]

    def listen(self, asked_to_end: Callable[[], None]) -> None:
        self._listening = asyncio.create_task(self._listen(asked_to_end))

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        self._writer.close()

    async def _listen(self, asked_to_end: Callable[[], None]) -> None:
        while (said := await receive(self._reader)) is not None:
            if said["said"] == "leaving":
                self.left = True
                self.gone.set()
            elif said["said"] == "drain":
                asked_to_end()
            else:
                self._answers.put_nowait(said)
        self.gone.set()
        self._answers.put_nowait(None)
