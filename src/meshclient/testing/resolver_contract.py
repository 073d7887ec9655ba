# ruff: noqa: S101 - these are tests
"""The contract that every resolver keeps, as tests to inherit.

A plugin's test subclasses `ResolverContract`, says how its registry is filled and broken, and gets one test for each
property that the runtime relies on:

    class TestFooContract(ResolverContract):
        def resolver(self) -> Resolver:
            return FooResolver(ResolverUri.parse("foo://127.0.0.1:7000"))

        def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
            foo_admin.replace(name.value, [e.authority for e in endpoints])

        def break_registry(self) -> None: ...
        def mend_registry(self) -> None: ...

Hooks may block: they are called on a thread. Answers come through `supervise`, on an event loop of each test's own, as
they do in production. pytest is imported only where a test is skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import secrets
import time
from typing import TYPE_CHECKING, ClassVar

from meshclient.discovery.catalogue import Catalogue
from meshclient.discovery.supervision import supervise
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Sequence
    from typing import Self

    from meshclient.discovery.resolver import Resolver

    Answer = Ready | Empty | Failed

# A watch that is told to stop has nothing to wait for; one second is far above what a busy machine needs.
PROMPT = 1.0


class ResolverContract:
    """Subclass it, name the class ``Test...``, and implement the hooks.

    Attributes:
        sees_changes: False where an answer stands for the life of the process.
        can_break: False where there is no registry that could be out of reach.
        can_corrupt: True where `corrupt` is implemented.
        distinguishes_unknown: False where "no such service" and "no endpoints" look the same.
        within: seconds that a change, or the report of an outage, may take.
        many: endpoints of the large service, more than a page of the registry's answers.
        secret_values: texts given to the resolver that must not be shown.
    """

    sees_changes: ClassVar[bool] = True
    can_break: ClassVar[bool] = True
    can_corrupt: ClassVar[bool] = False
    distinguishes_unknown: ClassVar[bool] = True
    within: ClassVar[float] = 10.0
    many: ClassVar[int] = 250
    secret_values: ClassVar[tuple[str, ...]] = ()

    def resolver(self) -> Resolver:
        """A new resolver; making it must not need the registry."""
        raise NotImplementedError

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        """Let the registry list exactly these endpoints of `name`, in any order, repetitions included if it can."""
        raise NotImplementedError

    def break_registry(self) -> None:
        """Put the registry out of reach."""
        raise NotImplementedError

    def mend_registry(self) -> None:
        """Bring it back with what it held; harmless when it is not broken."""
        raise NotImplementedError

    def corrupt(self, name: ServiceName) -> None:
        """Let the registry answer a question for `name` with something unusable."""
        raise NotImplementedError

    def endpoint(self, number: int) -> Endpoint:
        """The endpoint that stands for `number`, 0 to `many` - 1."""
        return Endpoint(f"127.1.{number // 250}.{number % 250 + 1}", 8000 + number)

    def test_the_first_answer_arrives(self) -> None:
        """A known service is Ready, with the resolver's source."""

        async def check() -> None:
            name, resolver = await self._service(0, 1)
            async with _Watch(resolver, name, self.within) as watch:
                answer = await watch.until(_is_ready, "Ready")
            self._expect(answer, 0, 1)
            assert answer.source == resolver.source

        asyncio.run(check())

    def test_answers_are_sorted_and_without_repetition(self) -> None:
        """The same endpoints make the same tuple, whatever the registry's order."""

        async def check() -> None:
            name, resolver = await self._service(2, 0, 1, 0, 2)
            async with _Watch(resolver, name, self.within) as watch:
                answer = await watch.until(_is_ready, "Ready")
            assert answer.endpoints == listing(reversed(answer.endpoints), source="").endpoints
            self._expect(answer, 0, 1, 2)

        asyncio.run(check())

    def test_a_large_service_is_complete(self) -> None:
        """Paging, truncation and datagram sizes lose no endpoint, and none that is listed is told to be left out."""

        async def check() -> None:
            name, resolver = await self._service(*range(self.many))
            async with _Watch(resolver, name, self.within) as watch:
                answer = await watch.until(_is_ready, "Ready")
            self._expect(answer, *range(self.many))
            assert isinstance(answer, Ready)
            assert not answer.left_out, answer.left_out[:5]

        asyncio.run(check())

    def test_an_added_endpoint_is_seen(self) -> None:
        """A watch tells of endpoints that come."""
        self._need(self.sees_changes, "the answer never changes")

        async def check() -> None:
            name, resolver = await self._service(0)
            async with _Watch(resolver, name, self.within) as watch:
                await watch.until(_is_ready, "Ready")
                await self._put(name, 0, 1)
                await watch.until(lambda a: _places(a) == self._expected(0, 1), "both endpoints")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

        asyncio.run(check())

    def test_a_removed_endpoint_is_seen(self) -> None:
        """A watch tells of endpoints that go."""
        self._need(self.sees_changes, "the answer never changes")

        async def check() -> None:
            name, resolver = await self._service(0, 1)
            async with _Watch(resolver, name, self.within) as watch:
                await watch.until(_is_ready, "Ready")
                await self._put(name, 1)
                await watch.until(lambda a: _places(a) == self._expected(1), "one endpoint")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

        asyncio.run(check())

    def test_all_removed_is_empty_and_not_a_failure(self) -> None:
        """A service that has lost its endpoints is Empty, and may come back."""
        self._need(self.sees_changes, "the answer never changes")

        async def check() -> None:
            name, resolver = await self._service(0, 1)
            async with _Watch(resolver, name, self.within) as watch:
                await watch.until(_is_ready, "Ready")
                await self._put(name)
                await watch.until(lambda a: isinstance(a, Empty), "Empty")
                await self._put(name, 1)
                await watch.until(lambda a: _places(a) == self._expected(1), "the endpoint that came back")
            assert not any(isinstance(answer, Failed) for answer in watch.seen), watch.seen

        asyncio.run(check())

    def test_an_unknown_service_is_empty(self) -> None:
        """A service nobody has heard of is Empty, and "not known" where the registry can tell."""

        async def check() -> None:
            _, resolver = await self._service(0)
            async with _Watch(resolver, _fresh("nobody"), self.within) as watch:
                answer = await watch.until(lambda _: True, "an answer")
            assert isinstance(answer, Empty), answer
            if self.distinguishes_unknown:
                assert not answer.exists

        asyncio.run(check())

    def test_names_with_underscores_and_capitals_are_found(self) -> None:
        """Names that are no host names are names of services all the same."""

        async def check() -> None:
            names = [_fresh("with_underscore"), _fresh("Mixed-Case"), _fresh("_leading")]
            for number, name in enumerate(names):
                await self._put(name, number)
            resolver = self.resolver()
            for number, name in enumerate(names):
                async with _Watch(resolver, name, self.within) as watch:
                    answer = await watch.until(_is_ready, f"{name} Ready")
                self._expect(answer, number)

        asyncio.run(check())

    def test_a_catalogue_names_what_is_listed(self) -> None:
        """A resolver that tells which services there are names those it lists, on any loop and without a watch."""

        async def check() -> None:
            name, resolver = await self._service(0)
            self._need(isinstance(resolver, Catalogue), "it does not tell which services there are")
            assert isinstance(resolver, Catalogue)
            names: Collection[str] = ()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.within):
                    while _folded(name.value) not in map(_folded, names):
                        names = await resolver.names()
                        await asyncio.sleep(0.01)
            assert _folded(name.value) in map(_folded, names), f"{name} is not among {sorted(names)[:20]}"

        asyncio.run(check())

    def test_two_watches_do_not_mix(self) -> None:
        """Watches of different names run beside each other, on one resolver."""

        async def check() -> None:
            first, second = _fresh("first"), _fresh("second")
            await self._put(first, 0)
            await self._put(second, 1)
            resolver = self.resolver()
            async with (
                _Watch(resolver, first, self.within) as one,
                _Watch(resolver, second, self.within) as other,
            ):
                answers = await asyncio.gather(one.until(_is_ready, "Ready"), other.until(_is_ready, "Ready"))
                self._expect(answers[0], 0)
                self._expect(answers[1], 1)
                if self.sees_changes:
                    await self._put(first, 0, 2)
                    await self._put(second, 1, 3)
                    answers = await asyncio.gather(
                        one.until(lambda a: len(a.endpoints) == 2, "the endpoint added to the first"),
                        other.until(lambda a: len(a.endpoints) == 2, "the endpoint added to the second"),
                    )
                    self._expect(answers[0], 0, 2)
                    self._expect(answers[1], 1, 3)

        asyncio.run(check())

    def test_a_cancelled_watch_ends_at_once_and_leaves_nothing(self) -> None:
        """Cancellation ends a watch within a second, and no task of it lives on."""

        async def check() -> None:
            name, resolver = await self._service(0)
            before = asyncio.all_tasks()
            answered = asyncio.Event()

            async def follow() -> None:
                async for _ in resolver.watch(name):
                    answered.set()

            task = asyncio.create_task(follow())
            await asyncio.wait_for(answered.wait(), self.within)
            task.cancel()
            await asyncio.wait({task}, timeout=PROMPT)
            assert task.cancelled(), f"one second after its cancellation: {task}"
            if left := asyncio.all_tasks() - before:  # tasks that were cancelled along may still be on their way out
                _, left = await asyncio.wait(left, timeout=PROMPT)
            assert not left, f"still running after the watch was cancelled: {left}"

        asyncio.run(check())

    def test_a_resolver_outlives_its_event_loop(self) -> None:
        """After a fork, or in on-demand mode, the same resolver is watched on another loop."""

        async def check(resolver: Resolver | None, name: ServiceName) -> Resolver:
            if resolver is None:
                await self._put(name, 0)
                resolver = self.resolver()
            async with _Watch(resolver, name, self.within) as watch:
                answer = await watch.until(_is_ready, "Ready")
            self._expect(answer, 0)
            assert not any(isinstance(answer, Failed) for answer in watch.seen), watch.seen
            return resolver

        name = _fresh("loops")
        used = asyncio.run(check(None, name))
        asyncio.run(check(used, name))

    def test_an_outage_at_the_start_is_a_failure(self) -> None:
        """A registry out of reach is "cannot tell", within a bound: never an empty list. Then it comes back."""
        self._need(self.can_break, "there is no registry to break")

        async def check() -> None:
            name = _fresh("late")
            await self._put(name, 0)
            await asyncio.to_thread(self.break_registry)
            async with _Watch(self.resolver(), name, self.within) as watch:
                answer = await watch.until(lambda _: True, "the report of the outage")
                assert isinstance(answer, Failed), answer
                assert answer.cause
                assert answer.last is None
                self._shows_no_secret(answer.cause)
                await asyncio.to_thread(self.mend_registry)
                answer = await watch.until(_is_ready, "Ready after the outage")
            self._expect(answer, 0)
            assert not any(isinstance(seen, Empty) for seen in watch.seen), watch.seen

        self._broken(check())

    def test_an_outage_keeps_the_last_list(self) -> None:
        """A registry that goes is Failed with the last good list, and Ready again when it is back."""
        self._need(self.can_break, "there is no registry to break")

        async def check() -> None:
            name, resolver = await self._service(0, 1)
            async with _Watch(resolver, name, self.within) as watch:
                await watch.until(_is_ready, "Ready")
                await asyncio.to_thread(self.break_registry)
                failed = await watch.until(lambda a: isinstance(a, Failed), "the report of the outage")
                self._expect(failed, 0, 1)
                self._shows_no_secret(failed.cause if isinstance(failed, Failed) else "")
                await asyncio.to_thread(self.mend_registry)
                answer = await watch.until(_is_ready, "Ready after the outage")
            self._expect(answer, 0, 1)
            assert not any(isinstance(seen, Empty) for seen in watch.seen), watch.seen

        self._broken(check())

    def test_a_malformed_answer_is_never_an_empty_list(self) -> None:
        """What cannot be understood is "cannot tell", with the last good list where there is one."""
        self._need(self.can_corrupt, "the answer cannot be malformed")

        async def check() -> None:
            name, resolver = await self._service(0)
            async with _Watch(resolver, name, self.within) as watch:
                await watch.until(_is_ready, "Ready")
                await asyncio.to_thread(self.corrupt, name)
                failed = await watch.until(lambda a: isinstance(a, Failed), "the report of the malformed answer")
                self._expect(failed, 0)
            assert not any(isinstance(seen, Empty) for seen in watch.seen), watch.seen
            async with _Watch(self.resolver(), name, self.within) as watch:
                answer = await watch.until(lambda _: True, "an answer")
            assert isinstance(answer, Failed), answer

        self._broken(check())

    def test_the_source_is_a_uri_without_secrets(self) -> None:
        """People are shown which registry answers, and nothing they should not see."""
        source = self.resolver().source
        assert "://" in source
        self._shows_no_secret(source)

    async def _service(self, *numbers: int) -> tuple[ServiceName, Resolver]:
        name = _fresh("orders")
        await self._put(name, *numbers)
        return name, self.resolver()

    async def _put(self, name: ServiceName, *numbers: int) -> None:
        await asyncio.to_thread(self.put, name, [self.endpoint(number) for number in numbers])

    def _expect(self, answer: Answer, *numbers: int) -> None:
        found, expected = _places(answer), self._expected(*numbers)
        assert found == expected, f"{answer.state}: missing {_minus(expected, found)}, beyond {_minus(found, expected)}"

    def _expected(self, *numbers: int) -> list[tuple[str, int]]:
        return sorted((e.host, e.port) for e in map(self.endpoint, numbers))

    def _broken(self, check: Coroutine[None, None, None]) -> None:
        try:
            asyncio.run(check)
        finally:
            if self.can_break:
                self.mend_registry()

    def _shows_no_secret(self, text: str) -> None:
        shown = [value for value in self.secret_values if value in text]
        assert not shown, f"{len(shown)} secret values are shown in the source or an error of {type(self).__name__}"

    def _need(self, able: bool, reason: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not able:
            import pytest

            pytest.skip(f"{type(self).__name__}: {reason}")


class _Watch:
    """A supervised watch, and all it has said."""

    def __init__(self, resolver: Resolver, name: ServiceName, within: float) -> None:
        self._answers = supervise(resolver, name, time.monotonic, random.Random())
        self._name = name
        self._within = within
        self.seen: list[Answer] = []

    async def until(self, accept: Callable[[Answer], bool], what: str) -> Answer:
        """The first answer from now on that `accept` accepts. Raises AssertionError after `within` seconds."""
        begun = len(self.seen)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._within):
                while True:
                    self.seen.append(await anext(self._answers))
                    if accept(self.seen[-1]):
                        return self.seen[-1]
        raise AssertionError(f"{self._name}: no sign of {what} within {self._within:g} s, but {self.seen[begun:]}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._answers.aclose()


def _fresh(base: str) -> ServiceName:
    """A name that no other test uses, so that one registry can serve them all."""
    return ServiceName.parse(f"{base}-{secrets.token_hex(4)}")


def _folded(text: str) -> str:
    """Without what some registries cannot spell."""
    return re.sub(r"[^a-z0-9]", "_", text.lower())


def _is_ready(answer: Answer) -> bool:
    return isinstance(answer, Ready)


def _minus(these: list[tuple[str, int]], those: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [place for place in these if place not in those][:5]


def _places(answer: Answer) -> list[tuple[str, int]]:
    return sorted((e.host, e.port) for e in answer.endpoints)
