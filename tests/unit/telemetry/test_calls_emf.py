"""Documents that CloudWatch takes, and numbers in them that agree with the calls."""

from __future__ import annotations

import gc
import json
import math
import os
import random
import threading
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.model.namespace import is_namespace
from meshclient.model.outcome import classify_status
from meshclient.telemetry.course import Course
from meshclient.telemetry.emf import MOST_VALUES, Emf
from meshclient.telemetry.sample import Sample
from meshclient.telemetry.tally import Tally

NOW = 1_700_000_000.25


def valid(line: str) -> dict[str, Any]:
    """The document in a line, held to the specification of the format."""
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert len(line.encode()) <= 1_048_576
    document: dict[str, Any] = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    head = document["_aws"]
    assert head.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert type(head["Timestamp"]) is int
    told = set()
    for directive in head["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert is_namespace(directive["Namespace"])
        assert directive["Dimensions"]
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            for name in dimensions:
                assert isinstance(document[name], str)
                assert 1 <= len(document[name]) <= 1024
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() <= {"Name", "Unit", "StorageResolution"}
            assert 1 <= len(metric["Name"]) <= 1024
            assert metric["Unit"] in {"Seconds", "Count"}
            told.add(metric["Name"])
            values = document[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 1 <= len(values) <= 100
            for value in values:
                assert isinstance(value, int | float)
                assert not isinstance(value, bool)
                assert math.isfinite(value)
    # Nothing that is a number is left untold.
    assert {key for key, value in document.items() if not isinstance(value, str)} == told | {"_aws"}
    return document


class Written:
    """Lines, and the tally that they tell of."""

    def __init__(self, **options: Any) -> None:
        self.lines: list[str] = []
        self.tally = Tally()
        self.emf = Emf(self.tally, write=self.lines.append, clock=lambda: NOW, **options)

    def flushed(self) -> list[dict[str, Any]]:
        """The documents that are written now."""
        self.lines.clear()
        self.emf.flush()
        return [valid(line) for line in self.lines]

    def meter(self, service: str = "orders") -> Any:
        return self.tally.meter(service)


calls = st.tuples(
    st.sampled_from(["orders", "users", "a.b-c", "x" * 63]),
    st.sampled_from(["called", "ended", "failed", "note"]),
    st.floats(0, 100),
    st.integers(1, 400),
)


@given(st.lists(st.lists(calls, max_size=6), max_size=3), st.dictionaries(st.sampled_from("ABCDEFG"), st.just("x")))
def test_whatever_is_counted_the_document_is_valid(rounds: list[list[Any]], dimensions: dict[str, str]) -> None:
    written = Written(dimensions=dimensions)
    for round_ in rounds:
        sent: dict[str, int] = {}
        for service, what, seconds, times in round_:
            meter = written.meter(service)
            for _ in range(times):
                if what == "called":
                    meter.called("GET", 200, seconds)
                elif what == "ended":
                    meter.ended("GET", classify_status(503), None, seconds, Course(3, 1, 0.1))
                elif what == "failed":
                    meter.failed("GET", OSError("x"), seconds)
                else:
                    meter.note("cache", "hit")
            if what != "note":
                sent[service] = sent.get(service, 0) + times
        documents = written.flushed()
        told = {document["Service"]: document["meshclient.client.call.count"] for document in documents}
        assert {service: count for service, count in told.items() if count} == sent
        for document in documents:
            assert dimensions.items() <= document.items()
            assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service", *dimensions]]
            assert document["_aws"]["Timestamp"] == 1_700_000_000_250


def test_what_is_told_of_an_interval() -> None:
    written = Written(namespace="shop")
    meter = written.meter()
    for seconds in (0.1, 0.2):
        meter.called("GET", 200, seconds)
    meter.ended("GET", classify_status(503), None, 0.3, Course(3, 1, 0.1))
    meter.note("ejection")
    [document] = written.flushed()
    assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "shop"
    assert sorted(document["meshclient.client.call.duration"]) == [0.1, 0.2, 0.3]
    assert document["meshclient.client.call.count"] == 3
    assert document["meshclient.client.call.failure"] == 1
    assert document["meshclient.client.call.attempts"] == 5
    assert document["meshclient.client.call.retries"] == 1
    assert document["meshclient.client.call.hedges"] == 1
    assert document["meshclient.balancer.ejections"] == 1
    # Nothing is told twice, and nothing where nothing was.
    assert written.flushed() == []
    meter.called("GET", 200, 0.4)
    [document] = written.flushed()
    assert document["meshclient.client.call.count"] == 1
    assert document["meshclient.client.call.duration"] == 0.4
    assert document["meshclient.client.call.failure"] == 0


def test_two_that_tell_of_one_tally_take_nothing_from_each_other() -> None:
    written = Written()
    meter = written.meter()
    meter.called("GET", 200, 0.1)
    lines: list[str] = []
    other = Emf(written.tally, namespace="shop", write=lines.append, clock=lambda: NOW)
    meter.called("GET", 200, 0.2)
    written.meter("users").called("GET", 200, 0.3)
    for _ in range(2):
        told = {document["Service"]: document for document in written.flushed()}
        lines.clear()
        other.flush()
        assert {document["Service"]: document for document in map(valid, lines)}.keys() == told.keys()
        for line in lines:
            document = valid(line)
            assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "shop"
            same = told[document["Service"]]
            for name in ("meshclient.client.call.count", "meshclient.client.call.duration"):
                assert document[name] == same[name]
        meter.called("GET", 200, 0.4)
    assert told["orders"]["meshclient.client.call.duration"] == 0.4


def test_one_that_is_told_of_twice_hears_once() -> None:
    written = Written()

    class Meters(dict[str, Any]):
        def items(self) -> Any:
            # As another thread's first call of a service, within `tap`.
            written.meter()
            return super().items()

    written.tally.meters = Meters()
    lines: list[str] = []
    other = Emf(written.tally, write=lines.append, clock=lambda: NOW)
    written.meter().called("GET", 200, 0.1)
    other.flush()
    [line] = lines
    assert valid(line)["meshclient.client.call.duration"] == 0.1


def test_one_that_nobody_holds_is_freed() -> None:
    written = Written()
    written.meter().called("GET", 200, 0.1)
    emf = ref(written.emf)
    del written.emf
    gc.collect()
    assert emf() is None


def test_an_array_has_room_for_so_many() -> None:
    written = Written()
    for at in range(10 * MOST_VALUES):
        written.meter().called("GET", 200, float(at))
    [document] = written.flushed()
    values = document["meshclient.client.call.duration"]
    assert len(set(values)) == MOST_VALUES
    assert document["meshclient.client.call.count"] == 10 * MOST_VALUES


@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_a_sample_is_of_what_was_there(draw: float) -> None:
    sample = Sample(3, lambda: draw)
    sample.add([1.0, 2.0])
    sample.add([3.0, 4.0])
    assert sample.take() == ([4.0, 2.0, 3.0] if draw == 0.0 else [1.0, 2.0, 3.0])
    assert sample.take() == []


def test_each_value_has_the_same_chance() -> None:
    seen = [0] * 10
    rng = random.Random(7)
    for _ in range(4000):
        sample = Sample(3, rng.random)
        sample.add([float(at) for at in range(10)])
        for value in sample.take():
            seen[int(value)] += 1
    assert all(1050 < count < 1350 for count in seen)


def test_the_end_of_a_lambda_invocation(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally()
    emf = Emf(tally)

    @emf.flushing
    def handler(event: dict[str, Any], context: object) -> str:
        tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
        if event.get("fail"):
            raise ValueError("it failed")
        return "done"

    assert handler({}, None) == "done"
    assert handler.__name__ == "handler"
    [line] = capsys.readouterr().out.splitlines(keepends=True)
    assert valid(line)["Service"] == "orders"
    with pytest.raises(ValueError, match="it failed"):
        handler({"fail": True}, None)
    [line] = capsys.readouterr().out.splitlines(keepends=True)
    assert valid(line)["meshclient.client.call.count"] == 1


def test_every_interval_until_it_is_stopped() -> None:
    came = threading.Event()
    lines: list[str] = []

    def write(line: str) -> None:
        lines.append(line)
        came.set()

    tally = Tally()
    emf = Emf(tally, write=write)
    tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
    emf.start(0.01)
    emf.start(0.01)
    assert came.wait(10)
    tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
    emf.stop()
    assert sum(valid(line)["meshclient.client.call.count"] for line in lines) == 2


def test_a_pipe_that_nobody_reads_ends_it_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    def write(line: str) -> None:
        raise BrokenPipeError(line)

    tally = Tally()
    emf = Emf(tally, write=write)
    tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
    emf.start(0.01)
    assert emf._job is not None
    emf._job.ended.result(10)
    assert [record.message for record in caplog.records] == ["metrics cannot be written for CloudWatch any more"]


def test_a_mesh_is_closed_whatever_becomes_of_the_pipe_and_may_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    broken = True
    came = threading.Event()

    def write(line: str) -> None:
        if broken:
            raise BrokenPipeError(line)
        came.set()

    tally = Tally()
    emf = Emf(tally, write=write)
    emf.start(60.0)
    tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
    emf.stop()
    assert [record.message for record in caplog.records] == ["the last metrics cannot be written for CloudWatch"]
    broken = False
    tally.meter("orders").called("GET", 200, 0.1)  # type: ignore[union-attr]
    emf.start(0.01)
    assert came.wait(10)
    emf.stop()


def test_one_that_nobody_holds_leaves_nothing_behind() -> None:
    tally = Tally()
    meter = tally.meter("orders")
    assert meter is not None
    meter.called("GET", 200, 0.1)
    kept = Emf(tally, write=print)
    for _ in range(3):
        Emf(tally, write=print)
    gc.collect()
    assert len(tally._taps) == len(meter._taps) == 1
    assert [len(plain.taps) for plain in meter._series.values()] == [1]
    del kept
    gc.collect()
    assert [*tally._taps, *meter._taps] == []


def test_where_nothing_is_counted_nothing_is_written() -> None:
    lines: list[str] = []
    emf = Emf(Tally(metrics=False), write=lines.append)
    emf.start(0.01)
    assert emf._job is None
    assert emf.flushing(lambda: "done")() == "done"
    emf.stop()
    assert lines == []


def test_a_forked_child_tells_of_its_own_calls_alone() -> None:
    written = Written()
    for _ in range(3):
        written.meter().called("GET", 200, 1.0)
    written.flushed()
    for _ in range(4):
        written.meter().called("GET", 200, 1.0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # More than its parent had told, which is no reason to subtract that.
            for _ in range(5):
                written.meter().called("GET", 200, 2.0)
            os.write(write, json.dumps(written.flushed()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        [document] = json.load(pipe)
    assert document["meshclient.client.call.count"] == 5
    assert document["meshclient.client.call.duration"] == [2.0] * 5
    [document] = written.flushed()
    assert document["meshclient.client.call.count"] == 4
    assert document["meshclient.client.call.duration"] == [1.0] * 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"namespace": ""}, "namespace"),
        ({"namespace": "AWS/Lambda"}, "namespace"),
        ({"namespace": "a b"}, "namespace"),
        ({"namespace": ":shop"}, "neither ':' nor 'AWS/'"),
        ({"dimensions": {f"d{number}": "x" for number in range(30)}}, "30 dimensions"),
        ({"dimensions": {"Service": "x"}}, "taken"),
        ({"dimensions": {"Stage": ""}}, "printable ASCII"),
        ({"dimensions": {"Stage": "ü"}}, "printable ASCII"),
        ({"dimensions": {"Stage": "x" * 1025}}, "printable ASCII"),
    ],
)
def test_what_cloudwatch_would_not_take(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Emf(Tally(), **options)
