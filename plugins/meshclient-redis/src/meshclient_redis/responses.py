"""The store ``redis://`` of responses: heads in a hash for each URL, bodies in keys of their own.

The heads of a URL's variants come with one question, and only the body that is served with another. A head is written
without reading: nothing that another process has deleted meanwhile is brought back by a writer who did not see it.
What is kept here are bytes; what they mean is the cache's business, which takes what it cannot read for a miss.

Everything has a time limit, and a Redis that has failed is left alone for a while (`Standing`): all that a call ever
gets to know of it is that there is nothing.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

import redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as LateError

from meshclient_redis.deadline import END
from meshclient_redis.options import ResponseOptions
from meshclient_redis.password import PasswordError
from meshclient_redis.patience import Patience
from meshclient_redis.pools import STEP, async_pool, pool
from meshclient_redis.standing import Standing
from meshclient_redis.trouble import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meshclient.discovery.resolver import ResolverUri

_FAILURES = (RedisError, PasswordError, OSError, TimeoutError)
_LATE = (TimeoutError, LateError)
_Client = TypeVar("_Client")
_Slots = TypeVar("_Slots")
_Answers = list[object]
_Command = tuple[str | bytes | int, ...]


class RedisResponseStore:
    """Responses in Redis, for both colours of calls, from any thread and event loop of asyncio's kind.

    Args:
        uri: ``redis://host:6379/0?...``; the options stand in this distribution's README.
        environ: where a password may stand, read once, instead of the process's environment.
        clock: monotonic seconds.

    Attributes:
        source: the URI without secrets.
        max_value: bytes of the largest body that is taken.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = ResponseOptions.parse(uri, os.environ if environ is None else environ)
        self.source = self._options.server.source
        self.max_value = self._options.max_value
        self._standing = Standing(self.source, clock)
        self._line: tuple[int, _Line[redis.Redis, threading.Semaphore]] | None = None
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line[AsyncRedis, asyncio.Semaphore]] = (
            WeakKeyDictionary()
        )

    @property
    def trouble(self) -> str:
        """Why Redis cannot be used just now; empty where it can."""
        return self._standing.trouble

    @property
    def faults(self) -> int:
        """Questions that have failed, or were not put because of an earlier failure."""
        return self._standing.faults

    def heads(self, key: str) -> Mapping[str, bytes] | None:
        """The heads kept under `key`, by field; None where Redis cannot be asked."""
        return _heads(self._ask([("HGETALL", self._key(key))]))

    async def async_heads(self, key: str) -> Mapping[str, bytes] | None:
        """As `heads`."""
        return _heads(await self._async_ask([("HGETALL", self._key(key))]))

    def body(self, key: str, token: str) -> bytes | None:
        """A body; None where there is none, or Redis cannot be asked."""
        return _body(self._ask([("GET", self._key(key, token))]))

    async def async_body(self, key: str, token: str) -> bytes | None:
        """As `body`."""
        return _body(await self._async_ask([("GET", self._key(key, token))]))

    def put(
        self,
        key: str,
        head: tuple[str, bytes],
        body: tuple[str, bytes | None],
        seconds: tuple[float, float],
        drop: tuple[Collection[str], Collection[str]] = ((), ()),
    ) -> bool:
        """Keep a head and its body; whether Redis has taken them.

        Args:
            key: of the URL.
            head: its field and value.
            body: its token and value; None where Redis has it already and it only lives on.
            seconds: for which all heads of `key`, and this body, are of use.
            drop: fields of heads, and tokens of bodies, that go.
        """
        return self._ask(self._put(key, head, body, seconds, drop)) is not None

    async def async_put(
        self,
        key: str,
        head: tuple[str, bytes],
        body: tuple[str, bytes | None],
        seconds: tuple[float, float],
        drop: tuple[Collection[str], Collection[str]] = ((), ()),
    ) -> bool:
        """As `put`."""
        return await self._async_ask(self._put(key, head, body, seconds, drop)) is not None

    def delete(self, key: str) -> bool:
        """Forget all that is kept under `key`; whether Redis has. Bodies without a head end by themselves."""
        return self._ask([("DEL", self._key(key))]) is not None

    async def async_delete(self, key: str) -> bool:
        """As `delete`."""
        return await self._async_ask([("DEL", self._key(key))]) is not None

    def close(self) -> None:
        """Let go of the connections of blocking calls; another question opens new ones."""
        known, self._line = self._line, None
        if known is not None:
            known[1].client.close()

    async def aclose(self) -> None:
        """Let go of the connections of the running loop."""
        task = _task()
        line = None if task is None else self._lines.pop(task.get_loop(), None)
        if line is not None:
            await line.client.aclose()

    def _key(self, key: str, token: str = "") -> str:
        found = f"{self._options.server.prefix}:response:{{{key}}}"
        return f"{found}:{token}" if token else found

    def _put(
        self,
        key: str,
        head: tuple[str, bytes],
        body: tuple[str, bytes | None],
        seconds: tuple[float, float],
        drop: tuple[Collection[str], Collection[str]],
    ) -> list[_Command]:
        heads, own = (_milliseconds(min(each, self._options.ttl)) for each in seconds)
        at, (token, value) = self._key(key), body
        kept: _Command
        if value is None:
            kept = ("PEXPIRE", self._key(key, token), own)
        else:
            kept = ("SET", self._key(key, token), value, "PX", own)
        commands: list[_Command] = [kept, ("HSET", at, *head), ("PEXPIRE", at, heads)]
        fields, tokens = drop
        if fields:
            commands.append(("HDEL", at, *fields))
        if tokens:
            commands.append(("DEL", *(self._key(key, gone) for gone in tokens)))
        return commands

    def _ask(self, commands: Sequence[_Command]) -> _Answers | None:
        """The answers; None where there are none within the time."""
        if not self._standing.asks(self._options.timeout):
            return None
        token = END.set(time.monotonic() + self._options.timeout)
        try:
            line = self._blocking()
            if not line.slots.acquire(timeout=self._options.timeout * STEP):
                return None
            try:
                batch = line.client.pipeline(transaction=len(commands) > 1)
                for command in commands:
                    batch.execute_command(*command)  # type: ignore[no-untyped-call]
                answers: _Answers = batch.execute()
            finally:
                line.slots.release()
        except _FAILURES as exc:
            self._fault(exc)
            return None
        finally:
            END.reset(token)
        self._standing.answered()
        return answers

    async def _async_ask(self, commands: Sequence[_Command]) -> _Answers | None:
        # On trio, whose loop this client does not know, there is nothing to be had.
        task = _task()
        if task is None or not self._standing.asks(self._options.timeout):
            return None
        given_up = task.cancelling()
        patience = Patience(self._options.timeout)
        answers: _Answers = []
        try:
            line = self._own()
            if await patience.slot(line.slots):
                try:
                    answers = await self._answers(line.client, commands, patience)
                finally:
                    line.slots.release()
        except _FAILURES as exc:
            if not isinstance(exc, _LATE) or patience.over:
                self._fault(exc)
            else:
                self._standing.undecided(spoken(exc, self._options.server, self._options.timeout))
        if task.cancelling() > given_up:
            # Before Python 3.12 `asyncio.wait_for`, through which the client sends, may return a result that comes at
            # the same time instead of being cancelled (CPython issue 86296).
            raise asyncio.CancelledError
        return answers or None

    async def _answers(self, client: AsyncRedis, commands: Sequence[_Command], patience: Patience) -> _Answers:
        async with patience.rest():
            batch = client.pipeline(transaction=len(commands) > 1)
            for command in commands:
                # A pipeline collects; only `execute` is awaited.
                batch.execute_command(*command)
            answers: _Answers = await batch.execute()
        self._standing.answered()
        return answers

    def _fault(self, exc: Exception) -> None:
        self._standing.failed(spoken(exc, self._options.server, self._options.timeout))

    def _blocking(self) -> _Line[redis.Redis, threading.Semaphore]:
        known = self._line
        if known is None or known[0] != os.getpid():
            # A forked child must not speak on its parent's connections.
            slots = threading.Semaphore(self._options.connections)
            known = self._line = os.getpid(), _Line(redis.Redis.from_pool(pool(self._options)), slots)
        return known[1]

    def _own(self) -> _Line[AsyncRedis, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            slots = asyncio.Semaphore(self._options.connections)
            line = self._lines[loop] = _Line(AsyncRedis.from_pool(async_pool(self._options)), slots)
        return line


@dataclass(frozen=True, slots=True)
class _Line(Generic[_Client, _Slots]):
    """Connections, and as many slots: whoever waits for one waits for others of this process, not for Redis."""

    client: _Client
    slots: _Slots


def _task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _heads(answers: _Answers | None) -> Mapping[str, bytes] | None:
    if answers is None:
        return None
    found = answers[0]
    if not isinstance(found, dict):
        return {}
    return {name.decode("utf-8", "replace"): value for name, value in found.items()}


def _body(answers: _Answers | None) -> bytes | None:
    found = None if answers is None else answers[0]
    return found if isinstance(found, bytes) else None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
