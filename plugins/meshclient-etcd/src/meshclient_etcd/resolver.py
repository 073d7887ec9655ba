"""The resolver ``etcd://``: a list, and a watch that follows it, over one or more members.

Every watch begins with a list, also one that only goes on: a revision alone cannot tell whether the store behind it is
still the same (an etcd restored or wiped counts again from the start, perhaps past the old revision), and compaction
may have eaten the changes in between. An answer is given once its watch stands, so that a list nobody follows is not
taken for one that is. A member that fails is left for the next; only when all have failed in a row is it an outage,
which the runtime that drives the watch then handles.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.complaints import Complaints
from meshclient.discovery.http_registry.fields import PayloadError
from meshclient.discovery.resolver import JITTER
from meshclient.model.duration import format_duration
from meshclient.model.snapshot import Empty, listing
from meshclient_etcd.connection import Connection, Request
from meshclient_etcd.errors import EtcdDenied, EtcdError, EtcdUnreachable, OutOfDate, Purpose, exhausted, payload_error
from meshclient_etcd.options import EtcdOptions
from meshclient_etcd.pace import BURST, GAP, Pace
from meshclient_etcd.records import Records
from meshclient_etcd.spelling import PAGE, Search
from meshclient_etcd.wire import Found, News, decode_news, decode_range, encoded, prefix_range, watch_lines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    import httpx

    from meshclient.discovery.resolver import Chance, ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Ready
    from meshclient_etcd.stream import Stream

_LOG = logging.getLogger("meshclient.discovery")
_RANGE, _WATCH = "/v3/kv/range", "/v3/watch"


class EtcdResolver:
    """Resolves names with the records under ``<prefix>/<service>/``.

    Critical and draining instances, and those of weight 0, are left out. A service without a single key is
    `Empty(exists=False)`.

    Args:
        uri: ``etcd://host:2379[,host:2379]/<prefix>?...``; the options stand in this distribution's README.
        environ: where etcdctl's variables are read, once, instead of the process's environment.
        clock: monotonic seconds, for the pace of lists and answers.
        rng: spreads the ends of silences, which an event begins for every process at once.
        transport: what carries the requests instead of the network.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: Chance | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._options = EtcdOptions.parse(uri, os.environ if environ is None else environ)
        self.source = self._options.source
        self._connection = Connection(self._options, transport)
        self._clock = clock
        # The module's own generator is seeded anew in a forked child (a copy of ours would march in step).
        self._rng: Chance = rng or random
        self._preferred = 0
        self._complaints = Complaints(self.source)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield the list, then again after each change, each progress notification and each silence.

        Raises EtcdDenied where the access rules refuse the question and EtcdError where no member answers.
        """
        pace, place, outdated = Pace(), self._preferred, 0
        failures: list[EtcdError] = []
        async with self._connection.open() as client:
            while True:
                await asyncio.sleep(pace.delay(self._clock()))
                pace = pace.taken(self._clock())
                answered = False
                try:
                    async with aclosing(self._follow(client, self._options.servers[place], name)) as answers:
                        async for answer in answers:
                            answered, outdated = True, 0
                            failures.clear()
                            yield answer
                except EtcdDenied:
                    raise
                except OutOfDate as exc:
                    outdated += not answered
                    if outdated == BURST:
                        raise
                    _LOG.info("%s: %s; reading the list again", self.source, exc)
                except EtcdError as exc:
                    place = self._leave(place)
                    if not answered:
                        failures.append(exc)
                        if len(failures) == len(self._options.servers):
                            raise exhausted(self._purpose(name), failures) from None

    def _leave(self, place: int) -> int:
        """The place to ask after a failure at `place`: where another watch has gone already, or the next."""
        if self._preferred == place:
            self._preferred = (place + 1) % len(self._options.servers)
        return self._preferred

    async def _follow(
        self, client: httpx.AsyncClient, server: Endpoint, name: ServiceName
    ) -> AsyncGenerator[Ready | Empty, None]:
        """The answers of one list and its watch; ends when the watch has been silent for the option `wait`.

        Raises EtcdError when it breaks.
        """
        purpose = self._purpose(name)
        records = await self._listed(client, server, name)
        request = Request(_WATCH, watch_lines(records.starts), purpose)
        async with self._connection.stream(client, server, request) as stream:
            records = await self._begun(stream, server, request, records)
            pace, changed = Pace(interval=GAP), True
            while True:
                now = self._clock()
                if changed and not pace.delay(now):
                    pace, changed = pace.taken(now), False
                    yield self._told(server, name, records)
                line = await stream.next(pace.delay(self._clock()) if changed else self._silence())
                if line is not None:
                    records = self._after(records, self._decoded(line, server, request), server, request)
                    changed = True  # a progress notification is told as well: the list is confirmed
                elif not changed:
                    return

    def _silence(self) -> float:
        return self._options.wait * self._rng.uniform(1 - JITTER, 1 + JITTER)

    async def _begun(self, stream: Stream, server: Endpoint, request: Request, records: Records) -> Records:
        """The records once etcd has confirmed each watch."""
        awaited, end = len(records.starts), self._clock() + self._options.timeout
        while awaited:
            line = await stream.next(max(0.0, end - self._clock()))
            if line is None:
                text = f"etcd at {server.authority} did not begin its watch for {request.purpose.what}"
                limit = format_duration(self._options.timeout)
                raise EtcdUnreachable(f"{text} within {limit}; does a proxy hold its answer back?")
            news = self._decoded(line, server, request)
            records = self._after(records, news, server, request)
            awaited -= news.created
        return records

    def _decoded(self, line: str, server: Endpoint, request: Request) -> News:
        try:
            news = decode_news(line)
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + request.path, request.purpose, exc) from None
        if news.ended and not news.compacted:
            raise self._connection.refused(news.ended, "with the end of the watch", server, request)
        return news

    @staticmethod
    def _after(records: Records, news: News, server: Endpoint, request: Request) -> Records:
        try:
            return records.after(news)
        except OutOfDate as exc:
            text = f"the watch of etcd at {server.authority} for {request.purpose.what} cannot go on"
            raise OutOfDate(f"{text}: {exc}") from None
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + request.path, request.purpose, exc) from None

    async def _listed(self, client: httpx.AsyncClient, server: Endpoint, name: ServiceName) -> Records:
        """What stands under the name; under its other spellings, too, where there is nothing."""
        root = self._options.prefix.encode()
        place = root + name.value.encode() + b"/"
        found = await self._range(client, server, self._purpose(name), prefix_range(place))
        places = {place: found}
        if not found.pairs:
            for other in await self._spellings(client, server, name, root):
                places[other] = await self._range(client, server, self._purpose(name), prefix_range(other))
        records = Records(scheme=self._options.endpoint_scheme)
        try:
            for each, what in places.items():
                records = records.listed(each, what)
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + _RANGE, self._purpose(name), exc) from None
        return records

    async def _spellings(
        self, client: httpx.AsyncClient, server: Endpoint, name: ServiceName, root: bytes
    ) -> tuple[bytes, ...]:
        search = Search.begin(root, name.value.encode())
        purpose = self._purpose(name)
        while (span := search.span) is not None:
            body = {"key": encoded(span[0]), "range_end": encoded(span[1]), "keys_only": True, "limit": str(PAGE)}
            try:
                page = await self._range(client, server, purpose, body)
            except EtcdDenied:  # a role for this service alone may not see what others there are
                break
            search = search.after(tuple(pair.key for pair in page.pairs))
        return tuple(place for place in search.found if place != root + name.value.encode() + b"/")

    async def _range(
        self, client: httpx.AsyncClient, server: Endpoint, purpose: Purpose, body: Mapping[str, object]
    ) -> Found:
        answer = await self._connection.ask(client, server, Request(_RANGE, body, purpose))
        try:
            return decode_range(answer)
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + _RANGE, purpose, exc) from None

    def _told(self, server: Endpoint, name: ServiceName, records: Records) -> Ready | Empty:
        """The answer, and a warning of malformed records, once for each set of them."""
        try:
            endpoints = records.endpoints
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + _RANGE, self._purpose(name), exc) from None
        self._complaints.left_out(name, records.malformed, len(records.entries))
        return listing(endpoints, source=self.source, exists=bool(records.entries))

    def _purpose(self, name: ServiceName) -> Purpose:
        return Purpose(f"service '{name}'", f"READ on keys that begin with '{self._options.prefix}{name}/'")
