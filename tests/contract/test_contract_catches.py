"""The contract is worth inheriting only if it fails for a resolver that breaks it: one flaw, one red test."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.resolver import PollingResolver, Resolver
from meshclient.model.snapshot import Empty, LeftOut, Ready, listing
from meshclient.testing.resolver_contract import ResolverContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName

TESTS = sorted(name for name in vars(ResolverContract) if name.startswith("test_"))


class Memory(PollingResolver):
    """A resolver over a dictionary, with one flaw or none."""

    def __init__(self, registry: dict[str, list[Endpoint] | None], flaw: str) -> None:
        super().__init__(source="memory://" + ("hush" if flaw == "secret" else ""), interval=0.01)
        self.registry = registry
        self.flaw = flaw
        self.first: ServiceName | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.strays: list[asyncio.Task[None]] = []

    async def fetch(self, name: ServiceName) -> Ready | Empty:
        self.first = self.first or name
        self.loop = self.loop or asyncio.get_running_loop()
        if self.flaw == "one loop" and self.loop is not asyncio.get_running_loop():
            raise RuntimeError("bound to another loop")
        if None in self.registry.values():
            if self.flaw == "outage is empty":
                return Empty(source=self.source)
            raise ConnectionError("hush" if self.flaw == "secret in error" else "registry out of reach")
        known = self.registry.get(str(self.first if self.flaw == "mixes names" else name))
        endpoints = known or []
        if self.flaw == "loses the page after 100":
            endpoints = endpoints[:100]
        if self.flaw == "unsorted" and endpoints:
            return Ready(tuple(dict.fromkeys(endpoints)), source=self.source)
        if self.flaw == "no underscore" and "_" in str(name):
            endpoints = []
        answer = listing(endpoints, source=self.source, exists=known is not None or self.flaw == "all exist")
        if self.flaw == "lists what it leaves out":
            answer = replace(
                answer, left_out=tuple(LeftOut("a", "critical", "it is", each) for each in answer.endpoints)
            )
        return replace(answer, source="elsewhere://") if self.flaw == "other source" else answer

    async def names(self) -> list[str]:
        return [] if self.flaw == "names nobody" else list(self.registry)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        before: Ready | Empty | None = None
        if self.flaw == "leaves a task":
            self.strays.append(asyncio.create_task(asyncio.sleep(60)))
        async for answer in super().watch(name):
            if self.flaw == "sees no removal" and before and len(answer.endpoints) < len(before.endpoints):
                continue
            if self.flaw == "sees no addition" and before and len(answer.endpoints) > len(before.endpoints):
                continue
            before = answer
            yield answer
            if self.flaw == "deaf to cancellation":
                await self.ignore_cancellation(1.5)
                return

    async def ignore_cancellation(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)


class MemoryContract(ResolverContract):
    can_corrupt = True
    secret_values = ("hush",)

    def __init__(self, flaw: str = "") -> None:
        self.flaw = flaw
        self.registry: dict[str, list[Endpoint] | None] = {}

    def resolver(self) -> Resolver:
        return Memory(self.registry, self.flaw)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        self.registry[name.value] = list(endpoints)

    def break_registry(self) -> None:
        self.registry["broken"] = None

    def mend_registry(self) -> None:
        self.registry.pop("broken", None)

    def corrupt(self, name: ServiceName) -> None:
        self.break_registry()


@pytest.mark.parametrize("test", TESTS)
def test_a_sound_resolver_passes(test: str) -> None:
    getattr(MemoryContract(), test)()


class FlawedContract(MemoryContract):
    within = 0.5


FLAWS = {
    "other source": ["test_the_first_answer_arrives"],
    "unsorted": ["test_answers_are_sorted_and_without_repetition"],
    "loses the page after 100": ["test_a_large_service_is_complete"],
    "lists what it leaves out": ["test_a_large_service_is_complete"],
    "names nobody": ["test_a_catalogue_names_what_is_listed"],
    "sees no addition": ["test_an_added_endpoint_is_seen"],
    "sees no removal": ["test_a_removed_endpoint_is_seen", "test_all_removed_is_empty_and_not_a_failure"],
    "all exist": ["test_an_unknown_service_is_empty"],
    "no underscore": ["test_names_with_underscores_and_capitals_are_found"],
    "mixes names": ["test_two_watches_do_not_mix"],
    "leaves a task": ["test_a_cancelled_watch_ends_at_once_and_leaves_nothing"],
    "deaf to cancellation": ["test_a_cancelled_watch_ends_at_once_and_leaves_nothing"],
    "one loop": ["test_a_resolver_outlives_its_event_loop"],
    "outage is empty": [
        "test_an_outage_at_the_start_is_a_failure",
        "test_an_outage_keeps_the_last_list",
        "test_a_malformed_answer_is_never_an_empty_list",
    ],
    "secret": ["test_the_source_is_a_uri_without_secrets"],
    "secret in error": ["test_an_outage_at_the_start_is_a_failure", "test_an_outage_keeps_the_last_list"],
}


@pytest.mark.parametrize(("flaw", "test"), [(flaw, test) for flaw, tests in FLAWS.items() for test in tests])
def test_a_flawed_resolver_is_caught(flaw: str, test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(FlawedContract(flaw), test)()


def test_every_property_is_known_to_catch_something() -> None:
    assert {test for tests in FLAWS.values() for test in tests} == set(TESTS)


def test_what_a_resolver_cannot_do_is_skipped() -> None:
    class Fixed(MemoryContract):
        sees_changes = False
        can_break = False
        can_corrupt = False

    skipped = set()
    for test in TESTS:
        try:
            getattr(Fixed(), test)()
        except pytest.skip.Exception:
            skipped.add(test)
    assert skipped == {
        "test_an_added_endpoint_is_seen",
        "test_a_removed_endpoint_is_seen",
        "test_all_removed_is_empty_and_not_a_failure",
        "test_an_outage_at_the_start_is_a_failure",
        "test_an_outage_keeps_the_last_list",
        "test_a_malformed_answer_is_never_an_empty_list",
    }
