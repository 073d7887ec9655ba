"""Processes share a circuit through a real Redis."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN

from meshclient.mesh.circuit import ISOLATED
from meshclient.mesh.circuit_rule import CircuitRule
from meshclient.model.outcome import Mark

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.redis import Redis


# A claim that is not given back would be waited for.
LONG = CircuitRule(ratio=None, consecutive=2, first=0.1, limit=0.1, probe=600.0)


def test_one_opens_and_all_are_open_until_a_probe_closes_it_for_all(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (kit.caller(kit.uri(redis_server.port), service, LONG) for _ in range(2))
    one.connected()
    other.connected()
    for opening, probing in ((one, other), (other, one)):
        opening.fail()
        probing.becomes(STATE_OPEN)
        assert not probing.call(Mark.SUCCESS)
        assert probing.changes[-1].reason == "another process opened it"
        # The second time, it must have been given back the first time.
        probing.recover()
        opening.becomes(STATE_CLOSED)
        assert opening.call(Mark.SUCCESS)


def test_what_happens_here_is_said_at_once_however_seldom_redis_is_asked(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    seldom = kit.uri(redis_server.port).replace("interval=50ms", "interval=1h")
    one, other = kit.caller(seldom, service), kit.caller(kit.uri(redis_server.port), service)
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    one.recover()
    other.becomes(STATE_CLOSED)


def test_of_many_processes_one_sends_the_probe(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    callers = [kit.caller(kit.uri(redis_server.port), service) for _ in range(5)]
    for caller in callers:
        caller.connected()
    callers[0].fail()
    for caller in callers:
        caller.becomes(STATE_OPEN)
    probes = []
    end = time.monotonic() + 1.5  # well beyond the open time, and within the probe's
    while time.monotonic() < end:
        probes += [probe for caller in callers if (probe := caller.circuit.admit(time.monotonic()))]
        time.sleep(0.01)
    assert len(probes) == 1
    assert {caller.state for caller in callers} == {STATE_HALF_OPEN}
    probes[0].done(Mark.SUCCESS, time.monotonic())
    for caller in callers:
        caller.becomes(STATE_CLOSED)


def test_a_probe_that_is_cancelled_is_left_to_whoever_calls_next(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one, other = (kit.caller(kit.uri(redis_server.port), service, LONG) for _ in range(2))
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    kit.eventually(lambda: one.call(Mark.NEUTRAL), "a probe")
    other.recover()
    one.becomes(STATE_CLOSED)


def test_the_claim_of_a_process_that_is_gone_runs_out(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    rule = replace(kit.rule, probe=0.3)
    one, other = (kit.caller(kit.uri(redis_server.port), service, rule) for _ in range(2))
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    kit.eventually(lambda: one.circuit.admit(time.monotonic()), "a probe")
    other.becomes(STATE_HALF_OPEN)
    one.stop()
    other.recover()


def test_a_failed_probe_keeps_all_of_them_open_for_longer(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    rule = replace(kit.rule, first=0.1, limit=60.0)
    one, other = (kit.caller(kit.uri(redis_server.port), service, rule) for _ in range(2))
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    for _ in range(3):
        kit.eventually(lambda: one.call(Mark.FAILURE), "a probe")
    kit.eventually(lambda: other.storage.counter == 3, "three failed probes")
    other.call(Mark.SUCCESS)
    assert 0.5 < other.circuit.refusal(time.monotonic()).retry_after <= 0.8


def test_isolation_and_its_end_reach_everybody_and_those_who_come_later(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one = kit.caller(kit.uri(redis_server.port), service)
    one.connected()
    one.circuit.isolate()
    other = kit.caller(kit.uri(redis_server.port), service)
    other.becomes(ISOLATED)
    assert not other.call(Mark.SUCCESS)
    other.circuit.close()
    one.becomes(STATE_CLOSED)
    assert one.call(Mark.SUCCESS)


def test_keys_are_named_after_the_service_and_end_by_themselves(kit: Kit, redis_server: Redis) -> None:
    service = kit.fresh()
    one = kit.caller(kit.uri(redis_server.port, "prefix=shop&ttl=300ms"), service)
    one.connected()
    one.circuit.isolate()
    key = f"shop:circuit:{{{service}}}"
    kit.eventually(lambda: redis_server.command("EXISTS", key) == b":1\r\n", "the key")
    # Whoever knows it open tells Redis again, whoever knows it closed does not.
    ends = time.monotonic() + 0.5
    kit.eventually(
        lambda: time.monotonic() > ends and redis_server.command("EXISTS", key) == b":1\r\n", "the key again"
    )
    one.circuit.close()
    kit.eventually(lambda: redis_server.command("EXISTS", key) == b":0\r\n", "the end of the key")


def test_calls_from_many_threads_never_wait_for_it(kit: Kit, redis_server: Redis) -> None:
    """However it opens and closes under them, nothing raises, and it ends closed."""
    service = kit.fresh()
    callers = [kit.caller(kit.uri(redis_server.port), service) for _ in range(2)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(300):
                callers[number % 2].call(Mark.FAILURE if turn % 7 else Mark.SUCCESS)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert failures == []
    callers[0].recover()
    callers[1].becomes(STATE_CLOSED)


def test_tls_with_a_client_certificate(kit: Kit, redis_tls: Redis, redis_pems: Path) -> None:
    service = kit.fresh()
    base = kit.uri(redis_tls.tls_port).replace("redis://", "rediss://")
    pems = f"ca_file={redis_pems}/ca.pem&cert_file={redis_pems}/client.pem&key_file={redis_pems}/client.key"
    one, other = (kit.caller(base + pems, service) for _ in range(2))
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    untrusting = kit.caller(base, service)
    untrusting.troubled("certificate verify failed")


def test_passwords_from_a_file_and_from_the_uri(kit: Kit, redis_password: Redis, tmp_path: Path) -> None:
    service = kit.fresh()
    file = tmp_path / "password"
    file.write_text("s3cret-word\n", "utf-8")
    one = kit.caller(kit.uri(redis_password.port, f"password_file={file}"), service)
    other = kit.caller(kit.uri(redis_password.port).replace("redis://", "redis://:s3cret-word@"), service)
    one.connected()
    one.fail()
    other.becomes(STATE_OPEN)
    assert "s3cret-word" not in one.store.source + other.store.source
