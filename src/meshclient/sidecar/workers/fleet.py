"""Several workers for one sidecar: the supervisor, which serves nothing itself.

It holds the listening sockets, one of each listener for each worker (SO_REUSEPORT divides connections among them), so
that what waits for a worker that has died is still there for the next one; and it asks the registry for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any

from meshclient.discovery.schemes import open_resolver
from meshclient.errors import ConfigError
from meshclient.sidecar.door import Door, open_door
from meshclient.sidecar.own_folder import own_socket
from meshclient.sidecar.reloads import Reloads
from meshclient.sidecar.workers.enquiry import Enquiry
from meshclient.sidecar.workers.front import Front
from meshclient.sidecar.workers.post import Post

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from meshclient.config.loaded import Loaded
    from meshclient.config.source import Document
    from meshclient.discovery.resolver import Resolver
    from meshclient.sidecar.arrangement import Arrangement

_LOG = logging.getLogger("meshclient.sidecar")
_LISTENERS = ("outbound", "inbound", "admin")
# What all workers would have to be given anew.
_FIXED = ("workers", "data_plane", *_LISTENERS)


class Fleet:
    """A `Body` of workers.

    Args:
        arrangement: what workers read their configuration by.
        loaded: the configuration.
        document: the file that it is of.
        doors: sockets by listener, where they are open already; the others are opened here.
        leave: asks the process to end in order.

    Attributes:
        doors: the listeners' sockets by name.
        reloads: how often it was told anew.
    """

    def __init__(
        self,
        arrangement: Arrangement,
        loaded: Loaded,
        document: Document,
        doors: Mapping[str, Door],
        leave: Callable[[], Awaitable[object]],
    ) -> None:
        self.doors = dict(doors)
        self.reloads = Reloads()
        self._arrangement = arrangement
        self._loaded = loaded
        self._document = document
        self._leave = leave
        self._resolver: Resolver | None = None
        self._generation = 1
        self._meeting = own_socket(f"fleet-{os.getpid()}.sock")
        self._enquiry = Enquiry(self._meeting)
        self._posts: list[Post] = []
        self._private: dict[int, Door] = {}
        self._front: Front | None = None
        self._asking: set[asyncio.Future[object]] = set()

    @property
    def addresses(self) -> dict[str, str]:
        """As `Body.addresses`."""
        return {name: str(door.address) for name, door in self.doors.items()}

    @property
    def url(self) -> str:
        """As `Body.url`."""
        return self.doors["outbound"].url if "outbound" in self.doors else ""

    @property
    def unmapped(self) -> list[str]:
        """As `Body.unmapped`."""
        return []

    async def start(self) -> None:
        """As `Body.start`."""
        config = self._loaded.config.sidecar
        try:
            for name in _LISTENERS:
                if getattr(config, name) and name not in self.doors:
                    self.doors[name] = open_door(name, getattr(config, name))
                if name in self.doors and name != "admin":
                    self.doors[name].widen(config.workers)
            if self._loaded.config.resolver:
                self._resolver = open_resolver(self._loaded.config.resolver)
                self._enquiry.use(self._generation, self._resolver)
            await self._enquiry.start()
            numbers = range(1, config.workers + 1)
            if "admin" in self.doors:
                # Of the same kind: for who comes by a Unix socket other rules hold than for who names a host.
                local = bool(self.doors["admin"].wanted.path)
                where = f"unix:{self._meeting}" if local else "127.0.0.1:0"
                self._private = {n: open_door("admin", f"{where}.{n}" if local else where) for n in numbers}
            self._posts = [Post(number, self._order, self._ask_to_end) for number in numbers]
            await _all_or_none([asyncio.create_task(post.start()) for post in self._posts])
            if "admin" in self.doors:
                self._front = Front({number: door.address for number, door in self._private.items()})
                for sock in self.doors["admin"].copies():
                    await self._front.listen(sock)
        except BaseException:
            await self.aclose()
            raise

    async def reload(self, loaded: Loaded, document: Document) -> None:
        """As `Body.reload`: all workers, or none."""
        for key in _FIXED:
            if getattr(loaded.config.sidecar, key) != getattr(self._loaded.config.sidecar, key):
                raise ConfigError(
                    f"sidecar.{key} cannot change while workers run: start the new one beside it, with `meshclient "
                    "sidecar --take-over`"
                )
        # A worker whose mesh stays asks by the number that it began with: this one is of the registry.
        same = loaded.config.resolver == self._loaded.config.resolver
        resolver = self._resolver if same else open_resolver(loaded.config.resolver) if loaded.config.resolver else None
        generation = self._generation if same else self._generation + 1
        if resolver is not None:
            self._enquiry.use(generation, resolver)
        message = {"do": "prepare", **self._told(document, generation, resolver)}
        errors = await asyncio.gather(*(post.ask(message) for post in self._posts))
        wrong = next((error for error in errors if error is not None), None)
        done = "discard" if wrong is not None else "commit"
        if wrong is None:
            # Before they are told: one that is started from now on goes by it.
            before, self._generation = self._generation, generation
            self._loaded, self._document, self._resolver = loaded, document, resolver
        else:
            before = generation
        await asyncio.gather(*(post.ask({"do": done}) for post in self._posts))
        if not same:
            self._enquiry.retire(before)
        if wrong is not None:
            raise ConfigError(wrong)
        self.reloads.took()

    async def refused(self, why: str) -> None:
        """As `Body.refused`; each worker shows it."""
        self.reloads.refused(why)
        await asyncio.gather(*(post.ask({"do": "refused", "why": why}) for post in self._posts))

    async def drain(self, *, hand_over: bool = False) -> int:
        """As `Body.drain`; workers say themselves how many requests were cut off."""
        for door in self.doors.values():
            if door.name != "admin" or hand_over:
                door.close(keep_file=hand_over)
        if hand_over and self._front is not None:
            await self._front.aclose()
        await asyncio.gather(*(post.drain(hand_over=hand_over) for post in self._posts))
        return 0

    async def aclose(self, *, hand_over: bool = False) -> None:
        """As `Body.aclose`."""
        await asyncio.gather(*(post.aclose() for post in self._posts))
        if self._front is not None:
            await self._front.aclose()
        for door in (*self.doors.values(), *self._private.values()):
            door.close(keep_file=hand_over and door in self.doors.values())
        await self._enquiry.aclose()

    def _order(self, number: int) -> tuple[dict[str, Any], list[int]]:
        """What the worker with this number is told, and the descriptors that it is to inherit."""
        doors, descriptors = [], []
        for name, door in self.doors.items():
            own = self._private[number].sockets if name == "admin" else _share(door, number, self._workers)
            numbers = [sock.fileno() for sock in own]
            descriptors += numbers
            doors.append({"name": name, "wanted": str(door.wanted), "at": str(door.address), "sockets": numbers})
        own_level = logging.getLogger("meshclient.sidecar").getEffectiveLevel()
        levels = [logging.getLogger("meshclient").getEffectiveLevel(), own_level]
        told = self._told(self._document, self._generation, self._resolver)
        return {"number": number, "levels": levels, "doors": doors, **told}, descriptors

    def _told(self, document: Document, generation: int, resolver: Resolver | None) -> dict[str, Any]:
        return {
            "path": None if document.path is None else str(document.path),
            "label": document.label,
            "tables": document.tables,
            "arguments": self._arrangement.arguments,
            "sets": list(self._arrangement.sets),
            "meeting": str(self._meeting),
            "generation": generation,
            "source": None if resolver is None else resolver.source,
        }

    @property
    def _workers(self) -> int:
        return self._loaded.config.sidecar.workers

    def _ask_to_end(self) -> None:
        asking = asyncio.ensure_future(self._leave())
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)


def _share(door: Door, number: int, workers: int) -> list[socket.socket]:
    """The sockets that this worker listens on: its own; all share the one of a Unix socket, which has one queue."""
    if door.wanted.path:
        return door.sockets[:1]
    return door.sockets[number - 1 :: workers]


async def _all_or_none(starting: list[asyncio.Task[dict[str, str]]]) -> None:
    try:
        await asyncio.gather(*starting)
    except BaseException:
        for each in starting:
            each.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        raise
