"""The resolver ``kubernetes://``: a list of EndpointSlices, and a watch from its version on.

Each watch walks on its own: it lists, then follows the changes from the version of the list. A watch that the server
ends in time goes on from the version it has reached; one that said nothing in all its time proves nothing, because a
server with another history is just as silent, and is followed by a list. So is 410, in either of its shapes. All else
is an outage, which the runtime that drives the watch handles.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.complaints import Complaints
from meshclient.model.snapshot import Empty, Failed, listing
from meshclient_kubernetes.access import ACCOUNT
from meshclient_kubernetes.connection import Connection
from meshclient_kubernetes.errors import KubernetesDenied, KubernetesError, KubernetesExpired, KubernetesThrottled
from meshclient_kubernetes.events import View
from meshclient_kubernetes.merge import merge
from meshclient_kubernetes.options import KubernetesOptions
from meshclient_kubernetes.pace import Pace
from meshclient_kubernetes.place import Place
from meshclient_kubernetes.slices import Slices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    import httpx

    from meshclient.discovery.resolver import Chance, ResolverUri
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Ready


class KubernetesResolver:
    """Resolves names of Services with their EndpointSlices.

    Endpoints that are not ready are left out; those that terminate and still serve are used, with a warning as their
    health, where nothing is ready. A Service that the API server does not know is `Empty(exists=False)`.

    Args:
        uri: ``kubernetes://<namespace>?...``; the options stand in this distribution's README.
        environ: where the variables are read, once, instead of the process's environment.
        account: the folder with the pod's token, authority and namespace.
        clock: monotonic seconds, for the pace of questions.
        rng: spreads the ends of watches, so that many processes do not come back in step.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong, and where no API server is named.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        account: Path = ACCOUNT,
        clock: Callable[[], float] = time.monotonic,
        rng: Chance = random,  # the module is one, and seeded anew in a forked child
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = KubernetesOptions.parse(uri, os.environ if environ is None else environ, account)
        self.source = self._options.source
        self._connection = Connection(self._options, transport)
        self._clock = clock
        self._rng = rng
        self._complaints = Complaints(self.source)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield the list, then again after each change and whenever the server confirms it.

        Raises KubernetesDenied where the credentials or the role do not do and KubernetesError for any other failure.
        """
        place = Place.parse(name, self._options.namespace)
        if place is None:  # no Service can have this name, in no cluster
            while True:
                yield Empty(exists=False, source=self.source)
                await asyncio.sleep(self._options.wait)
        pace = Pace()
        async with self._connection.open() as client:
            slices = Slices(self._connection, client, place, self._options)
            view: View | None = None
            while True:
                delay, pace = pace.take(self._clock())
                await asyncio.sleep(delay)
                try:
                    if view is None:
                        view = await slices.list()
                        yield await self._answer(slices, place, view)
                        continue
                    seconds = max(1, round(self._options.wait * self._rng.uniform(0.9, 1.0)))
                    heard = False
                    async with slices.watch(view.version, seconds) as events:
                        while (batch := await events.next()) is not None:
                            for event in batch:
                                view.apply(event)
                            heard = True
                            yield await self._answer(slices, place, view)
                    if heard:
                        yield await self._answer(slices, place, view)
                    else:
                        view = None
                except KubernetesExpired:
                    view = None
                except KubernetesThrottled as exc:
                    view = None
                    yield Failed(f"{type(exc).__name__}: {exc}", source=self.source)
                    await asyncio.sleep(exc.retry_after)

    async def _answer(self, slices: Slices, place: Place, view: View) -> Ready | Empty:
        """What the slices of `view` come to; where there are none, whether there is such a Service."""
        malformed = [wrong for each in view.slices.values() for wrong in each.malformed]
        endpoints = merge(view.slices.values(), self._options.family)
        if malformed and not endpoints:  # those may be the ready ones: this is no empty list
            raise KubernetesError(
                f"{self.source} lists nothing usable for {place}: {len(malformed)} records are malformed, "
                f"the first being {malformed[0]}"
            )
        self._complaints.report((place, "records"), f"{place}: malformed and left out", malformed)
        exists = bool(view.slices) or await self._exists(slices, place)
        return listing(endpoints, source=self.source, exists=exists)

    async def _exists(self, slices: Slices, place: Place) -> bool:
        """Whether there is such a Service; where the role does not let the server say, it counts as there."""
        denied: list[str] = []
        try:
            exists = await slices.service_exists()
        except KubernetesDenied as exc:
            exists, denied = True, [str(exc)]
        what = f"{place}: it has no endpoints, and whether it exists cannot be told"
        self._complaints.report((place, "existence"), what, denied)
        return exists
