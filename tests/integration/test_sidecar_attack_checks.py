"""That the corpus would notice: what it says of no proxy at all, and of one that hands on whatever it gets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from attack.smuggling import (
    chunks,
    corpus,
    framing,
    heads,
    judgement,
    mutation,
    reading,
    reception,
    reply_mutation,
    responses,
    routes,
)
from attack.smuggling.case import Case
from attack.smuggling.replay import Proxy
from attack.smuggling.responses import ResponseCase
from attack.smuggling.upstream import Upstream
from house.source import ROOT
from servers.ports import free_port

_BAD = [case for case in corpus.CASES.values() if case.expected.refused and not case.expected.optional and not case.end]


@pytest.fixture(scope="module")
def nothing() -> Iterator[Proxy]:
    """The upstream itself, in the place of a proxy: as if one handed every byte on."""
    with Upstream() as upstream:
        yield Proxy(("127.0.0.1", upstream.port), upstream, patience=0.05)


@pytest.mark.parametrize("case", _BAD[::12], ids=lambda case: case.name)
def test_a_bad_request_that_is_handed_on_is_noticed(nothing: Proxy, case: Case) -> None:
    assert judgement.complaints(case, nothing.send(case))


@pytest.mark.parametrize("name", ["cut-counted-fin", "cut-in-a-chunk-fin", "cut-after-the-last-size-fin"])
def test_a_cut_request_that_stays_cut_is_none_of_the_dangers(nothing: Proxy, name: str) -> None:
    case = corpus.CASES[name]
    assert list(judgement.dangers(case, nothing.send(case))) == []


@pytest.mark.parametrize(
    "name", ["cl-plain", "te-plain", "get-with-a-request-for-its-body", "chunks-many", "pipelined"]
)
def test_a_good_request_is_no_complaint(nothing: Proxy, name: str) -> None:
    case = corpus.CASES[name]
    # What has to come is waited for.
    assert judgement.complaints(case, replace(nothing, patience=1.0).send(case)) == []


@pytest.mark.parametrize(
    "name",
    [
        "response-bare-cr",
        "response-cl-and-te",
        "response-more-counted-answer",
        "response-chunk-bare-lf",
        "response-hop",
    ],
)
def test_a_bad_answer_that_is_handed_on_is_noticed(nothing: Proxy, name: str) -> None:
    case: ResponseCase = responses.CASES[name]
    assert reception.complaints(case, reception.observed(nothing, case))


def test_a_request_that_is_completed_after_its_client_left_is_noticed(nothing: Proxy) -> None:
    whole = corpus.CASES["cl-plain"]
    cut = corpus.CASES["cut-counted-fin"]
    assert judgement.complaints(cut, nothing.send(whole))


def test_no_case_hides_another() -> None:
    parts = (framing, chunks, heads, routes)
    assert len(corpus.CASES) == sum(len(part.CASES) for part in parts)
    assert len({(case.raw, case.end) for case in corpus.CASES.values()}) == len(corpus.CASES)


@pytest.mark.parametrize(
    "data",
    [
        b"GET /a HTTP/1.1\nHost: x\r\n\r\n",
        b"GET /a HTTP/1.1\r\nX: \0\r\n\r\n",
        b"GET  /a HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 \r\n",
        b"GET / HTTP/1.1\r\nX : y\r\n\r\n",
    ],
)
def test_what_is_no_request_is_not_read_as_one(data: bytes) -> None:
    with pytest.raises(reading.Malformed):
        reading.request(data)


def test_a_request_is_read_to_its_last_byte_and_no_further() -> None:
    data = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nX: y\r\n\r\n"
    assert all(reading.request(data[:size]) is None for size in range(len(data)))
    message = reading.request(data + b"GET /")
    assert message is not None
    assert (message.body, message.trailers, message.size) == (b"hi", ((b"x", b"y"),), len(data))


def test_a_changed_request_that_is_handed_on_is_noticed(nothing: Proxy) -> None:
    bad = [raw for raw in map(mutation.mutant, range(30)) if mutation.read(raw)[1] == "malformed"]
    assert bad
    assert all(mutation.complaints(nothing, raw) for raw in bad)


def test_a_changed_answer_that_is_handed_on_is_noticed(nothing: Proxy) -> None:
    bad = [raw for raw in map(reply_mutation.mutant, range(60)) if reply_mutation.read(raw) is None and b" 200" in raw]
    assert bad
    assert any(reply_mutation.complaints(nothing, raw) for raw in bad)


def test_the_runner_says_what_differs() -> None:
    command = [sys.executable, "-m", "attack.smuggling", "--against", "127.0.0.1:{0}", "--upstream-port", "{0}"]
    command += ["--only", "^cl-pl(ain|us)$", "--patience", "0.1", "--verbose"]
    port = str(free_port())
    done = subprocess.run(
        [word.format(port) for word in command],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "| cl-plus | 9110 8.6 | refuse 400 | MALFORMED ! |" in done.stdout
    assert "1 of 2 as wanted, 1 of the rest with an exclamation mark" in done.stdout
