"""The life of the process: started, told anew by SIGHUP or a changed file, relieved by another one, drained, ended."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from meshclient.errors import ConfigError
from meshclient.sidecar.alteration import alterations
from meshclient.sidecar.handover import Succession, meeting_place, predecessor
from meshclient.sidecar.notify import notify
from meshclient.sidecar.reloads import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from meshclient.config.loaded import Loaded
    from meshclient.config.source import Document
    from meshclient.sidecar.arrangement import Arrangement
    from meshclient.sidecar.door import Door
    from meshclient.sidecar.handover import Predecessor
    from meshclient.sidecar.reloads import Reloads

    Build: TypeAlias = "Callable[[Process, Loaded, Document, Mapping[str, Door]], Body]"

_LOG = logging.getLogger("meshclient.sidecar")
_SIGNALLED = 128


class Body(Protocol):
    """What lives in the process: one sidecar, or a fleet of workers."""

    reloads: Reloads
    doors: dict[str, Door]

    @property
    def addresses(self) -> dict[str, str]:
        """Where each listener is, for people."""
        ...

    @property
    def url(self) -> str:
        """What ``MESHCLIENT_SIDECAR_URL`` is for programs on this host; empty without an outbound listener."""
        ...

    @property
    def unmapped(self) -> list[str]:
        """What of the configuration the data plane does not do."""
        ...

    async def start(self) -> None:
        """Serve. Raises ConfigError and PluginError."""
        ...

    async def reload(self, loaded: Loaded, document: Document) -> None:
        """Go by another configuration, as a whole. Raises ConfigError and PluginError, and then goes by the former."""
        ...

    async def refused(self, why: str) -> None:
        """A configuration was refused, here or before it came here."""
        ...

    async def drain(self, *, hand_over: bool = False) -> int:
        """End in order; the number of requests that were cut off."""
        ...

    async def aclose(self, *, hand_over: bool = False) -> None:
        """End at once."""
        ...


class Process:
    """Runs a body until a signal, another process or ``POST /drain`` ends it.

    Args:
        arrangement: where the configuration comes from.
        build: makes the body.
        announce: called once it serves.
        take_over: whether to take the place of a process that serves at the same addresses.
    """

    def __init__(
        self, arrangement: Arrangement, build: Build, announce: Callable[[Body], None], *, take_over: bool = False
    ) -> None:
        self._arrangement = arrangement
        self._build = build
        self._announce = announce
        self._take_over = take_over
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._insisted = asyncio.Event()
        self._terminated = asyncio.Event()
        self._killed = 0
        self._relieved = False

    async def run(self) -> int:
        """From start to end; the exit code: 0, or 128 and the number of a signal that would not wait."""
        self._hear()
        document = self._arrangement.read()
        loaded = self._arrangement.load(document)
        former = predecessor(loaded.config.sidecar) if self._take_over else None
        serves = False
        try:
            body = self._build(self, loaded, document, former.doors if former else {})
            serves = await self._begin(body)
        finally:
            if former is not None and not serves:
                former.close()
        if not serves:
            return 0
        try:
            return await self._live(body, loaded, former)
        finally:
            self._ended.set()

    async def _begin(self, body: Body) -> bool:
        """Have it serve; whether it does: where it is to end before, that has nothing to wait for."""
        starting = asyncio.create_task(body.start())
        terminated = asyncio.create_task(self._terminated.wait())
        try:
            await asyncio.wait({starting, terminated}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                return True
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
                return True
            return False
        finally:
            starting.cancel()
            terminated.cancel()

    async def leave(self) -> None:
        """End in order; returns when that is done."""
        self._asked.put_nowait("drain")
        await self._ended.wait()

    async def _live(self, body: Body, loaded: Loaded, former: Predecessor | None) -> int:
        succession = None
        try:
            place = meeting_place(loaded.config.sidecar)
        except ConfigError as exc:
            _LOG.info("no other process can take this one's place: %s", exc)
            place = None
        if place is not None:
            succession = Succession(place, lambda: body.doors, lambda: self._asked.put_nowait("relieved"))
            succession.start()
        if former is not None:
            _LOG.info("process %d is relieved", former.pid)
            former.relieve()
        self._announce(body)
        notify("READY=1")
        watching = asyncio.create_task(self._watch(loaded))
        living = asyncio.create_task(self._serve_and_end(body))
        insisted = asyncio.create_task(self._insisted.wait())
        try:
            await asyncio.wait({living, insisted}, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
                return 0
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living
            await body.aclose(hand_over=self._relieved)
            return _SIGNALLED + self._killed
        finally:
            watching.cancel()
            insisted.cancel()
            if succession is not None:
                await succession.aclose()

    async def _serve_and_end(self, body: Body) -> None:
        while (asked := await self._asked.get()) == "reload":
            await self._reload(body)
        self._relieved = asked == "relieved"
        _LOG.info("draining%s", ", another process goes on" if self._relieved else "")
        notify("STOPPING=1")
        await body.drain(hand_over=self._relieved)
        await body.aclose(hand_over=self._relieved)

    async def _reload(self, body: Body) -> None:
        try:
            document = self._arrangement.read()
            await body.reload(self._arrangement.load(document), document)
        except Exception as exc:  # noqa: BLE001 - whatever a plugin makes of it: what works goes on
            why = reason(exc)
            await body.refused(why)
            _LOG.error("the configuration was not loaded, the one before stays in use: %s", why)
            return
        _LOG.info("configuration %d is in use", body.reloads.generation)

    async def _watch(self, loaded: Loaded) -> None:
        if loaded.config.sidecar.reload:
            async for _ in alterations(loaded.file):
                self._asked.put_nowait("reload")

    def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._terminate, number)
        # Whoever starts this with nohup(1) wants the signal to have no effect.
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self._asked.put_nowait, "reload")

    def _terminate(self, number: int) -> None:
        if self._terminated.is_set():
            # Whoever asks twice does not want to wait.
            self._killed = number
            self._insisted.set()
        self._terminated.set()
        self._asked.put_nowait("drain")
