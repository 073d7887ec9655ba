"""A chain of three services in processes of their own, FastAPI, Flask and ASGI: one trace, one deadline."""

from __future__ import annotations

import json
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integration.service_process import ServiceProcess
from meshclient.http.ambient import parse_timeout
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

BOUND = 60.0
TRACE = "0af7651916cd43dd8448eb211c80319c"
ROOT = f"1-{TRACE[:8]}-{TRACE[8:]}"
CALLER = "b7ad6b7169203331"
W3C = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
XRAY = {"x-amzn-trace-id": f"Root={ROOT};Parent={CALLER};Sampled=1"}


class Chain:
    """The processes, two of them for the last service."""

    def __init__(self, scratch: Path, **variables: str) -> None:
        self.spans = False
        self._log = scratch / "chain.log"
        self._log.touch()
        here = Path(__file__).parent
        told = {"CHAIN_LOG": str(self._log), "MESHCLIENT_DEFAULTS__PROPAGATORS": "tracecontext,xray", **variables}

        def begun(kind: str, name: str, **more: str) -> ServiceProcess:
            made = ServiceProcess(kind, f"chain_services:{name}", here, scratch, **told, **more, CHAIN_NAME=name)
            stack.callback(made.end)
            return made

        with ExitStack() as stack:
            lasts = [begun("uvicorn", "last") for _ in range(2)]
            hedge = {
                "MESHCLIENT_SERVICES__LAST__HEDGE__EXTRA": "1.0",
                "MESHCLIENT_SERVICES__LAST__HEDGE__QUANTILE": "0.5",
                "MESHCLIENT_SERVICES__LAST__RETRY__BACKOFF": "1ms..2ms",
                "MESHCLIENT_SERVICES__LAST__ATTEMPT_TIMEOUT": "1500ms",
                "MESHCLIENT_SERVICES__LAST__ENDPOINTS": ",".join(each.url for each in lasts),
            }
            middle = begun("flask", "middle", **hedge)
            front = begun("uvicorn", "front", MESHCLIENT_SERVICES__MIDDLE__ENDPOINTS=middle.url)
            # All of them start at the same time.
            for each in (*lasts, middle, front):
                each.wait()
            self.url = front.url
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def forget(self) -> None:
        """Begin a test."""
        self._log.write_text("")

    def notes(self, service: str, *events: str) -> list[dict[str, Any]]:
        """What a service wrote, in the order of time."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if line["service"] == service and line["event"] in events]


@pytest.fixture(scope="module", params=["plain", "spans"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with_spans = {"CHAIN_SPANS": "1"} if request.param == "spans" else {}
    with Chain(tmp_path_factory.mktemp("chain"), **with_spans) as chain:
        chain.spans = bool(with_spans)
        yield chain


@pytest.fixture
def chain(running: Chain) -> Chain:
    running.forget()
    return running


def ids(note: dict[str, Any]) -> str:
    """The id of the span that sent a request, which all headers agree about, as about the trace."""
    found = re.fullmatch(rf"00-{TRACE}-([0-9a-f]{{16}})-0[0-3]", note["traceparent"])
    assert found is not None, note["traceparent"]
    fields = dict(field.split("=") for field in note["x-amzn-trace-id"].split(";"))
    assert (fields["Root"], fields["Parent"], fields["Sampled"]) == (ROOT, found[1], "1")
    return found[1]


def test_one_trace_from_end_to_end(chain: Chain) -> None:
    above, below = traced(chain, W3C)
    if chain.spans:
        whole(chain, above, below)


# With OpenTelemetry's SDK, FastAPI's own spans begin a trace where the headers are none of its propagators'.
@pytest.mark.parametrize("running", ["plain"], indirect=True)
def test_one_trace_from_a_load_balancer_on(chain: Chain) -> None:
    traced(chain, XRAY)


def traced(chain: Chain, brought: dict[str, str]) -> tuple[str, list[str]]:
    """The spans that called the middle and the last service, which all are of one trace."""
    answer = httpx.get(f"{chain.url}/both", headers=brought, timeout=BOUND)
    # One that was repeated, and one that had another beside it.
    assert answer.json() == {"status": 200, "answer": [[False, False], [False, True]]}
    [at_middle] = chain.notes("middle", "came")
    above = ids(at_middle)
    assert above != CALLER
    at_last = chain.notes("last", "came")
    assert [(note["path"], note.get("mesh-attempt")) for note in at_last] == [
        ("flaky", None), ("flaky", "2"), ("slow", None), ("slow", "2")
    ]  # fmt: skip
    below = [ids(note) for note in at_last]
    # Each attempt is a span of its own.
    assert len({CALLER, above, *below}) == 6
    # The slower of two is given up; one that blocks a thread is when its own time is over.
    wait_until(lambda: chain.notes("last", "CancelledError"), BOUND, "the end of the slow one")
    return above, below


def whole(chain: Chain, above: str, below: list[str]) -> None:
    """What a backend of OpenTelemetry's is told makes one tree, whose spans are those in the headers."""
    wait_until(lambda: len(chain.notes("middle", "span")) == 4, BOUND, "all spans")
    # FastAPI has spans of its own above ours.
    wait_until(lambda: any(note["kind"] == "SERVER" for note in chain.notes("front", "span")), BOUND, "its spans")
    front = {note["span"]: note for note in chain.notes("front", "span") if note["trace"] == TRACE}
    [first] = [note for note in front.values() if note["kind"] == "CLIENT"]
    assert (first["span"], first["peer"]) == (above, "middle")
    parent = first["parent"]
    while parent in front:
        parent = front[parent]["parent"]
    assert parent == CALLER
    attempts = {note["span"]: note for note in chain.notes("middle", "span") if note["kind"] == "CLIENT"}
    assert set(attempts) == set(below)
    assert {(note["trace"], note["parent"], note["peer"]) for note in attempts.values()} == {(TRACE, above, "last")}
    assert [attempts[span]["resend"] for span in below] == [None, 1, None, 1]


