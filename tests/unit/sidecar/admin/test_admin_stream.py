"""What one reader is sent, fast or slow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshclient.sidecar.admin.stream import HEARTBEAT, KEPT, Stream, frame


class Wire:
    """Takes what is sent; pauses its stream after every frame where it is slow."""

    def __init__(self, *, slow: bool = False) -> None:
        self.sent: list[bytes] = []
        self.slow = slow
        self.stream = Stream(self.take)

    def take(self, data: bytes) -> None:
        self.sent.append(data)
        if self.slow:
            self.stream.pause()


def test_a_frame_is_one_event() -> None:
    assert frame("state", b'{"a":1}\n') == b'event: state\ndata: {"a":1}\n\n'


def test_a_fast_reader_gets_everything_in_order() -> None:
    wire = Wire()
    wire.stream.line(b"1")
    wire.stream.state(b"s1")
    wire.stream.state(b"s2")
    wire.stream.line(b"2")
    assert wire.sent == [b"1", b"s1", b"s2", b"2"]


def test_a_slow_reader_gets_the_latest_state_and_every_line_that_was_kept() -> None:
    wire = Wire()
    wire.stream.pause()
    for at in range(10):
        wire.stream.state(b"s%d" % at)
        wire.stream.line(b"%d" % at)
    assert wire.sent == []
    wire.stream.resume()
    assert wire.sent == [*(b"%d" % at for at in range(10)), b"s9"]


def test_what_is_left_out_is_counted_and_said_once() -> None:
    wire = Wire()
    wire.stream.pause()
    for at in range(KEPT + 3):
        wire.stream.line(b"%d" % at)
    wire.stream.resume()
    assert b'"decisions":3' in wire.sent[0]
    assert wire.sent[1:] == [b"%d" % at for at in range(3, KEPT + 3)]
    wire.stream.line(b"last")
    assert wire.sent[-1] == b"last"


def test_it_stops_between_two_frames() -> None:
    wire = Wire(slow=True)
    wire.stream.line(b"1")
    wire.stream.line(b"2")
    wire.stream.state(b"s")
    assert wire.sent == [b"1"]
    wire.stream.resume()
    assert wire.sent == [b"1", b"2"]
    wire.stream.resume()
    assert wire.sent == [b"1", b"2", b"s"]


def test_a_heartbeat_stands_for_what_was_not_sent() -> None:
    wire = Wire()
    wire.stream.beat()
    wire.stream.state(b"s")
    wire.stream.beat()
    wire.stream.beat()
    wire.stream.pause()
    wire.stream.beat()
    assert wire.sent == [HEARTBEAT, b"s", HEARTBEAT]


@given(st.lists(st.sampled_from(["line", "state", "pause", "resume"]), max_size=300))
def test_whatever_happens_little_is_kept_and_nothing_is_sent_twice(steps: list[str]) -> None:
    wire = Wire()
    for at, step in enumerate(steps):
        data = f"{step}{at}".encode()
        if step in {"line", "state"}:
            getattr(wire.stream, step)(data)
        else:
            getattr(wire.stream, step)()
        assert len(wire.stream._lines) <= KEPT
    wire.stream.resume()
    told = [data for data in wire.sent if not data.startswith(b"event: left_out")]
    assert len(told) == len(set(told))
    states = [data for data in told if data.startswith(b"state")]
    assert states == sorted(states, key=lambda data: int(data[5:]))
    latest = [at for at, step in enumerate(steps) if step == "state"]
    assert not latest or states[-1] == b"state%d" % latest[-1]
