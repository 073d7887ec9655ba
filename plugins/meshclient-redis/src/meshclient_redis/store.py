"""The store ``redis://``: asks Redis for every circuit at short intervals, and at once when there is something to say.

Asking beats subscribing here: one round trip carries all circuits both ways, a connection that is silently dead shows
at the next question, and nothing has to be caught up after it. It runs on the discovery loop alone; calls see copies.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import suppress
from random import uniform
from typing import TYPE_CHECKING

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from meshclient.mesh.circuit_store import fork_safe_lock
from meshclient.model.events import StoreChanged
from meshclient_redis.options import RedisOptions
from meshclient_redis.password import PasswordError
from meshclient_redis.record import EXCHANGE, Record, RecordError
from meshclient_redis.storage import SharedCircuitStorage
from meshclient_redis.trouble import spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.discovery.resolver import ResolverUri
    from meshclient_redis.storage import Question

# Seconds between two attempts to reach a Redis that is away, at most.
BACKOFF_LIMIT = 5.0


class RedisCircuitStore:
    """Circuits in Redis.

    One process at a time sends the probe of a circuit, by a claim that Redis grants. It is best effort: while Redis is
    away, or where a failover loses a claim, each process may send one.

    Args:
        uri: ``redis://host:6379/0?...``; the options stand in this distribution's README.
        environ: where a password may stand, read once, instead of the process's environment.
        clock: monotonic seconds.

    Attributes:
        source: the URI without secrets.
        trouble: as `meshclient.mesh.circuit_store.CircuitStore.trouble`.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self,
        uri: ResolverUri,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = RedisOptions.parse(uri, os.environ if environ is None else environ)
        self._server = self._options.server
        self.source = self._server.source
        self.trouble = "it has not answered yet"
        self._clock = clock
        self._lock = fork_safe_lock()
        self._storages: dict[str, SharedCircuitStorage] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._told = ""

    def storage(self, service: str) -> SharedCircuitStorage:
        """As `meshclient.mesh.circuit_store.CircuitStore.storage`."""
        found = self._storages.get(service)
        if found is None:
            made = SharedCircuitStorage(
                service,
                lock=fork_safe_lock(),
                clock=self._clock,
                pause=self._options.interval,
                wake=self._wake,
                alone=lambda: bool(self.trouble),
            )
            with self._lock:
                found = self._storages.setdefault(service, made)
            self._wake()
        return found

    async def follow(self, tell: Callable[[StoreChanged], None]) -> None:
        """As `meshclient.mesh.circuit_store.CircuitStore.follow`."""
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # A forked child is somebody else.
        owner = secrets.token_hex(8)
        pause = self._options.interval
        try:
            while True:
                try:
                    async with self._connected() as client:
                        async with asyncio.timeout(self._options.timeout):
                            script = await client.script_load(EXCHANGE)
                        while True:
                            await self._ask(client, script, owner)
                            _heed_cancellation()
                            pause = self._options.interval
                            self._say("", tell)
                            await self._rest()
                except NoScriptError:
                    pass  # SCRIPT FLUSH; it is loaded with each connection
                except (RedisError, RecordError, PasswordError, OSError) as exc:
                    self._say(self._words(exc), tell)
                _heed_cancellation()
                await asyncio.sleep(pause * uniform(0.75, 1.0))
                pause = min(BACKOFF_LIMIT, pause * 2)
        finally:
            self._loop = None
            self.trouble = "it is not followed any more"

    async def _ask(self, client: Redis, script: str, owner: str) -> None:
        """Put every circuit's question, in one round trip, and take the answers."""
        options = self._options
        storages = list(self._storages.values())
        questions = [storage.question() for storage in storages]
        async with asyncio.timeout(options.timeout):
            batch = client.pipeline(transaction=False)
            for storage, question in zip(storages, questions, strict=True):
                # A pipeline collects; only `execute` is awaited.
                batch.evalsha(script, 2, *self._arguments(storage.service, question, owner))  # type: ignore[unused-awaitable]
            # Not raised there: the error would quote the script.
            answers = await batch.execute(raise_on_error=False)
        for storage, question, answer in zip(storages, questions, answers, strict=True):
            if isinstance(answer, Exception):
                raise answer
            version, *fields, granted = (word.decode() for word in answer)
            try:
                record = Record.of(*fields) if version or any(fields) else None
            except RecordError as exc:
                raise RecordError(f"{self._keys(storage.service)[0]} {exc}; delete that key") from None
            storage.answer(question, version, record, granted=granted == "1")

    def _arguments(self, service: str, question: Question, owner: str) -> list[str | int]:
        return [
            *self._keys(service),
            question.version,
            question.attempt,
            question.write,
            *(question.record or Record()).fields,
            _milliseconds(self._options.ttl),
            owner,
            _milliseconds(question.claim),
            int(question.release),
        ]

    def _keys(self, service: str) -> tuple[str, str]:
        key = f"{self._server.prefix}:circuit:{{{service}}}"
        return key, f"{key}:probe"

    def _connected(self) -> Redis:
        """A client for the running event loop. Raises PasswordError where there should be a password and is none."""
        limit = self._options.timeout
        kind = SSLConnection if self._server.tls else Connection
        arguments = self._server.arguments(limit) | self._server.tls_arguments()
        return Redis.from_pool(ConnectionPool(kind, retry=Retry(NoBackoff(), 0), **arguments))

    async def _rest(self) -> None:
        """Wait for the next look, or until there is something to say."""
        assert self._news is not None  # noqa: S101 - only `follow` gets here
        with suppress(TimeoutError):
            async with asyncio.timeout(self._options.interval):
                await self._news.wait()
        self._news.clear()

    def _wake(self) -> None:
        loop, news = self._loop, self._news
        if loop is not None and news is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(news.set)

    def _say(self, trouble: str, tell: Callable[[StoreChanged], None]) -> None:
        """Tell once that Redis is away or back."""
        self.trouble = trouble
        if bool(trouble) != bool(self._told):
            self._told = trouble
            tell(StoreChanged(self.source, trouble))

    def _words(self, exc: Exception) -> str:
        return str(exc) if isinstance(exc, RecordError) else spoken(exc, self._server, self._options.timeout)


def _heed_cancellation() -> None:
    """End where a cancellation was lost.

    Before Python 3.12 `asyncio.wait_for`, through which the client sends, returns a result that comes at the same time
    instead of being cancelled (CPython issue 86296).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
