"""An httpx client to whom service names are as good as hosts."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

from meshclient.engine.tls import AdoptedContext
from meshclient.errors import ConfigError
from meshclient.http._async.engine_transport import ONE_PIECE
from meshclient.http._async.lanes import AsyncLanes
from meshclient.http._async.passage import AsyncPassage
from meshclient.http._async.short_road import AsyncShortRoad
from meshclient.http._async.transport import AsyncMeshTransport
from meshclient.http.innards import async_follow, quicken
from meshclient.http.mocking import async_mocked
from meshclient.http.mounting import direct_transport, has_proxies, mount_mesh
from meshclient.http.plain.request import PlainRequests, prepare_the_ground
from meshclient.http.unfound import note_unfound
from meshclient.http.waiting import async_runs
from meshclient.mesh import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Literal, Self, Unpack

    from httpx._client import UseClientDefault
    from httpx._types import (
        AuthTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
        TimeoutTypes,
    )

    from meshclient.discovery.resolver import Resolver
    from meshclient.http.arguments import AsyncClientArguments, GetArguments
    from meshclient.http.plain.call import PlainCall
    from meshclient.model.events import Observer


class AsyncClient(httpx.AsyncClient):
    """``httpx.AsyncClient``, whose requests to services are resolved, balanced, retried and ejected.

    With neither a resolver nor a service to speak of it behaves exactly as httpx does.

    Args:
        resolver: URI of a registry, or a `Resolver`; see `Mesh`.
        mesh: a `Mesh` to share with other clients, instead of all the arguments that would make one. It is not closed
            with the client.
        defaults: see `Mesh`.
        services: see `Mesh`.
        domains: see `Mesh`.
        mode: see `Mesh`.
        state_dir: see `Mesh`.
        discovery: see `Mesh`.
        telemetry: see `Mesh`.
        observers: see `Mesh`.
        engine: "builtin" for connections of our own, or "httpx" for those of httpx's transport; by default as the
            mesh's ``[defaults]`` say. With `transport` or ``http2`` among httpx's arguments it is always httpx's.
        arguments: httpx.AsyncClient's own.

    Raises ConfigError for a wrong value, PluginError where a resolver's plugin is missing.
    """

    def __init__(
        self,
        resolver: str | Resolver | None = None,
        *,
        mesh: Mesh | None = None,
        defaults: Mapping[str, object] | None = None,
        services: Mapping[str, object] | None = None,
        domains: Sequence[str] | None = None,
        mode: str | None = None,
        state_dir: Path | str | None = None,
        discovery: Mapping[str, object] | None = None,
        telemetry: Mapping[str, object] | None = None,
        observers: Sequence[Observer] = (),
        engine: Literal["builtin", "httpx"] | None = None,
        **arguments: Unpack[AsyncClientArguments],
    ) -> None:
        settings = (resolver, defaults, services, domains, mode, state_dir, discovery, telemetry, observers or None)
        if mesh is not None and any(setting is not None for setting in settings):
            msg = "mesh=... brings its own settings: give them to the Mesh, or leave mesh out"
            raise ConfigError(msg)
        given: object = resolver
        if isinstance(given, Mesh):
            msg = "a Mesh is no resolver: give it by its name, AsyncClient(mesh=...)"
            raise ConfigError(msg)
        super().__init__(**arguments)
        quicken(self)
        self._owns_mesh = mesh is None
        self.mesh = mesh or Mesh(
            resolver,
            defaults=defaults,
            services=services,
            domains=domains,
            mode=mode,
            state_dir=state_dir,
            discovery=discovery,
            telemetry=telemetry,
            observers=observers,
        )
        self._road: AsyncShortRoad | None = None
        self._requests = PlainRequests(self)
        self._lanes = self._lay(engine or "builtin", arguments)
        # Services say for themselves what carries them; what is for none goes as the defaults say.
        self._passes = (engine or self.mesh.config.defaults.engine) == "builtin"
        if not self.mesh.idle or self.mesh.passing is not None:
            mount_mesh(self, self._wrap, arguments.get("mounts") or ())
            if self._lanes is not None and self._lanes.builtin and not arguments.get("mounts"):
                prepare_the_ground()
                straight = self._passes and not has_proxies(self)
                passage = AsyncPassage(self._lanes.engine, self._lanes.tls, self, self.mesh) if straight else None
                self._road = AsyncShortRoad(self.mesh, self._lanes, self, passage)

    def _lay(self, engine: str, arguments: AsyncClientArguments) -> AsyncLanes | None:
        if engine not in {"builtin", "httpx"}:
            msg = f'engine is {engine!r}: write "builtin" or "httpx"'
            raise ConfigError(msg)
        if arguments.get("transport") is not None:
            return None
        direct, context = direct_transport(self)
        return AsyncLanes(
            direct,
            AdoptedContext(context, given=isinstance(arguments.get("verify"), ssl.SSLContext)),
            arguments.get("limits"),
            builtin=engine == "builtin" and arguments.get("http1", True) and not arguments.get("http2"),
        )

    def _wrap(self, direct: httpx.AsyncBaseTransport, passthrough: httpx.AsyncBaseTransport) -> AsyncMeshTransport:
        lanes = self._lanes
        if lanes is not None and lanes.builtin and self._passes and passthrough is direct:
            passthrough = lanes.passthrough
        return AsyncMeshTransport(self.mesh, direct, passthrough=passthrough, lanes=lanes)

    async def request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: RequestContent | None = None,
        data: RequestData | None = None,
        files: RequestFiles | None = None,
        json: Any | None = None,  # noqa: ANN401 - as httpx has it
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        auth: AuthTypes | UseClientDefault | None = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        timeout: TimeoutTypes | UseClientDefault = httpx.USE_CLIENT_DEFAULT,
        extensions: RequestExtensions | None = None,
    ) -> httpx.Response:
        """As httpx's; plain calls of services take a shorter way to the same response."""
        road = self._road
        if road is not None and not async_mocked() and async_runs():
            call = self._requests.prepare(
                method,
                url,
                content=content,
                data=data,
                files=files,
                json=json,
                params=params,
                headers=headers,
                cookies=cookies,
                auth=auth,
                follow_redirects=follow_redirects,
                timeout=timeout,
                extensions=extensions,
            )
            # A large body is written in parts, each of which has its time.
            done = None if call is None or len(call.content) > ONE_PIECE else await road.send(call)
            if call is not None and done is not None:
                return await self._go_on(call, done)
        return await super().request(
            method,
            url,
            content=content,
            data=data,
            files=files,
            json=json,
            params=params,
            headers=headers,
            cookies=cookies,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            extensions=extensions,
        )

    async def get(self, url: httpx.URL | str, **arguments: Unpack[GetArguments]) -> httpx.Response:
        """As httpx's. The commonest of all calls, one without arguments, is spared their way through `request`."""
        road = self._road
        if arguments or road is None or self._taken_over() or async_mocked() or not async_runs():
            return await self.request("GET", url, **arguments)
        call = self._requests.again("GET", url) or self._requests.prepare("GET", url)
        done = None if call is None else await road.send(call)
        if call is None or done is None:
            return await super().request("GET", url)
        return done if isinstance(done, httpx.Response) and not call.follow else await self._go_on(call, done)

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: AuthTypes | UseClientDefault | None = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: bool | UseClientDefault = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """As httpx's. Where a host is not found that may have been meant as a service, a note of the error says so."""
        try:
            return await super().send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
            note_unfound(error, error, request, self.mesh)
            raise

    def _taken_over(self) -> bool:
        """Whether somebody has replaced `request`, and wants to see every call."""
        return "request" in self.__dict__ or type(self).request is not AsyncClient.request

    async def _go_on(self, call: PlainCall, done: httpx.Response | httpx.Request) -> httpx.Response:
        """After the short road."""
        if isinstance(done, httpx.Request):
            return await self.send(done, follow_redirects=call.follow)
        return await async_follow(self, done) if call.follow else done

    async def aclose(self) -> None:
        """Close the connections, and the mesh unless it was given."""
        await super().aclose()
        if self._owns_mesh:
            await self.mesh.aclose()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await super().__aexit__(exc_type, exc_value, traceback)
        if self._owns_mesh:
            await self.mesh.aclose()
