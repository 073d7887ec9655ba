"""``meshclient call --trace``: a waterfall of real attempts."""

from __future__ import annotations

import re
import signal
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

import meshclient
from cli.command import LIMIT, Command
from cli.golden import assert_golden
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.cli.phases import Listener, Phase, Span, Trace, trace_of
from meshclient.cli.plot import ASCII, BLOCKS, Ink, plot
from meshclient.cli.timeline import waterfall
from meshclient.core.hedge import SAMPLES
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import CANCELLED, Kind, Outcome
from meshclient.model.report import AttemptReport, CallReport, SnapshotReport
from servers.backend import Backend, Backends
from unit.http.rawserver import OK, RawServer, always


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


def listed(*urls: str) -> tuple[str, ...]:
    return ("--set", f"services.orders.endpoints={','.join(urls)}", "--set", "defaults.balancer=round_robin")


def phases(document: dict[str, Any], attempt: int | None) -> list[str]:
    return [each["phase"] for each in document["trace"]["phases"] if each["attempt"] == attempt]


def test_a_waterfall_of_attempts_and_back_offs(here: Here, backends: Backends) -> None:
    (a,) = backends(1, status=503)
    ran = here("call", "orders/", "--trace", "--html", "call.html", *listed(a.url))
    lines = ran.err.splitlines()
    assert lines[0].startswith("trace: service orders, list ready from configuration, version 1, age ")
    names = [re.split(r"  +", line.strip())[0] for line in lines[3:]]
    first = names.index(f"1. {a.url}")
    assert names[first - 1] == "resolve"
    assert names[first + 2 : first + 6] == ["pool", "connect", "write", "first byte"]
    assert names.count("back-off") == 2
    assert any("; attempt 3 of 3 was the last" in line for line in lines)
    assert lines[-1].endswith(" of the deadline left")
    # The answer itself is still the answer.
    assert ran.code == 0
    page = (here.folder / "call.html").read_text("utf-8")
    assert f"3. {a.url}" in page
    assert "first byte" in page


def test_the_trace_is_in_the_document(here: Here, shared_backends: tuple[Backend, Backend]) -> None:
    ran = here("call", "orders/", "--trace", "-o", "json", *listed(shared_backends[0].url))
    assert_valid(ran.document)
    assert phases(ran.document, 1) == ["pool", "connect", "write", "first_byte", "body"]
    trace = ran.document["trace"]
    assert all(0 <= each["begin_seconds"] <= each["end_seconds"] <= trace["total_seconds"] for each in trace["phases"])


