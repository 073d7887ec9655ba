"""The faults that every resolver survives, as tests to inherit.

A registry's test subclasses `FaultSuite`, says how its instances are written and where the resolver under test finds
it, and gets one test for each fault that a registry in production meets:

    class TestFooFaults(FaultSuite):
        lacks = {"denied": "foo has no access rules"}

        @pytest.fixture(autouse=True)
        def _registry(self, foo: Foo, fault_proxy: FaultProxies) -> None:
            self.server, self.proxy = foo, fault_proxy.http("127.0.0.1", foo.port)

        def resolver(self, timeout: float) -> Resolver: ...
        def write(self, name: str, numbers: Sequence[int]) -> None: ...
        def remove(self, name: str, number: int) -> None: ...

The same holds in each: the last good list is never lost, the state says what is wrong, since when and how old the list
is, a call that the last list can serve is served, and the watch recovers, with what changed meanwhile. A scenario that
a registry cannot have is named in `lacks`, with the reason, which the test run shows as a skip.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import pytest

from fault_suite.registry import IMPATIENT, PATIENT, FaultyRegistry
from meshclient.discovery import supervision
from meshclient.model.snapshot import Empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fault_suite.case import Case
    from fault_suite.service import CalledService


class FaultSuite(FaultyRegistry):
    """Subclass it, name the class ``Test...``, and implement the hooks of `FaultyRegistry`."""

    def __init_subclass__(cls) -> None:
        """Every scenario that is lacking is one of this class's, and has a reason."""
        super().__init_subclass__()
        wrong = [name for name, why in cls.lacks.items() if not (hasattr(FaultSuite, f"test_{name}") and why.strip())]
        if wrong:
            raise TypeError(f"{cls.__name__}.lacks: no scenario, or no reason for it: {', '.join(wrong)}")

    @pytest.fixture(autouse=True)
    def _scenario(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        """An outage of minutes in the time of one second; and what this registry cannot have is said."""
        monkeypatch.setattr(supervision, "BACKOFF_FIRST", 0.02)
        monkeypatch.setattr(supervision, "BACKOFF_LIMIT", 0.1)
        reason = self.lacks.get(request.function.__name__.removeprefix("test_"))
        if reason is not None:
            pytest.skip(f"{type(self).__name__}: {reason}")

    def test_down_at_the_start(self) -> None:
        """Calls are told that there is no list yet, never that there is no instance; then it comes up."""
        name, begun = self.written(0)
        self.apply(*self.gone[0].faults)
        with self.called(name, IMPATIENT) as service:
            service.fails(self.gone[0].says, since=begun, places=())
            service.refuses(deadline=0.1)
            self.lift()
            service.lists(self.places(0))
            service.was_never_empty()

    def test_gone_and_back(self) -> None:
        """However often it is tried, the outage keeps its beginning and the list."""
        name, begun = self.written(0, 1)
        with self.called(name, IMPATIENT) as service:
            listed = service.lists(self.places(0, 1))
            for each in self.gone:
                self.apply(*each.faults)
                failed = service.fails(each.says, since=begun, places=self.places(0, 1))
                if self.repeats and each is self.gone[0]:
                    again = service.fails(each.says, since=begun, places=self.places(0, 1), but=failed)
                    assert again.at == failed.at
                self.lift()
                assert service.lists(self.places(0, 1)).version == listed.version, "nothing has changed"
            service.was_never_empty()

    def test_never_answers(self) -> None:
        """A server that accepts and says nothing is given up, at the start and later."""
        self._never_listed(self.silence)

    def test_half_open(self) -> None:
        """A connection that is dead without a word is noticed."""
        self._survived(self.half_open)

    def test_answers_errors(self) -> None:
        """A server that fails is a failure, in words that say what to do."""
        self._survived(self.errors)

    def test_throttled(self) -> None:
        """A registry that limits its clients is a failure, and is asked again."""
        self._survived(self.throttles)

    def test_answers_garbage(self) -> None:
        """What cannot be understood is no list, and no empty list, at the start and later."""
        self._never_listed(self.garbage)

    def test_truncated(self) -> None:
        """Half an answer is none."""
        self._survived(self.truncation)

    def test_slow_in_time(self) -> None:
        """An answer that is late and within the limit is an answer."""
        name, _ = self.written(0)
        self.apply(*self.late.faults)
        with self.called(name, PATIENT) as service:
            service.lists(self.places(0))
            self.write(name, [1])
            service.lists(self.places(0, 1))
            service.was_never_lost()

    def test_too_slow(self) -> None:
        """An answer beyond the limit is none."""
        self._survived([self.slow])

    def test_denied(self) -> None:
        """Credentials that are refused take no list away, are named, are not shown, and work once they are granted."""
        name, begun = self.written(0)
        with self.called(name, IMPATIENT) as service:
            service.lists(self.places(0))
            self.deny()
            service.fails(self.denial, since=begun, places=self.places(0))
            self.permit()
            service.lists(self.places(0))
            service.was_never_empty()

    def test_a_change_while_disconnected(self) -> None:
        """Instances that came and went meanwhile are there, and gone, after the outage."""
        name, begun = self.written(0, 1)
        with self.called(name, IMPATIENT) as service:
            service.lists(self.places(0, 1))
            self.apply(*self.gone[0].faults)
            service.fails(self.gone[0].says, since=begun, places=self.places(0, 1))
            self.write(name, [2])
            self.remove(name, 0)
            self.lift()
            service.lists(self.places(1, 2))
            service.was_never_empty()

    def test_a_hundred_changes(self) -> None:
        """Of a hundred changes as fast as they can be made, the last state is reached."""
        name, _ = self.written(0)
        with self.called(name, PATIENT) as service:
            service.lists(self.places(0))
            for number in range(50):
                self.write(name, [number + 1])
                self.remove(name, number)
            service.lists(self.places(50))
            service.was_never_empty()
            service.was_never_lost()

    def test_a_thousand_instances(self) -> None:
        """A thousand are listed, kept over an outage, and lose one."""
        self._holds(1000)

    def test_five_thousand_instances(self) -> None:
        """As a thousand."""
        self._holds(5000)

    def test_restarted_without_its_data(self) -> None:
        """A registry that has forgotten everything takes no instance away; what registers anew is listed."""
        name, begun = self.written(0, 1)
        with self.called(name, IMPATIENT) as service:
            service.lists(self.places(0, 1))
            self.kill()
            service.fails((), since=begun, places=self.places(0, 1))
            self.lose_data()
            if self.loss:
                service.fails(self.loss, since=begun, places=self.places(0, 1))
                self.prepare()
            empty = service.until(lambda s: isinstance(s, Empty), "an empty registry")
            assert sorted(e.authority for e in empty.endpoints) == self.places(0, 1)
            assert service.call().state == "empty"
            if not self.loss:
                self.prepare()
            self.write(name, [2])
            service.lists(self.places(2))

    def _never_listed(self, cases: Sequence[Case]) -> None:
        """The first case is there at the start already."""
        name, begun = self.written(0)
        self.apply(*cases[0].faults)
        with self.called(name, IMPATIENT) as service:
            service.fails(cases[0].says, since=begun, places=())
            self.lift()
            self._survives(service, cases)

    def _survived(self, cases: Sequence[Case]) -> None:
        name, _ = self.written(0)
        with self.called(name, IMPATIENT) as service:
            self._survives(service, cases)

    def _survives(self, service: CalledService, cases: Sequence[Case]) -> None:
        """Each case is an outage of its own with the list of before, and over once it is lifted."""
        assert cases
        service.lists(self.places(0))
        for each in cases:
            begun = time.monotonic()
            self.apply(*each.faults)
            service.fails(each.says, since=begun, places=self.places(0))
            self.lift()
            service.lists(self.places(0))
        service.was_never_empty()

    def _holds(self, count: int) -> None:
        name, begun = f"web-{secrets.token_hex(4)}", time.monotonic()
        self.fill(name, count)
        try:
            with self.called(name, PATIENT) as service:
                everyone = self.places(*range(count))
                service.lists(everyone)
                self.apply(*self.errors[0].faults)
                service.fails(self.errors[0].says, since=begun, places=everyone)
                self.remove(name, count // 2)
                self.lift()
                service.lists(self.places(*(n for n in range(count) if n != count // 2)))
                service.was_never_empty()
        finally:
            self.clean(name, count)
