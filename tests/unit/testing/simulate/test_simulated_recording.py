"""What a program's attempts were is written down, read again, and happens again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.config.shape import ServiceConfig
from meshclient.model.endpoint import Endpoint
from meshclient.model.events import AttemptFinished, RetryScheduled
from meshclient.model.outcome import Kind, Outcome
from meshclient.testing import FakeEndpoint, FakeMesh, ManualClock
from meshclient.testing.simulate import Recorder, Recording
from meshclient.testing.simulate.record import Record

A, B = Endpoint("10.0.0.1", 8080, id="a", zone="z1"), Endpoint("10.0.0.2", 8080, id="b")
PLAIN = ServiceConfig(retry=None, ejection=None, throttle=None, balancer="round_robin")


def record(
    time: float, endpoint: Endpoint = A, kind: Kind = Kind.OK, *, duration: float = 0.01, number: int = 1
) -> Record:
    status = {Kind.OK: 200, Kind.SERVER_ERROR: 503}.get(kind)
    return Record(time, "orders", endpoint, number, Outcome(kind, status), duration)


@given(
    st.builds(
        Record,
        st.floats(0, 1e6).map(lambda n: round(n, 6)),
        st.sampled_from(["orders", "with-dash"]),
        st.sampled_from([A, B, Endpoint("::1", 80, "https")]),
        st.integers(1, 5),
        st.builds(Outcome, st.sampled_from(Kind), st.none() | st.integers(100, 599)),
        st.floats(0, 100).map(lambda n: round(n, 6)),
    )
)
def test_a_line_says_all_of_a_record(given: Record) -> None:
    assert "\n" not in given.line()
    assert Record.parse(given.line()) == given


def test_a_recorder_writes_the_ends_of_attempts_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock(50.0)
    with Recorder(tmp_path / "attempts.jsonl", clock) as recorder:
        clock.advance(2.0)
        recorder(AttemptFinished("orders", A, 1, Outcome(Kind.TIMEOUT), 1.5))
        recorder(RetryScheduled("orders", 1, 0.1, "timeout"))
    recorder(AttemptFinished("orders", A, 2, Outcome(Kind.OK, 200), 0.1))
    (line,) = (tmp_path / "attempts.jsonl").read_text("utf-8").splitlines()
    assert Record.parse(line) == Record(2.0, "orders", A, 1, Outcome(Kind.TIMEOUT), 1.5)


def test_a_program_is_recorded_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    services: dict[str, FakeEndpoint | list[FakeEndpoint]] = {
        "orders": [FakeEndpoint(), FakeEndpoint(status=503)],
        "billing": FakeEndpoint(),
    }
    with (
        Recorder(path) as recorder,
        FakeMesh(services, observers=[recorder], defaults={"balancer": "round_robin"}) as mesh,
        mesh.client() as client,
    ):
        for _ in range(10):
            assert client.get("http://orders/").status_code == 200
            client.get("http://billing/")
    recording = Recording.read(path, "orders")
    assert len(recording.records) == len([1 for call in mesh.calls if call.service == "orders"])
    report = recording.simulation(ServiceConfig(retry=None, balancer="round_robin", ejection=None)).run(1)
    # Without retries calls that meet the failing one fail.
    assert report.calls == 10
    assert set(report.failed) == {"server_error"}
    assert recording.simulation(ServiceConfig()).run(1).whole.succeeded == 10


def test_endpoints_behave_as_they_did_at_the_time() -> None:
    """In the third second half of the answers are errors, in the fourth all are slow."""
    records = list[Record]()
    for tick in range(400):
        at = tick / 100
        seconds = 0.2 if at >= 3 else 0.01
        kind = Kind.SERVER_ERROR if 2 <= at < 3 and tick % 2 else Kind.OK
        records.append(record(at + seconds, A, kind, duration=seconds))
    report = Recording.of("orders", records).simulation(PLAIN).run(1)
    assert report.calls == 400
    assert [each.success_rate for each in report.slices[:4]] == pytest.approx([1, 1, 0.5, 1], abs=0.15)
    assert [each.p50 for each in report.slices[:4]] == pytest.approx([0.01, 0.01, 0.01, 0.2])


def test_calls_are_made_when_they_were_made() -> None:
    records = [record(100.0), record(100.5), record(100.6, B, number=2), record(102.0)]
    report = Recording.of("orders", records).simulation(PLAIN).run(1)
    assert [each.calls for each in report.slices] == [2, 0, 1]


def test_what_the_caller_cut_short_tells_nothing_and_a_timeout_hangs() -> None:
    records = [record(1.0 + n, A, Kind.TIMEOUT, duration=0.5) for n in range(3)]
    records += [record(1.0 + n, B, kind) for n, kind in enumerate((Kind.CANCELLED, Kind.POOL_TIMEOUT, Kind.OK))]
    simulation = Recording.of("orders", records).simulation(ServiceConfig(retry=None, attempt_timeout=2.0))
    report = simulation.run(1)
    assert set(report.outcomes) == {"timeout", "ok"}
    assert report.whole.p99 == pytest.approx(2.0)
    assert report.executions[1] == report.calls


def test_a_stretch_without_attempts_is_as_the_one_before() -> None:
    records = [record(0.1, A, Kind.SERVER_ERROR), record(5.5, A), *(record(n, B) for n in (0.1, 1.1, 2.1, 3.1, 5.1))]
    report = Recording.of("orders", records).simulation(PLAIN).run(1)
    assert report.slices[5].success_rate == 1.0
    assert report.failed["server_error"] >= 1


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2 of .* is no record"),
        ("[]", "line 2 of"),
        ('{"time": 1}', "there is no 'host'"),
        (record(1.0).line().replace('"ok"', '"fine"'), "'fine' is not a valid Kind"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_text(f"{record(1.0).line()}\n{line}\n", "utf-8")
    with pytest.raises(ValueError, match=complaint):
        Recording.read(path)


def test_one_of_several_services_has_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    other = Record(1.0, "billing", A, 1, Outcome(Kind.OK, 200), 0.1)
    path.write_text(f"{record(1.0).line()}\n{other.line()}\n", "utf-8")
    with pytest.raises(ValueError, match="holds attempts of billing, orders: say of which"):
        Recording.read(path)
    with pytest.raises(ValueError, match="no attempts of 'stock', but of billing, orders"):
        Recording.read(path, "stock")
    assert Recording.read(path, "billing").service == "billing"
