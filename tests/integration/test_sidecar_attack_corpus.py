"""Requests that can be smuggled, and answers that are none: what our proxy does with each case of the corpus."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from attack.smuggling import corpus, judgement, mutation, ours, reception, reply_mutation, responses
from attack.smuggling.case import Case
from attack.smuggling.replay import Proxy
from attack.smuggling.responses import ResponseCase
from attack.smuggling.upstream import Upstream


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Upstream() as upstream, ours.running(upstream.port) as address:
        yield Proxy(address, upstream)


@pytest.fixture(scope="module")
def in_pieces() -> Iterator[Proxy]:
    """On asyncio's own loop, where the other has uvloop."""
    with Upstream() as upstream, ours.running(upstream.port, loop=asyncio.new_event_loop()) as address:
        yield Proxy(address, upstream, piece=1)


@pytest.mark.parametrize("case", corpus.CASES.values(), ids=list(corpus.CASES))
def test_a_request_is_forwarded_plainly_or_refused(proxy: Proxy, case: Case) -> None:
    assert judgement.complaints(case, proxy.send(case)) == []


@pytest.mark.parametrize("case", corpus.CASES.values(), ids=list(corpus.CASES))
def test_the_same_byte_by_byte(in_pieces: Proxy, case: Case) -> None:
    assert judgement.complaints(case, in_pieces.send(case)) == []


@pytest.mark.parametrize("case", responses.CASES.values(), ids=list(responses.CASES))
def test_an_answer_is_handed_on_plainly_or_not_at_all(proxy: Proxy, case: ResponseCase) -> None:
    assert reception.complaints(case, reception.observed(proxy, case)) == []


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_changed_requests_are_forwarded_as_they_are_read_or_not_at_all(proxy: Proxy, first: int) -> None:
    found = {seed: mutation.complaints(proxy, mutation.mutant(seed)) for seed in range(first, first + 50)}
    assert {seed: said for seed, said in found.items() if said} == {}


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_changed_answers_are_handed_on_as_they_are_read_or_not_at_all(proxy: Proxy, first: int) -> None:
    found = {seed: reply_mutation.complaints(proxy, reply_mutation.mutant(seed)) for seed in range(first, first + 50)}
    assert {seed: said for seed, said in found.items() if said} == {}
