"""A registry that says what a test tells it to.

    >>> from meshclient import Mesh
    >>> registry = FakeResolver({"orders": ["http://10.0.0.1:8080"]})
    >>> with Mesh(registry) as mesh:
    ...     print(mesh.warm("orders")["orders"].endpoints[0])
    ...     registry.set("orders", ["http://10.0.0.2:8080"])
    ...     print(mesh.service("orders").snapshot.endpoints[0])
    ...     registry.fail("orders", "connection refused")
    ...     print(mesh.service("orders").snapshot.cause)
    http://10.0.0.1:8080
    http://10.0.0.2:8080
    connection refused

What was said has arrived when the method returns, so that a test needs no waiting of its own. Whatever goes wrong with
registries can be said: they are down (`fail`), answer nothing (`hang`), nonsense (`garble`) or an empty list (`empty`),
come and go (`flap`), and lose what they list bit by bit (`dwindle`).
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from typing import TYPE_CHECKING

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    Answer = Ready | Empty | Failed
    # An exception is raised out of the watch; None is silence.
    Said = Answer | Exception | None

# Seconds until a method returns although a watch is too busy to take what was said.
TAKEN_WITHIN = 5.0


class FakeResolver:
    """Give it to `meshclient.Mesh` in place of a URI; its methods may be called from any thread.

    A service that was never spoken of is unknown. In a mesh with ``mode="on-demand"`` an answer is used for ten
    seconds, whatever is said here meanwhile.

    Args:
        services: the endpoints of each service, as `Endpoint` or as text (``http://host:port``).
        source: its name in messages.
    """

    def __init__(
        self, services: Mapping[str, Iterable[Endpoint | str]] | None = None, *, source: str = "fake://"
    ) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._answers: dict[ServiceName, Said] = {}
        self._watches: dict[ServiceName, set[_Watch]] = {}
        for name, endpoints in (services or {}).items():
            self.set(name, endpoints)

    def set(self, name: str, endpoints: Iterable[Endpoint | str]) -> None:
        """The registry lists these; an outage is over. Raises ValueError for a bad name or endpoint."""
        parsed = (Endpoint.parse(each, sockets=True) if isinstance(each, str) else each for each in endpoints)
        self._say(name, listing(parsed, source=self.source))

    def empty(self, name: str, *, exists: bool = True) -> None:
        """The registry lists no endpoint of the service, or (`exists` False) knows no such service."""
        self._say(name, Empty(exists=exists, source=self.source))

    def fail(self, name: str, cause: str = "the registry does not answer") -> None:
        """The registry cannot be asked, until something else is said."""
        self._say(name, Failed(cause, source=self.source))

    def hang(self, name: str) -> None:
        """The registry takes questions and answers none; who has an answer already hears no more, and keeps it."""
        with self._lock:
            self._answers[ServiceName.parse(name)] = None

    def garble(self, name: str, error: Exception | None = None) -> None:
        """What the registry answers cannot be read: the watch ends in `error`, and so does each that is begun anew.

        Here alone the mesh may need a moment longer: the watch is begun anew after a back-off.
        """
        self._say(name, ValueError("the registry's answer is not JSON") if error is None else error)

    def flap(self, name: str, times: int = 5, cause: str = "the registry does not answer") -> None:
        """The registry goes and comes back with what it said before, so many times."""
        for _ in range(times):
            before = self.said(name)
            self.fail(name, cause)
            self.restore(name, before)

    def dwindle(self, name: str, keep: int = 0) -> None:
        """The registry forgets the endpoints it lists one after another, the last first, but for `keep` of them."""
        listed = self.said(name)
        endpoints = listed.endpoints if isinstance(listed, Ready) else ()
        for left in range(len(endpoints) - 1, keep - 1, -1):
            if left:
                self.set(name, endpoints[:left])
            else:
                self.empty(name)

    def said(self, name: str) -> Said:
        """What was said last, for `restore`."""
        with self._lock:
            return self._answers.get(ServiceName.parse(name), Empty(exists=False, source=self.source))

    def restore(self, name: str, said: Said) -> None:
        """Say again what was `said`."""
        if said is None:
            self.hang(name)
        else:
            self._say(name, said)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield what holds, then what is said."""
        watch = _Watch()
        with self._lock:
            answer = self._answers.get(name, Empty(exists=False, source=self.source))
            self._watches.setdefault(name, set()).add(watch)
        try:
            if answer is not None:
                yield _given(answer)
            while True:
                answer, taken = await watch.news.get()
                yield _given(answer)
                # Asked for more: the answer before has been dealt with.
                taken.set_result(None)
        finally:
            with self._lock:
                self._watches[name].discard(watch)
                watch.close()

    def _say(self, name: str, answer: Answer | Exception) -> None:
        service = ServiceName.parse(name)
        with self._lock:
            self._answers[service] = answer
            watches = list(self._watches.get(service, ()))
            told = [taken for watch in watches if (taken := watch.tell(answer)) is not None]
        wait_for_all(told, TAKEN_WITHIN)


def _given(said: Answer | Exception) -> Answer:
    if isinstance(said, Exception):
        raise said
    return said


class _Watch:
    def __init__(self) -> None:
        self.news: asyncio.Queue[tuple[Answer | Exception, Future[None]]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._told: list[Future[None]] = []

    def tell(self, answer: Answer | Exception) -> Future[None] | None:
        """What is resolved when the answer was taken; None where waiting for it would be in vain."""
        taken: Future[None] = Future()
        with suppress(RuntimeError):  # the loop of a watch that nobody closed
            self._loop.call_soon_threadsafe(self.news.put_nowait, (answer, taken))
            self._told = [*(each for each in self._told if not each.done()), taken]
            if asyncio._get_running_loop() is not self._loop:  # noqa: SLF001 - None on a thread without one
                return taken
        return None

    def close(self) -> None:
        """Let nobody wait for a watch that is over."""
        for taken in self._told:
            if not taken.done():
                taken.set_result(None)