def test_a_handshake_is_told_from_the_connection(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(serving)
    authority.cert_pem.write_to_path(str(here.folder / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(here.folder / "ca.pem"))
    with RawServer(always(OK), tls=serving) as server:
        url = f"https://localhost:{server.port}"
        ours = here(
            "call", "orders/", "--trace", "-o", "json", *listed(url), "--set", "services.orders.tls.identity=localhost"
        )
        theirs = here("call", f"{url}/", "--trace", "-o", "json")
    assert phases(ours.document, 1) == ["pool", "connect", "tls", "write", "first_byte", "body"]
    assert_valid(theirs.document)
    # A host that is no service is called as httpx would, and its time goes the same ways.
    assert [name for name in phases(theirs.document, 1) if name != "pool"] == phases(ours.document, 1)[1:]
    assert f"trace: {url}/, no call of the mesh" in theirs.err


def test_a_call_from_a_list_that_is_nowhere(here: Here) -> None:
    ran = here("call", "orders/", "--resolver", "file:///nowhere.toml", "--trace", "--deadline", "200ms", "-o", "json")
    assert_valid(ran.document)
    assert [each["phase"] for each in ran.document["trace"]["phases"]] == ["resolve"]
    assert "\n  nothing was sent; " in ran.err


def test_an_interrupt_shows_how_far_it_came(meshclient_command: Command, backends: Backends) -> None:
    (a,) = backends(1)
    process = meshclient_command.start("call", "orders/stream?chunks=99&size=1&delay=1", "--trace", *listed(a.url))
    assert process.stdout is not None
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert errors.startswith("trace: service orders, list ready from configuration, version 1, age ")
    assert f"\n  1. {a.url} " in errors
    # One that is interrupted earlier has no report, and is a call of the mesh all the same.
    assert waterfall(Trace("mesh://orders/", None, (), 1.0), "orders").title == "trace: service orders, interrupted"


def test_attempts_side_by_side_are_heard_apart(backends: Backends) -> None:
    slow, fast = backends(2)
    slow.control(hang=True)
    service = {"endpoints": [slow.url, fast.url], "hedge": {"extra": 1.0, "quantile": 0.5}, "balancer": "round_robin"}
    with meshclient.Client(services={"orders": service}, defaults={"attempt_timeout": "20s"}, timeout=None) as client:
        known = client.mesh.service("orders").hedging
        assert known is not None
        for _ in range(SAMPLES):
            known.observe(0.03, client.mesh.service("orders").clock())
        # One of two begins at the one that hangs.
        for _ in range(2):
            listener = Listener()
            response = client.get("mesh://orders/", extensions={"trace": listener})
            report = response.extensions["mesh"]
            if report.hedged:
                break
        trace = trace_of("mesh://orders/", report, listener, time.monotonic())
    assert report.hedged
    assert len(report.attempts) == 2
    first, second = ({span.phase: span for span in trace.of(number)} for number in (1, 2))
    assert {Phase.WRITE, Phase.FIRST_BYTE} <= set(first)
    assert {Phase.WRITE, Phase.FIRST_BYTE, Phase.BODY} <= set(second)
    assert first[Phase.FIRST_BYTE].begin < second[Phase.WRITE].begin < first[Phase.FIRST_BYTE].end
    assert Phase.BACK_OFF not in {span.phase for span in trace.spans}


def hedged() -> Trace:
    """Two attempts side by side after one that failed."""
    a, b = (Endpoint(f"10.0.0.{number}", 8080, zone="b", id=f"i-{number}") for number in (1, 2))
    attempts = (
        AttemptReport(a, Outcome(Kind.SERVER_ERROR, 503), 0.004, 0.011, reason="server_error: tried again after 0.01s"),
        AttemptReport(b, Outcome(Kind.OK, 200), 0.045, 0.004, hedge=True),
        AttemptReport(a, CANCELLED, 0.025, 0.0245),
    )
    spans = [
        Span(Phase.RESOLVE, None, 0, 0.004),
        Span(Phase.POOL, 1, 0.004, 0.0041),
        Span(Phase.CONNECT, 1, 0.0041, 0.005),
        Span(Phase.TLS, 1, 0.005, 0.008),
        Span(Phase.WRITE, 1, 0.008, 0.0081),
        Span(Phase.FIRST_BYTE, 1, 0.0081, 0.015),
        Span(Phase.BACK_OFF, None, 0.015, 0.025),
        Span(Phase.WRITE, 2, 0.025, 0.0251),
        Span(Phase.FIRST_BYTE, 2, 0.0251, 0.0495),
        Span(Phase.WRITE, 3, 0.045, 0.0451),
        Span(Phase.FIRST_BYTE, 3, 0.0451, 0.049),
        Span(Phase.BODY, 3, 0.049, 0.052),
    ]
    seen = SnapshotReport("ready", "consul://127.0.0.1:8500", 3, 12.0)
    return Trace("mesh://orders/", CallReport("orders", attempts, seen, 1.948, hedged=True), tuple(spans), 0.052)


@pytest.mark.parametrize(("name", "ink", "width"), [("blocks", BLOCKS, 100), ("ascii", ASCII, 72)])
def test_what_people_see(name: str, ink: Ink, width: int) -> None:
    lines = plot(waterfall(hedged()), width=width, ink=ink)
    assert max(map(len, lines)) <= width
    assert_golden(f"call_trace.{name}.txt", "\n".join(lines))
