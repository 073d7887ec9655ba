"""What a resolver yields that is no answer: left out and reported, and never the end of its watch."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient import Mesh
from meshclient.discovery.soundness import sound
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Pending, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.model.service import ServiceName

BOUND = 60.0
A, B, C = (Endpoint(f"10.0.0.{number}", 80) for number in (1, 2, 3))
LIST = Ready((A, B), source="strange://")

garbage = st.none() | st.integers() | st.text(max_size=200) | st.dictionaries(st.text(), st.integers())


class Unspeakable:
    """Has no form that could be shown."""

    def __repr__(self) -> str:
        raise ValueError


def made(records: object, ttl: object = None) -> Ready:
    """A list as a resolver without types would make it."""
    return Ready(cast("tuple[Endpoint, ...]", records), source="strange://", ttl=cast("float | None", ttl))


@given(st.lists(garbage | st.sampled_from([A, B, C]), min_size=1))
def test_of_a_list_exactly_the_endpoints_are_left(records: list[object]) -> None:
    answer, malformed, listed = sound(made(records))
    endpoints = tuple(each for each in records if isinstance(each, Endpoint))
    assert answer.endpoints == endpoints
    if endpoints:
        assert isinstance(answer, Ready)
        assert (len(malformed) + len(endpoints), listed) == (len(records), len(records))
    else:
        assert isinstance(answer, Failed)
        assert f"none of the {len(records)} records" in answer.cause


@given(garbage)
def test_what_is_no_answer_is_a_failure(yielded: object) -> None:
    answer, malformed, _ = sound(yielded)
    assert isinstance(answer, Failed)
    assert "which is not Ready, Empty or Failed" in answer.cause
    assert len(answer.cause) < 200
    assert malformed == ()


@pytest.mark.parametrize("answer", [LIST, Empty(ttl=3.0), Failed("down"), Failed("down", last=LIST)])
def test_an_answer_that_is_sound_stays_as_it_is(answer: Ready | Empty | Failed) -> None:
    assert sound(answer).answer is answer


def test_a_list_in_another_container_is_a_list() -> None:
    assert sound(made([A, B])).answer == LIST
    assert isinstance(sound(made(iter([A, B]))).answer.endpoints, tuple)


@pytest.mark.parametrize(
    ("yielded", "cause"),
    [
        (Pending(), "the resolver yielded Pending("),
        (made(5), "the resolver yielded 5 in place of endpoints"),
        (Unspeakable(), "the resolver yielded a Unspeakable, which"),
        (Failed(cast("str", OSError("no route"))), "OSError: no route"),
        (made(iter(())), "none of the 0 records that the resolver yielded is an Endpoint"),
    ],
)
def test_what_is_said_of_it(yielded: object, cause: str) -> None:
    answer = sound(yielded).answer
    assert isinstance(answer, Failed)
    assert answer.cause.startswith(cause)


def test_a_failure_with_a_list_that_is_none_leaves_the_one_before() -> None:
    answer = sound(Failed("down", last=made(["x"]))).answer
    assert answer == Failed("down")
    assert sound(Failed("down", last=made(["x", A]))) == (
        Failed("down", last=replace(LIST, endpoints=(A,))),
        ("'x' is no Endpoint",),
        2,
    )


@pytest.mark.parametrize("ttl", ["soon", float("nan"), float("inf")])
def test_a_time_to_live_that_is_none_is_not_given(ttl: object) -> None:
    answer = sound(made((A, B), ttl)).answer
    assert answer == LIST


class Strange:
    """Yields what it is told to, whatever that is."""

    source = "strange://"

    def __init__(self, *steps: object) -> None:
        self.steps = steps
        self.said = 0
        self.go = threading.Event()

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        for step in self.steps:
            yield cast("Ready", step)
            self.said += 1
        self.go.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("mode", ["background", "on-demand"])
def test_in_a_mesh_calls_go_by_what_is_left_and_the_rest_is_reported(
    mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Mesh(Strange(made([A, "10.0.0.9:80", B])), mode=mode) as mesh:
        snapshot = mesh.warm("orders", timeout=BOUND)["orders"]
        assert isinstance(snapshot, Ready)
        assert snapshot.endpoints == (A, B)
        assert mesh.service("orders").balancer.pick(time.monotonic()) is not None
    assert "1 of 3 instances of service 'orders' are left out: '10.0.0.9:80' is no Endpoint" in caplog.text


def test_a_watch_outlives_whatever_it_yields_and_complains_once(caplog: pytest.LogCaptureFixture) -> None:
    bad = made([A, 7])
    resolver = Strange(LIST, None, {"a": 1}, bad, bad, made([None]), Failed("x", last=made([3])), made([C]))
    with Mesh(resolver, discovery={"hold": False}) as mesh:
        mesh.warm("orders", timeout=BOUND)
        assert resolver.go.wait(BOUND)
        assert resolver.said == 8, "it was started again"
        assert mesh.service("orders").snapshot.endpoints == (C,)
    assert sum("are left out" in record.getMessage() for record in caplog.records) == 1
