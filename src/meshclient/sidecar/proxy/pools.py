"""The engine's pools, with connections whose responses can pass through."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from meshclient.engine import complaints
from meshclient.engine.aio.dial import dial
from meshclient.engine.aio.engine import AsyncEngine
from meshclient.engine.aio.limit import Limit
from meshclient.engine.aio.opening import FAREWELL
from meshclient.engine.aio.pool import AsyncPool
from meshclient.engine.aio.pools import Pools
from meshclient.engine.aio.share import Share
from meshclient.engine.errors import TlsFailed
from meshclient.engine.limits import ResponseLimits
from meshclient.engine.tls_explanation import explain
from meshclient.http._async.lanes import AsyncLanes
from meshclient.sidecar.proxy.upstream import Upstream

if TYPE_CHECKING:
    import asyncio

    from meshclient.engine.target import Target
    from meshclient.http._async.lane import AsyncLane
    from meshclient.mesh import MeshService


class UpstreamPool(AsyncPool):
    """Opens `Upstream`."""

    __slots__ = ()

    async def _open(self, until: float, connect: float) -> Upstream:
        now = self.clock()
        due = min(until, now + connect)
        if due == inf:
            return await self._opened()
        try:
            with Limit(self.sweep, now, due, until):
                return await self._opened()
        except TimeoutError:
            raise complaints.late_connection(self.target) from None

    async def _opened(self) -> Upstream:
        """As `meshclient.engine.aio.opening`."""
        target, era = self.target, self.era
        try:
            secured: dict[str, Any] = {}
            if target.tls is not None:
                secured = {
                    "ssl": target.tls.context(),
                    "server_hostname": target.server_name or target.host,
                    "ssl_shutdown_timeout": FAREWELL,
                }
            sock = await dial(self.loop, target)
        except BaseException:
            self._unclaim()
            raise
        connection = Upstream(self, sock, era)
        self.made(connection)
        try:
            await self.loop.create_connection(lambda: connection, sock=sock, **secured)
        except OSError as error:
            connection.abandon("it could not be made")
            self.over(connection)
            if target.tls is not None:
                raise TlsFailed(explain(error, target)) from error
            raise complaints.unconnected(target, error.strerror or str(error)) from error
        except BaseException:
            connection.abandon("nobody waited for it any more")
            self.over(connection)
            raise
        return connection


class UpstreamPools(Pools):
    """Makes `UpstreamPool`."""

    def pool(self, target: Target, share: str) -> AsyncPool:
        """The pool for `target`, made if there is none."""
        found = self._pools.get((target, share))
        if found is None:
            common = self._shares.get(share)
            if common is None:
                common = self._shares[share] = Share(share, self.pool_limits)
            found = UpstreamPool(target, common, self)
            self._keep(found)
        return found


class UpstreamEngine(AsyncEngine):
    """Makes `UpstreamPools`."""

    def _pools(self, loop: asyncio.AbstractEventLoop) -> Pools:
        with self._lock:
            self._forget_loops()
            made = self._loops[loop] = UpstreamPools(loop, self._response, self._pool, self._clock)
            return made


class ProxyLanes(AsyncLanes):
    """The ways to services over an `UpstreamEngine` each."""

    def _open(self, service: MeshService, scheme: str, host: str) -> AsyncLane:
        # Before its engine is made: what belongs to an earlier service of that name goes.
        self._forget()
        made = UpstreamEngine(
            response=ResponseLimits(body=service.config.max_response), pool=self._pool_limits(service)
        )
        self._engines.setdefault(service.name, made)
        return super()._open(service, scheme, host)
