"""One process of the sidecar: the mesh, the listeners and what they are told, from start to end.

A new configuration is prepared beside the old one, down to its sockets and lists, and then put in its place: it holds
as a whole or not at all. Requests under way end with what they began with.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.sidecar.access_log import AccessLog
from meshclient.sidecar.admin import Admin
from meshclient.sidecar.configured import outbound_route, proxy_settings
from meshclient.sidecar.envoy.plane import EnvoyPlane
from meshclient.sidecar.preparation import ADMIN, INBOUND, OUTBOUND, Former, prepared_for
from meshclient.sidecar.proxy import Proxy
from meshclient.sidecar.reloads import Reloads
from meshclient.sidecar.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from meshclient.config.loaded import Loaded
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.config.source import Document
    from meshclient.discovery.resolver import Resolver
    from meshclient.mesh.mesh import Mesh
    from meshclient.sidecar.door import Door
    from meshclient.sidecar.inbound import Entrance
    from meshclient.sidecar.preparation import Prepared
    from meshclient.sidecar.proxy import ProxySettings, Route

_LOG = logging.getLogger("meshclient.sidecar")


class Sidecar:
    """The data plane of a process, its admin interface, and the registration of what is behind it.

    Used on the loop that `start` is awaited on.

    Args:
        loaded: what it is told.
        doors: sockets by listener, where they are open already; the others are opened here.
        leave: asks the process to end in order; awaited by ``POST /drain``.
        resolver: instead of the configured one.
        number: of the worker, from 1, or None where there is only this process.

    Attributes:
        loaded: the configuration in use.
        mesh: in use; there from the start on.
        doors: the listeners' sockets by name.
        proxies: by listener.
        resolver: of meshes that are made from now on, in place of the configured one; or None.
        entrance: to the application, or None.
        envoy: in place of the outbound proxy, or None.
        reloads: how often it was told anew.
        serving: whether it listens.
        draining: whether it is about to end.
    """

    mesh: Mesh

    def __init__(
        self,
        loaded: Loaded,
        doors: Mapping[str, Door],
        leave: Callable[[], Awaitable[object]],
        *,
        resolver: Resolver | None = None,
        number: int | None = None,
    ) -> None:
        self.loaded = loaded
        self.doors = dict(doors)
        self.proxies: dict[str, Proxy] = {}
        self.entrance: Entrance | None = None
        self.envoy: EnvoyPlane | None = None
        self.reloads = Reloads()
        self.serving = self.draining = False
        self.sight = Sight(self, leave, number)
        self.resolver = resolver
        self._log = AccessLog()
        self._folder: Path | None = None
        self._admin: Admin | None = None
        self._token: str | None = None
        # Proxies whose listeners a reload has taken away.
        self._retired: set[Proxy] = set()
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> SidecarConfig:
        """Of the configuration in use."""
        return self.loaded.config.sidecar

    @property
    def addresses(self) -> dict[str, str]:
        """As `Body.addresses`."""
        found = {name: str(door.address) for name, door in self.doors.items() if door.sockets}
        return found if self.envoy is None else {OUTBOUND: self.envoy.address, **found}

    @property
    def url(self) -> str:
        """As `Body.url`."""
        if self.envoy is not None:
            return self.envoy.address if self.envoy.address.startswith("unix:") else f"http://{self.envoy.address}"
        return self.doors[OUTBOUND].url if OUTBOUND in self.doors else ""

    @property
    def unmapped(self) -> list[str]:
        """As `Body.unmapped`."""
        return [] if self.envoy is None else list(self.envoy.unmapped)

    async def start(self) -> None:
        """Listen, and serve. Raises ConfigError and PluginError where that cannot be."""
        prepared = await self._make(self.loaded, None)
        self.mesh = prepared.mesh
        try:
            await self._put_in_place(prepared, None)
        except BaseException:
            await self.aclose()
            raise
        self.serving = True

    async def prepare(self, loaded: Loaded) -> Prepared:
        """Make all that `loaded` needs beside what is in use. Raises ConfigError and PluginError; then nothing is."""
        for key in ("workers", "data_plane"):
            if getattr(loaded.config.sidecar, key) != getattr(self.settings, key):
                raise ConfigError(
                    f"sidecar.{key} cannot change while it runs: start the new one beside it, with `meshclient sidecar "
                    "--take-over`"
                )
        return await self._make(loaded, Former(self.loaded, self.mesh))

    async def commit(self, prepared: Prepared) -> None:
        """Put it in place."""
        await self._put_in_place(prepared, self.loaded)
        self.reloads.took()

    async def discard(self, prepared: Prepared) -> None:
        """Let go of what was prepared and will not be put in place."""
        await prepared.aclose(keeps=prepared.mesh is self.mesh)

    async def reload(self, loaded: Loaded, document: Document) -> None:  # noqa: ARG002 - as `Body.reload`
        """As `Body.reload`."""
        await self.commit(await self.prepare(loaded))

    async def refused(self, why: str) -> None:
        """As `Body.refused`."""
        self.reloads.refused(why)

    async def depart(self, *, linger: bool = True) -> None:
        """No longer ready, and out of the registry; everything is still served.

        Args:
            linger: return only when callers have noticed.
        """
        self.draining = True
        if self.entrance is not None and self.entrance.listed is not None:
            await self.entrance.listed.leave(linger=linger)

    async def drain(self, *, hand_over: bool = False) -> int:
        """End in order; the number of requests that were cut off.

        No longer ready, out of the registry, until callers have noticed; then nothing new is accepted, and what is
        under way gets the time that is configured.

        Args:
            hand_over: another process goes on with the same sockets and the registration: nobody has to notice.
        """
        await self.depart(linger=not hand_over)
        for door in self.doors.values() if not hand_over else ():
            if door.name != ADMIN:
                await door.empty()
        for door in self.doors.values():
            if door.name != ADMIN or hand_over:
                door.close(keep_file=hand_over)
        if hand_over and self._admin is not None:
            await self._admin.aclose()
        grace = self.settings.drain
        proxies = [*self.proxies.values(), *self._retired]
        planes: list[Proxy | EnvoyPlane] = [*proxies, *([self.envoy] if self.envoy else [])]
        cut = sum(await asyncio.gather(*(plane.drain(grace) for plane in planes)))
        if cut:
            _LOG.warning("%d requests were cut off after %g s of drain", cut, grace)
        return cut

    async def aclose(self, *, hand_over: bool = False) -> None:
        """Close everything at once."""
        self.draining = True
        for chore in list(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        for door in self.doors.values():
            door.close(keep_file=hand_over)
        for proxy in self.proxies.values():
            await proxy.aclose()
        if self.envoy is not None:
            await self.envoy.aclose()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.entrance is not None:
            await self.entrance.aclose()
        if self._admin is not None:
            await self._admin.aclose()
        self._log.flush()
        await self.mesh.aclose()

    async def _make(self, loaded: Loaded, former: Former | None) -> Prepared:
        return await prepared_for(loaded, former, self.doors, resolver=self.resolver, follow=self._follow)

    async def _put_in_place(self, prepared: Prepared, before: Loaded | None) -> None:
        former_mesh, former_doors, former_entrance = self.mesh, self.doors, self.entrance
        config = prepared.loaded.config.sidecar
        self.loaded, self.mesh, self.doors = prepared.loaded, prepared.mesh, prepared.doors
        self.entrance = prepared.entrance
        self.sight.look_at(self.mesh)
        await self._proceed(former_doors)
        await self._carry(config, self.mesh)
        if self.doors.get(ADMIN) is not former_doors.get(ADMIN) or prepared.token != self._token or before is None:
            await self._administer(prepared)
        for name, door in former_doors.items():
            if self.doors.get(name) is not door:
                door.close()
        if self.entrance is not None:
            await self.entrance.follow(former_entrance)
            if self.entrance.listed is not None:
                # Before another process is relieved of it: of two that want to be listed, one always is.
                await self.entrance.listed.follow(self.mesh)
        elif former_entrance is not None:
            await former_entrance.aclose()
        if former_mesh is not self.mesh:
            self._later(_close_after(former_mesh, config.drain))

    async def _proceed(self, former: Mapping[str, Door]) -> None:
        """Have every request that begins from now on go by the configuration that is in use now."""
        parts = self._parts()
        retired = [self.proxies.pop(name) for name in list(self.proxies) if self.doors.get(name) is not former[name]]
        for name, proxy in self.proxies.items():
            proxy.swap(*parts[name])
        for name, part in parts.items():
            if name not in self.proxies:
                self.proxies[name] = Proxy(*part)
                for sock in self.doors[name].copies():
                    await self.proxies[name].listen(sock)
        for proxy in retired:
            self._retired.add(proxy)
            self._later(self._retire(proxy))

    async def _retire(self, proxy: Proxy) -> None:
        try:
            await proxy.drain(self.settings.drain)
        finally:
            self._retired.discard(proxy)
            await proxy.aclose()

    def _parts(self) -> dict[str, tuple[Mesh, ProxySettings, Route]]:
        config = self.settings
        parts: dict[str, tuple[Mesh, ProxySettings, Route]] = {}
        if OUTBOUND in self.doors:
            parts[OUTBOUND] = (self.mesh, proxy_settings(config, self._log), outbound_route(self.mesh, config))
        if self.entrance is not None:
            settings = proxy_settings(config, self._log, self.entrance.turnstile)
            parts[INBOUND] = (self.entrance.mesh, settings, self.entrance.route)
        return parts

    async def _carry(self, config: SidecarConfig, mesh: Mesh) -> None:
        """Have Envoy do what the outbound proxy does otherwise."""
        if config.data_plane != "envoy" or not config.outbound:
            return
        if self.envoy is not None:
            await self.envoy.swap(mesh, config)
            return
        self._folder = Path(tempfile.mkdtemp(prefix="meshclient-envoy-"))
        self.envoy = EnvoyPlane(mesh, config, self._folder)
        await self.envoy.start()

    async def _administer(self, prepared: Prepared) -> None:
        door, before = self.doors.get(ADMIN), self._admin
        self._admin, self._token = None, prepared.token
        if door is not None:
            names = {door.wanted.host} - {""}
            self._admin = Admin(self.sight, token=prepared.token, host_names=names)
            for sock in door.copies():
                await self._admin.listen(sock)
        if before is not None:
            await before.aclose()

    def _follow(self) -> None:
        """The application has become fit, or is not any more."""
        if self.entrance is not None and self.entrance.listed is not None and not self.draining:
            self._later(self.entrance.listed.follow(self.mesh))

    def _later(self, work: Coroutine[object, object, None]) -> None:
        async def run() -> None:
            with suppress(asyncio.CancelledError):
                await work

        task = asyncio.create_task(run())
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _close_after(mesh: Mesh, seconds: float) -> None:
    # Requests that began with it may still ask it for another endpoint.
    try:
        await asyncio.sleep(seconds)
    finally:
        await mesh.aclose()
