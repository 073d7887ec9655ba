"""What is counted of calls, and by what."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from meshclient import errors
from meshclient.model.outcome import CANCELLED, Kind, Outcome, classify_status
from meshclient.telemetry.calls import CallMeter
from meshclient.telemetry.course import Course
from meshclient.telemetry.error_type import CALL_ERRORS, of_error, of_outcome
from meshclient.telemetry.series import MOST, AttemptSeries, CallSeries, call_key, known_methods

THREADS = 8
EACH = 3000


def test_a_plain_call_is_an_attempt_and_a_call() -> None:
    meter = CallMeter("orders")
    for _ in range(3):
        meter.called("GET", 200, 0.02)
    meter.called("POST", 404, 3.0, 8080, "1.0")
    found = meter.read()
    assert {series: values.count for series, values in found.attempts.items()} == {
        AttemptSeries("GET", 200, "", 80, "1.1"): 3,
        AttemptSeries("POST", 404, "404", 8080, "1.0"): 1,
    }
    assert {series: values.count for series, values in found.calls.items()} == {
        CallSeries("GET", 200, "", "success"): 3,
        CallSeries("POST", 404, "404", "success"): 1,
    }
    assert (found.tried.count, found.tried.total) == (4, 4.0)
    assert found.retried.count == found.hedged.count == found.paused.count == 0


def test_threads_lose_nothing_whatever_they_count() -> None:
    meter = CallMeter("orders")
    begin = threading.Barrier(THREADS + 1)

    def count(number: int) -> None:
        begin.wait()
        for at in range(EACH):
            meter.called("GET", 200 + at % 3, 0.01)
            meter.attempted("GET", classify_status(503), 0.5, 80)
            meter.ended("GET", classify_status(503), None, 0.5, Course(attempts=2, paused=0.1))
            meter.note("kind", str(number % 2))

    threads = [threading.Thread(target=count, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    begin.wait()
    while any(thread.is_alive() for thread in threads):
        meter.read()
        meter.counts()
    for thread in threads:
        thread.join()
    found, whole = meter.read(), THREADS * EACH
    by_status = {series.status: values.count for series, values in found.attempts.items()}
    assert by_status == {200: whole // 3, 201: whole // 3, 202: whole // 3, 503: whole}
    assert sum(values.count for values in found.calls.values()) == 2 * whole
    assert (found.tried.count, found.tried.total) == (2 * whole, 3.0 * whole)
    assert (found.retried.count, found.paused.count) == (whole, whole)
    assert meter.counts() == {("kind", "0"): whole // 2, ("kind", "1"): whole // 2}


@pytest.mark.parametrize(
    ("error", "latest", "word", "result"),
    [
        (errors.CircuitOpen("x"), None, "circuit_open", "rejected"),
        (errors.Overloaded("x"), None, "overloaded", "rejected"),
        (errors.NoEndpoints("x"), None, "no_endpoints", "failure"),
        (errors.ServiceNotFound("x"), None, "service_not_found", "failure"),
        (errors.ResolverUnavailable("x"), None, "resolver_unavailable", "failure"),
        (errors.DeadlineExceeded("x"), Outcome(Kind.TIMEOUT), "deadline_exceeded", "failure"),
        (errors.ConfigError("x"), None, "config_error", "failure"),
        (OSError("x"), Outcome(Kind.CONNECT_ERROR), "connect_error", "failure"),
        (OSError("x"), None, "_OTHER", "failure"),
        (OSError("x"), classify_status(503), "_OTHER", "failure"),
        (asyncio.CancelledError(), Outcome(Kind.TIMEOUT), "cancelled", "cancelled"),
        (GeneratorExit(), None, "cancelled", "cancelled"),
        (KeyboardInterrupt(), None, "cancelled", "cancelled"),
    ],
)
def test_how_a_call_that_raised_is_counted(
    error: BaseException, latest: Outcome | None, word: str, result: str
) -> None:
    assert call_key("GET", latest, error) == CallSeries("GET", 0, word, result)
    assert of_error(error, latest) in CALL_ERRORS


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (classify_status(200), ""),
        (classify_status(304), ""),
        (classify_status(404), "404"),
        (classify_status(503), "503"),
        (Outcome(Kind.TIMEOUT), "timeout"),
        (CANCELLED, "cancelled"),
    ],
)
def test_how_an_attempt_is_named(outcome: Outcome, word: str) -> None:
    assert of_outcome(outcome) == word


def test_every_kind_of_failure_is_on_the_list() -> None:
    assert {str(kind) for kind in Kind if kind is not Kind.OK} <= set(CALL_ERRORS)
    assert len(set(CALL_ERRORS)) == len(CALL_ERRORS)


def test_a_call_that_was_refused_on_the_short_road_or_given_up_there() -> None:
    meter = CallMeter("orders")
    meter.failed("GET", errors.CircuitOpen("x"), 0.0)
    meter.failed("GET", asyncio.CancelledError(), 0.1, sent=True)
    found = meter.read()
    assert {series: values.count for series, values in found.attempts.items()} == {
        AttemptSeries("GET", 0, "cancelled", 80, ""): 1
    }
    assert {series: values.count for series, values in found.calls.items()} == {
        CallSeries("GET", 0, "circuit_open", "rejected"): 1,
        CallSeries("GET", 0, "cancelled", "cancelled"): 1,
    }
    assert meter.counts() == {("rejection", "circuit_open"): 1}
    assert found.tried.count == 1


def test_a_call_that_was_hedged_and_repeated() -> None:
    meter = CallMeter("orders")
    meter.ended("GET", classify_status(200), None, 1.0, Course(attempts=4, hedges=1, paused=0.2))
    meter.ended("GET", classify_status(200), None, 1.0, Course(attempts=1))
    found = meter.read()
    assert (found.tried.count, found.tried.total) == (2, 5.0)
    assert (found.retried.count, found.retried.total) == (1, 2.0)
    assert (found.hedged.count, found.hedged.total) == (1, 1.0)
    assert (found.paused.count, found.paused.total) == (1, 0.2)


def test_what_the_world_fills_in_makes_no_end_of_series() -> None:
    meter = CallMeter("orders")
    for number in range(3 * MOST):
        meter.called(f"M{number}", 200, 0.01)
        meter.called("GET", 200, 0.01, 1024 + number)
        meter.attempted("GET", classify_status(503), 0.01, 1024 + number)
    found = meter.read()
    assert sum(values.count for values in found.attempts.values()) == 9 * MOST
    assert len(found.attempts) <= 2 * MOST + 4
    assert {series.method for series in found.attempts} == {"_OTHER", "GET"}
    assert {series.port for series in found.attempts} >= {0, 80, 1024}


def test_methods_that_are_told_apart_can_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET, PURGE,")
    known_methods.cache_clear()
    try:
        assert known_methods() == {"GET", "PURGE"}
    finally:
        known_methods.cache_clear()


def test_attempts_while_the_balancer_fails_open() -> None:
    meter = CallMeter("orders")
    meter.called("GET", 200, 0.01)
    meter.panic = True
    meter.called("GET", 200, 0.01)
    meter.attempted("GET", None, 0.01, 80)
    meter.panic = False
    meter.called("GET", 200, 0.01)
    assert meter.counts() == {("panic",): 2}


def test_caches_are_told_of_with_those_before_them() -> None:
    meter = CallMeter("orders")
    first, second = {"hit": 3, "miss": 0}, {"hit": 1, "stale": 2}
    meter.follow(lambda: first)
    meter.follow(lambda: second)
    assert meter.counts() == {("cache", "hit"): 4, ("cache", "stale"): 2}
    second["hit"] += 1
    assert meter.counts()["cache", "hit"] == 5
    meter.bereave()
    second["hit"] += 1
    assert meter.counts() == {("cache", "hit"): 1}


def test_a_forked_child_begins_anew() -> None:
    meter = CallMeter("orders")
    meter.called("GET", 200, 0.01)
    meter.note("kind")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        meter.called("GET", 200, 0.01)
        found = meter.read()
        os.write(writer, f"{found.tried.count} {len(meter.counts())}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reader, 100)
    os.close(reader)
    os.close(writer)
    assert said == b"1 0"
    assert meter.read().tried.count == 1


def test_nothing_of_opentelemetry_is_imported_by_it() -> None:
    program = (
        "import sys\n"
        "from meshclient.telemetry.tally import Tally\n"
        "tally = Tally()\n"
        "tally.meter('orders').called('GET', 200, 0.01)\n"
        "assert not tally.spans('orders').active\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')], sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
