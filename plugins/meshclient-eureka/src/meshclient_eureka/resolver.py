"""The resolver ``eureka://``: a copy of the whole registry, fetched once for all watched names.

After a failure a watch goes on and says so, because the next try is the business of the shared fetching; only where
that itself has broken does a watch end with an error.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.complaints import Complaints
from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.model.snapshot import Failed, listing
from meshclient_eureka.connection import Connection
from meshclient_eureka.endpoints import decode_endpoints
from meshclient_eureka.feed import Feed
from meshclient_eureka.options import EurekaOptions
from meshclient_eureka.registry import Registry
from meshclient_eureka.replica import Replica

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from meshclient.discovery.resolver import Chance, ResolverUri
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready
    from meshclient_eureka.applications import Instance


class EurekaResolver:
    """Resolves names with Eureka's registry.

    Instances that are not UP are left out. A service without a single record is `Empty(exists=False)`. All watches of
    one event loop share one copy of the registry.

    Args:
        uri: ``eureka://host:8761[,host:8761]/eureka?...``; the options stand in this distribution's README.
        clock: monotonic seconds, for the age of the copy.
        rng: jitter of the pauses.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        clock: Callable[[], float] = time.monotonic,
        rng: Chance | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = EurekaOptions.parse(uri)
        self.source = self._options.source
        self._connection = Connection(self._options, transport)
        self._clock = clock
        # The module's own generator is seeded anew in a forked child (a copy of ours would march in step).
        self._share = rng.random if rng else random.random
        self._feeds: dict[asyncio.AbstractEventLoop, Feed] = {}
        self._complaints = Complaints(self.source)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield the list after each fetch of the registry, or `Failed` where the fetch failed.

        Raises EurekaError where a PEM file is unusable.
        """
        loop = asyncio.get_running_loop()
        feed = self._join(loop)
        try:
            version = 0
            records: tuple[Instance, ...] | None = None
            answer: Ready | Empty | Failed | None = None
            while True:
                news = await feed.after(version)
                version = news.version
                if not isinstance(news.outcome, Registry):
                    yield Failed(f"service '{name}': {news.outcome}")
                    continue
                found = self._records(news.outcome, name)
                if answer is None or found != records:
                    answer, records = self._answer(name, found), found
                yield answer
        finally:
            await self._leave(loop, feed)

    async def names(self) -> list[str]:
        """The applications of the registry, or with ``by=vip`` the addresses that they have.

        Raises EurekaError where it cannot be fetched.
        """
        loop = asyncio.get_running_loop()
        feed = self._join(loop)
        try:
            registry = (await feed.after(0)).outcome
        finally:
            await self._leave(loop, feed)
        if not isinstance(registry, Registry):
            raise registry
        return registry.vips(secure=self._secure) if self._options.by == "vip" else list(registry.apps)

    def refresh(self, name: ServiceName) -> None:  # noqa: ARG002 - one fetch brings all names
        """Fetch soon, as calls to an endpoint have failed; called on the discovery loop."""
        if feed := self._feeds.get(asyncio.get_running_loop()):
            feed.hurry()

    def _join(self, loop: asyncio.AbstractEventLoop) -> Feed:
        feed = self._feeds.get(loop)
        if feed is None or feed.ended:
            replica = Replica(self._connection, self._options, self._clock)
            feed = self._feeds[loop] = Feed(replica, self._connection.open, self._options.interval, self._share)
        feed.users += 1
        return feed

    async def _leave(self, loop: asyncio.AbstractEventLoop, feed: Feed) -> None:
        feed.users -= 1
        if feed.users == 0:
            if self._feeds.get(loop) is feed:
                del self._feeds[loop]
            await feed.stop()

    @property
    def _secure(self) -> bool:
        return self._options.endpoint_scheme == "https"

    def _records(self, registry: Registry, name: ServiceName) -> tuple[Instance, ...]:
        if self._options.by == "vip":
            return registry.by_vip(name.value, secure=self._secure)
        return registry.by_app(name.value)

    def _answer(self, name: ServiceName, records: tuple[Instance, ...]) -> Ready | Empty | Failed:
        options = self._options
        try:
            found = decode_endpoints(records, address=options.address, scheme=options.endpoint_scheme)
        except PayloadError as exc:
            where = ", ".join(server.authority for server in options.servers)
            return Failed(f"Eureka at {where} lists service '{name}' with malformed records only: {exc}")
        self._complaints.left_out(name, found.malformed, len(records))
        return listing(found.endpoints, source=self.source, exists=bool(records), left_out=found.left_out)
