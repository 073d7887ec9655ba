"""One reader of a table's stream for all watches in this process, and word to each of them.

Two readers of a shard are all that AWS advises, so a process is one, whatever it watches: the feed belongs to the event
loop and is found by table, address and pace. It reads while somebody listens. Trouble with the stream is no outage: the
table itself still answers, so the watches are told to poll, one line in the log says why, and reading is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from meshclient.discovery.resolver import JITTER
from meshclient.model.duration import format_duration
from meshclient_aws.client import AwsClient
from meshclient_aws.dynamodb.news import News
from meshclient_aws.dynamodb.pace import Pace
from meshclient_aws.dynamodb.stream import Stream, StreamOff
from meshclient_aws.errors import AwsDenied, AwsError, AwsThrottled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.model.service import ServiceName
    from meshclient_aws.dynamodb.options import DynamoDbOptions
    from meshclient_aws.dynamodb.stream import Client, Round

_LOG = logging.getLogger("meshclient.discovery")
_BACKOFF_FIRST = 0.25

_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, Feed]] = WeakKeyDictionary()


def feed_of(options: DynamoDbOptions, dynamodb: Client) -> Feed:
    """The feed of this table on the running loop; `dynamodb` is asked where its stream is."""
    feeds = _feeds.setdefault(asyncio.get_running_loop(), {})
    return feeds.setdefault((options.table, options.aws, options.pace, options.interval), Feed(options, dynamodb))


class Feed:
    """Tells any number of watches what the stream of one table says of their services.

    Args:
        options: which table, reached how, read how often.
        dynamodb: a client of DynamoDB.
    """

    def __init__(self, options: DynamoDbOptions, dynamodb: Client) -> None:
        self._options = options
        self._dynamodb = dynamodb
        self._streams = AwsClient("dynamodbstreams", options.aws)
        self._listeners: dict[str, list[News]] = {}
        self._task: asyncio.Task[None] | None = None
        self._flowing = False
        self._reported = False

    @contextlib.contextmanager
    def follow(self, name: ServiceName) -> Iterator[News]:
        """Word of changes of a service, for the time of a ``with`` block."""
        news = News(streaming=self._flowing)
        listeners = self._listeners.setdefault(name.value, [])
        listeners.append(news)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"stream of {self._options.source}")
        try:
            yield news
        finally:
            listeners.remove(news)
            if not listeners:
                del self._listeners[name.value]
            if not self._listeners:
                self._task.cancel()
                self._task, self._flowing = None, False

    async def _run(self) -> None:
        options, bound = self._options, _BACKOFF_FIRST
        stream = Stream(options.table, self._dynamodb, self._streams, time.monotonic)
        pace = Pace.of(options.pace, options.poll)
        while True:
            failure = await self._read(stream)
            if failure is None:
                pace, bound = pace.served(), _BACKOFF_FIRST
                self._flows()
                pause = pace.pause * random.uniform(1 - JITTER, 1 + JITTER)
            elif isinstance(failure, AwsThrottled):
                pace = pace.throttled()
                self._falls_dry(failure)
                pause = pace.pause * random.uniform(1 - JITTER, 1 + JITTER)
            elif isinstance(failure, StreamOff | AwsDenied):
                self._falls_dry(failure)
                pause = options.interval * random.uniform(1 - JITTER, 1 + JITTER)
            else:
                self._falls_dry(failure)
                # Equal jitter, as in the supervision of watches.
                pause = random.uniform(bound / 2, bound)
                bound = min(options.poll, bound * 2)
            await asyncio.sleep(pause)

    async def _read(self, stream: Stream) -> AwsError | None:
        """Read a round and pass it on; the failure, where there was one."""
        try:
            found = await stream.read()
        except AwsError as exc:
            return exc
        except Exception as exc:  # noqa: BLE001 - a reader that ends would leave its watches to wait for nothing
            return AwsError(f"the stream of table '{self._options.table}' cannot be read: {exc!r}")
        self._tell(found)
        return found.failure

    def _tell(self, found: Round) -> None:
        for change in found.changes:
            for news in self._everybody() if change is None else self._listeners.get(change.service, ()):
                news.relist() if change is None else news.tell(change)
        if found.relist:
            for news in self._everybody():
                news.relist()

    def _flows(self) -> None:
        if self._flowing:
            return
        self._flowing = True
        for news in self._everybody():
            news.turn(streaming=True)
        if self._reported:
            self._reported = False
            _LOG.warning("%s: the stream of the table is read again", self._options.source)

    def _falls_dry(self, failure: AwsError) -> None:
        flowed, self._flowing = self._flowing, False
        for news in self._everybody() if flowed else ():
            news.turn(streaming=False)
            # Whatever ails the stream may ail the table: asked at once, it tells. Not where asking less is the remedy.
            if not isinstance(failure, AwsThrottled):
                news.relist()
        if not self._reported:
            self._reported = True
            poll = format_duration(self._options.poll)
            _LOG.warning(
                "%s: services are polled every %s, as the stream fails: %s", self._options.source, poll, failure
            )

    def _everybody(self) -> list[News]:
        return [news for listeners in self._listeners.values() for news in listeners]
