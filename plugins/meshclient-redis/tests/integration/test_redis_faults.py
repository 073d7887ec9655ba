"""A Redis that is away, hangs, refuses, forgets or holds nonsense: calls go on, and it is said once."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import redis
from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from meshclient.mesh.circuit import ISOLATED
from meshclient.model.outcome import Mark
from meshclient_redis import RedisCircuitStore
from meshclient_redis.record import EXCHANGE
from meshclient_redis.storage import SharedCircuitStorage
from servers.faults import LinkFault
from servers.fixtures import started
from servers.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Caller, Kit

    from servers.faultproxies import FaultProxies


pytestmark = pytest.mark.registry("redis", "faults")


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    server = started(Redis(password="first-word"))
    try:
        yield server
    finally:
        server.stop()


def works_alone(caller: Caller) -> None:
    """Without Redis it opens, probes and closes as any circuit."""
    caller.fail()
    assert caller.state == STATE_OPEN
    assert not caller.call(Mark.SUCCESS)
    caller.recover()


def said(caller: Caller) -> list[bool]:
    """Whether there was trouble, each time that was told."""
    return [bool(change.trouble) for change in caller.told]


def test_away_at_the_start_and_there_later(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    redis_server.kill()
    one, other = (kit.caller(kit.uri(redis_server.port), service) for _ in range(2))
    one.troubled(f"127.0.0.1:{redis_server.port}", "cannot be used")
    works_alone(one)
    one.circuit.isolate()
    redis_server.restart()
    one.connected()
    other.becomes(ISOLATED)
    assert said(one) == [True, False]
    assert one.told[0].source == one.store.source


def test_gone_and_back_without_its_memory(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (kit.caller(kit.uri(redis_server.port), service) for _ in range(2))
    one.connected()
    one.circuit.isolate()
    other.becomes(ISOLATED)
    redis_server.kill()
    one.troubled("cannot be used")
    other.troubled("cannot be used")
    assert (one.state, other.state) == (ISOLATED, ISOLATED)
    one.circuit.close()
    works_alone(one)
    other.circuit.close()
    redis_server.restart()
    one.connected()
    other.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    assert said(one) == [True, False]


def test_what_was_opened_meanwhile_reaches_the_others(kit: Kit, redis_server: Redis, fault_proxy: FaultProxies) -> None:
    service = kit.fresh()
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    one, other = kit.caller(kit.uri(proxy.port), service), kit.caller(kit.uri(redis_server.port), service)
    one.connected()
    proxy.set(LinkFault(reset=True))
    one.troubled("cannot be used")
    one.circuit.isolate()
    other.connected()
    assert other.state == STATE_CLOSED
    proxy.set(LinkFault(freeze=True))
    kit.eventually(lambda: "did not answer" in one.store.trouble, "the other fault")
    proxy.clear()
    other.becomes(ISOLATED)
    one.connected()
    assert said(one) == [True, False]


@pytest.mark.parametrize(
    "fault", [LinkFault(freeze=True), LinkFault(sever=True), LinkFault(latency=5.0)], ids=["frozen", "severed", "slow"]
)
def test_silent_or_slow(kit: Kit, redis_server: Redis, fault_proxy: FaultProxies, fault: LinkFault) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    one = kit.caller(kit.uri(proxy.port), kit.fresh())
    one.connected()
    proxy.set(fault)
    # Before anybody has noticed: the probe waits for Redis' word, the calls are refused meanwhile and never wait.
    one.fail()
    assert not one.call(Mark.SUCCESS)
    one.troubled("did not answer within 500ms")
    one.recover()
    proxy.clear()
    one.connected()
    assert said(one) == [True, False]


def test_accepts_and_never_answers(kit: Kit, redis_server: Redis) -> None:
    redis_server.pause()
    one = kit.caller(kit.uri(redis_server.port), kit.fresh())
    one.troubled("did not answer within 500ms")
    works_alone(one)
    redis_server.resume()
    one.connected()


def test_garbage(kit: Kit, redis_server: Redis, fault_proxy: FaultProxies) -> None:
    proxy = fault_proxy.tcp("127.0.0.1", redis_server.port)
    proxy.set(LinkFault(garbage=100))
    one = kit.caller(kit.uri(proxy.port), kit.fresh())
    one.troubled("cannot be used")
    works_alone(one)
    proxy.clear()
    one.connected()


def test_a_wrong_password_is_told_and_not_shown(kit: Kit, redis_password: Redis) -> None:
    wrong = kit.uri(redis_password.port).replace("redis://", "redis://:not-the-word@")
    one = kit.caller(wrong, kit.fresh())
    one.troubled("denied access", "sent was the password of the URI")
    none = kit.caller(kit.uri(redis_password.port), kit.fresh())
    none.troubled("denied access", "sent was no password")
    works_alone(one)
    assert "not-the-word" not in f"{one.told} {one.store.source} {one.store.trouble}"


def test_a_password_that_is_changed_in_its_file_is_taken_up(kit: Kit, own_redis: Redis, tmp_path: Path) -> None:
    file = tmp_path / "password"
    one = kit.caller(kit.uri(own_redis.port, f"password_file={file}"), kit.fresh())
    one.troubled("cannot be read", str(file), "No such file")
    file.write_text("first-word", "utf-8")
    one.connected()
    own_redis.command("CONFIG", "SET", "requirepass", "second-word")
    own_redis.password = "second-word"
    own_redis.command("CLIENT", "KILL", "TYPE", "normal")
    one.troubled("denied access")
    file.write_text("second-word", "utf-8")
    one.connected()


def test_a_user_without_the_right_to_the_keys(kit: Kit, redis_server: Redis) -> None:
    # The rights that the README names.
    commands = ("evalsha", "script|load", "hget", "hset", "hmget", "get", "set", "del", "pexpire")
    rights = ["+@connection", *(f"+{command}" for command in commands)]
    redis_server.command("ACL", "SETUSER", "narrow", "on", ">narrow-word", "~other:*", *rights)
    uri = kit.uri(redis_server.port).replace("redis://", "redis://narrow:narrow-word@")
    service = kit.fresh()
    one = kit.caller(uri, service)
    one.troubled("denied access")
    works_alone(one)
    redis_server.command("ACL", "SETUSER", "narrow", "~meshclient:circuit:*")
    one.connected()
    one.circuit.isolate()
    other = kit.caller(uri, service)
    other.becomes(ISOLATED)
    assert "narrow-word" not in str(one.told)


def test_flushall_forgets_no_circuit(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (kit.caller(kit.uri(redis_server.port), service) for _ in range(2))
    one.connected()
    one.circuit.isolate()
    other.becomes(ISOLATED)
    key = f"meshclient:circuit:{{{service}}}"
    redis_server.command("FLUSHALL")
    kit.eventually(lambda: redis_server.command("EXISTS", key) == b":1\r\n", "the key")
    late = kit.caller(kit.uri(redis_server.port), service)
    late.becomes(ISOLATED)
    assert (one.state, other.state) == (ISOLATED, ISOLATED)
    late.circuit.close()
    one.becomes(STATE_CLOSED)
    other.becomes(STATE_CLOSED)


def test_scripts_that_are_flushed_are_loaded_again(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (kit.caller(kit.uri(redis_server.port), service) for _ in range(2))
    one.connected()
    other.connected()
    redis_server.command("SCRIPT", "FLUSH")
    one.circuit.isolate()
    other.becomes(ISOLATED)
    assert said(one) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("HSET", "version", "1", "state", "ajar"), "which is no circuit; delete that key"),
        (("HSET", "version", "1", "state", "open", "opened_at", "yesterday"), "which is no circuit"),
        (("SET", "something else"), "WRONGTYPE"),
    ],
)
def test_a_key_that_holds_something_else(kit: Kit, redis_server: Redis, words: tuple[str, ...], message: str) -> None:
    service = kit.fresh()
    key = f"meshclient:circuit:{{{service}}}"
    redis_server.command(words[0], key, *words[1:])
    one = kit.caller(kit.uri(redis_server.port), service)
    one.troubled(message)
    works_alone(one)
    redis_server.command("DEL", key)
    one.connected()


def test_stopped_it_goes_by_itself(kit: Kit, redis_server: Redis) -> None:
    one = kit.caller(kit.uri(redis_server.port), kit.fresh())
    one.connected()
    one.stop()
    assert "not followed" in one.store.trouble
    works_alone(one)


class Unfollowed:
    """A process whose questions a test puts by hand, under the name of its own."""

    def __init__(self, kit: Kit, server: Redis, service: str, name: str) -> None:
        caller = kit.caller(kit.uri(server.port), service)
        caller.connected()
        caller.stop()
        assert isinstance(caller.store, RedisCircuitStore)
        assert isinstance(caller.storage, SharedCircuitStorage)
        self.store, self.storage, self.name, self.service = caller.store, caller.storage, name, service

    def ask(self, client: redis.Redis) -> None:
        """The answer is lost."""
        client.eval(EXCHANGE, 2, *self.store._arguments(self.service, self.storage.question(), self.name))


def test_a_write_whose_answer_is_lost_is_known_as_ones_own(kit: Kit, redis_server: Redis) -> None:
    """Else what was written would pass for another process's, and go before what was changed since."""
    service = kit.fresh()
    one = Unfollowed(kit, redis_server, service, "one")
    one.storage.state = STATE_OPEN
    with redis.Redis(port=redis_server.port) as client:
        one.ask(client)
        one.storage.state = STATE_CLOSED
        one.ask(client)
        assert client.hget(f"meshclient:circuit:{{{service}}}", "state") == b"closed"


def test_what_was_written_first_stays(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (Unfollowed(kit, redis_server, service, name) for name in ("one", "other"))
    one.storage.state = STATE_OPEN
    other.storage.state = STATE_HALF_OPEN
    with redis.Redis(port=redis_server.port) as client:
        one.ask(client)
        other.ask(client)
        assert client.hget(f"meshclient:circuit:{{{service}}}", "state") == b"open"


@pytest.mark.parametrize("error", [None, redis.ConnectionError("lost")])
def test_a_cancellation_that_the_client_library_loses_ends_it_all_the_same(
    kit: Kit, redis_server: Redis, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    asked = threading.Event()

    async def deaf(*_: object) -> None:
        asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        if error:
            raise error

    monkeypatch.setattr(RedisCircuitStore, "_ask", deaf)
    one = kit.caller(kit.uri(redis_server.port), kit.fresh())
    assert asked.wait(5)
    one.stop()
