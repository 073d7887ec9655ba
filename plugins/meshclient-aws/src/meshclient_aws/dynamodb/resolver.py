"""The resolver ``dynamodb://``: a consistent Query is the base, the table's stream says when it is out of date.

Changes are not put together from the stream's images: a query read before a record would be overwritten by it, and
whatever is wrong once would stay. A record only says that the service has to be listed again, and any number of them
between two queries cost one. Renewals are the exception, because there are so many of them: they carry their order
(`heartbeat`) and are applied to the list as it is. Expiry needs no word from anybody: the watch wakes by itself.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.model.snapshot import listing
from meshclient_aws.client import AwsClient
from meshclient_aws.dynamodb.feed import feed_of
from meshclient_aws.dynamodb.item import SERVICE, decode_item
from meshclient_aws.dynamodb.news import News
from meshclient_aws.dynamodb.options import DynamoDbOptions
from meshclient_aws.dynamodb.roster import Roster
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from meshclient.discovery.resolver import Chance, ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Ready
    from meshclient_aws.dynamodb.stream import Client

_LOG = logging.getLogger("meshclient.discovery")
_SHOWN = 5


class DynamoDbResolver:
    """Resolves names with the items of a table.

    Left out are items that have expired, by this machine's clock, and those whose status is critical or draining. A
    service without a single item is `Empty(exists=False)`.

    Args:
        uri: ``dynamodb://<table>?...``; the options stand in this distribution's README.
        wall_clock: seconds since the epoch, for expiry.
        clock: monotonic seconds, for the pace of queries.
        rng: jitter of the interval (10 % either way).

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        rng: Chance = random,
    ) -> None:
        self._options = DynamoDbOptions.parse(uri)
        self.source = self._options.source
        self._client: Client = AwsClient("dynamodb", self._options.aws)
        self._wall_clock = wall_clock
        self._clock = clock
        self._rng = rng
        self._reported: dict[ServiceName, frozenset[str]] = {}

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield the list, then again after each query and whenever an instance expires or comes back to life.

        Raises AwsError where the table cannot be asked.
        """
        with self._following(name) as news:
            while True:
                # Set back before the question: what changes during it is asked about again.
                news.stale = False
                asked = self._clock()
                roster = await self._list(name)
                spread = self._rng.uniform(1 - JITTER, 1 + JITTER)
                shown: tuple[Endpoint, ...] | None = None
                while True:
                    now = self._wall_clock()
                    if (live := roster.live(now)) != shown:
                        shown = live
                        yield listing(live, source=self.source, exists=bool(roster.items))
                    left = asked + self._patience(news, spread) - self._clock()
                    if left <= 0:
                        break
                    await news.wait(_until(roster.next_expiry(now), now, left))
                    roster, missed = roster.renewed(news.take())
                    news.stale = news.stale or missed

    def _following(self, name: ServiceName) -> contextlib.AbstractContextManager[News]:
        if not self._options.streams:
            return contextlib.nullcontext(News())
        return feed_of(self._options, self._client).follow(name)

    def _patience(self, news: News, spread: float) -> float:
        """Seconds from one query to the next, as things stand."""
        if news.stale:
            # No more queries than reads of the stream, and none that has to wait although a read has brought changes.
            return self._options.pace * (1 - JITTER)
        return spread * (self._options.interval if news.streaming else self._options.poll)

    async def _list(self, name: ServiceName) -> Roster:
        """All items of a service, read with consistency. Raises AwsError where that is not possible."""
        items: list[Mapping[str, object]] = []
        further: dict[str, object] = {}
        while True:
            answer = await self._page(name, further)
            found, last = answer.get("Items"), answer.get("LastEvaluatedKey")
            # An answer without a list is not DynamoDB's, and must not pass for an empty one.
            repeated = bool(last) and last == further.get("ExclusiveStartKey")
            if repeated or not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
                raise AwsError(f"AWS Query for {self._about(name)} was answered with something malformed")
            items += found
            if not last:
                break
            further = {"ExclusiveStartKey": last}
        roster = Roster.of(decode_item(item) for item in items)
        self._report(name, roster)
        return roster

    async def _page(self, name: ServiceName, further: Mapping[str, object]) -> Mapping[str, object]:
        try:
            return await self._client.call(
                "query",
                self._about(name),
                TableName=self._options.table,
                ConsistentRead=True,
                KeyConditionExpression="#service = :service",
                ExpressionAttributeNames={"#service": SERVICE},
                ExpressionAttributeValues={":service": {"S": name.value}},
                **further,
            )
        except AwsError as exc:
            raise no_table(exc, self._options.table) from None

    def _report(self, name: ServiceName, roster: Roster) -> None:
        """Warn of malformed items, once for each set of them; raise AwsError where there are no others."""
        now = self._wall_clock()
        problems = roster.problems(now)
        if not roster.readable(now):
            raise AwsError(
                f"none of the {len(problems)} items of {self._about(name)} is an endpoint; the first is {problems[0]}"
            )
        malformed = frozenset(problems)
        if malformed and malformed != self._reported.get(name):
            more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            _LOG.warning(
                "%s: %d of %d items of service '%s' are malformed and left out: %s%s",
                self.source,
                len(problems),
                len(roster.items),
                name,
                "; ".join(problems[:_SHOWN]),
                more,
            )
        self._reported[name] = malformed

    def _about(self, name: ServiceName) -> str:
        return f"service '{name}' in table '{self._options.table}'"


def no_table(error: AwsError, table: str) -> AwsError:
    """`error`, with what to do where it says that there is no such table."""
    if error.code != "ResourceNotFoundException":
        return error
    return AwsError(f"{error}; create the table with `meshclient aws dynamodb-table {table}`", error.code)


def _until(expiry: float | None, now: float, left: float) -> float:
    """Seconds to wait for word: to the next expiry, and no longer than `left`."""
    return left if expiry is None else min(left, expiry - now)