def test_the_deadline_shrinks_and_nothing_is_done_after_it(chain: Chain) -> None:
    began = time.monotonic()
    answer = httpx.get(f"{chain.url}/hang", headers={**W3C, "mesh-timeout": "1200m"}, timeout=BOUND)
    assert (answer.status_code, answer.headers["content-type"]) == (504, "application/problem+json")
    assert time.monotonic() - began < 3
    services = ("front", "middle", "last")
    endings = ("CancelledError", "DeadlineExceeded", "done")
    wait_until(lambda: all(chain.notes(service, *endings) for service in services), BOUND, "the end of all work")
    came = [chain.notes(service, "came") for service in services]
    assert [len(each) for each in came] == [1, 1, 1]
    left = [parse_timeout(note["mesh-timeout"]) or 0 for [note] in came]
    assert 1.2 >= left[0] > left[1] > left[2] > 0
    assert [note["event"] for service in services for note in chain.notes(service, *endings)] == [
        "CancelledError", "DeadlineExceeded", "CancelledError"
    ]  # fmt: skip
    # Of one clock, as they are processes of one machine.
    ended = [note["at"] for service in services for note in chain.notes(service, *endings)]
    assert max(ended) < began + 1.2 + 0.5


def test_who_goes_away_is_not_worked_for(chain: Chain) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{chain.url}/hang", headers={"mesh-timeout": "2S"}, timeout=httpx.Timeout(BOUND, read=0.4))
    wait_until(lambda: chain.notes("front", "CancelledError"), 1.2, "the end of the first one's work")
    assert not chain.notes("middle", "done", "DeadlineExceeded")
    # A thread cannot be ended: it is when the caller's time is over.
    wait_until(lambda: chain.notes("middle", "DeadlineExceeded"), BOUND, "the end of the second one's work")
    wait_until(lambda: chain.notes("last", "CancelledError"), BOUND, "the end of the last one's work")
    assert not [service for service in ("front", "middle", "last") if chain.notes(service, "done")]
