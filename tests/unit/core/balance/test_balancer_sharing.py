"""The balancer beside other threads and its observers: what they may see, and when they are told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import overload

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.p2c import P2C
from meshclient.core.outlier import Outlier
from meshclient.model.endpoint import Endpoint, Health
from meshclient.model.events import EndpointEjected, EndpointRestored, Event
from meshclient.model.outcome import CANCELLED
from unit.core.fleet import OK, REFUSED, balancer, endpoint, endpoints, states, use

QUICK = Outlier(consecutive=1, base=4.0)


def silent(made: Balancer) -> bool:
    return made.silent


def test_silent_once_every_endpoint_has_failed_last() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=None)
    for target in listed:
        assert not silent(made)
        use(made, target, REFUSED)
    assert silent(made)
    use(made, listed[1], OK)
    assert not silent(made)
    use(made, listed[1], REFUSED)
    made.update([*listed, endpoint(3)], 1000)
    assert not silent(made)
    made.update(listed[:2], 1000)
    assert silent(made)


def test_who_failed_and_drains_does_not_speak_for_who_answers() -> None:
    failed, answering = endpoints(2)
    made = balancer([failed, answering], outlier=None)
    use(made, failed, REFUSED)
    made.update([replace(failed, health=Health.DRAINING), answering], 1001)
    assert not silent(made)


def test_who_drains_need_not_fail_for_the_rest_to_be_silent() -> None:
    listed = [endpoint(0), endpoint(1), endpoint(2, health=Health.DRAINING)]
    made = balancer(listed, outlier=None)
    use(made, listed[0], REFUSED)
    assert not silent(made)
    use(made, listed[1], REFUSED)
    assert silent(made)
    made.update([*listed[:2], endpoint(2)], 1000)
    assert not silent(made)


def test_who_is_critical_counts_as_the_others_do() -> None:
    listed = [endpoint(0), endpoint(1, health=Health.CRITICAL)]
    made = balancer(listed, outlier=None)
    use(made, listed[0], REFUSED)
    assert not silent(made)


class Watchful(Sequence[Endpoint]):
    """A list that looks at the balancer while it is being taken over, as another thread may."""

    def __init__(self, listed: Sequence[Endpoint], made: Balancer, asked: list[object]) -> None:
        self._listed, self._made, self._asked = listed, made, asked

    @overload
    def __getitem__(self, at: int) -> Endpoint: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Endpoint]: ...
    def __getitem__(self, at: int | slice) -> Endpoint | Sequence[Endpoint]:
        return self._listed[at]

    def __len__(self) -> int:
        return len(self._listed)

    def __iter__(self) -> Iterator[Endpoint]:
        for one in self._listed:
            self._asked.append((self._made.silent, self._made.untried([])))
            yield one


def test_a_list_half_taken_over_is_never_seen() -> None:
    listed = endpoints(3)
    made = balancer(listed, outlier=None)
    use(made, listed[0], REFUSED)
    asked: list[object] = []
    made.update(Watchful(listed, made, asked), 1000)
    assert asked == [(False, True)] * 3


class Lock:
    """A lock that knows whether it is held."""

    held = False

    def __enter__(self) -> None:
        assert not self.held
        self.held = True

    def __exit__(self, *_: object) -> None:
        self.held = False


def test_observers_are_called_without_the_lock_and_may_call_back() -> None:
    lock, told = Lock(), Counter[type[Event]]()

    def emit(event: Event) -> None:
        assert not lock.held
        told[type(event)] += 1
        made.status(1000)
        spare = made.pick(1000)
        assert spare is not None
        spare.done(CANCELLED, 1000)

    made = Balancer("orders", P2C(lambda: 0.3), QUICK, panic=0.5, uniform=lambda: 0.3, emit=emit, lock=lock)
    made.update(endpoints(2), 1000)
    use(made, endpoint(0), REFUSED)
    use(made, endpoint(0), OK, now=1010)
    assert told == {EndpointEjected: 1, EndpointRestored: 1}


def test_events_change_hands_under_the_lock() -> None:
    """Two threads that take the events at once would tell one twice, or drop one."""
    lock = Lock()

    class Guarded(Balancer):
        made = False

        def __setattr__(self, name: str, value: object) -> None:
            if name == "_events" and self.made:
                assert lock.held
            super().__setattr__(name, value)

    made = Guarded("orders", P2C(lambda: 0.3), QUICK, panic=0.5, uniform=lambda: 0.3, lock=lock)
    made.made = True
    made.update(endpoints(2), 1000)
    use(made, endpoint(0), REFUSED)
    assert states(made)[0] == "ejected"


def test_nobody_need_listen() -> None:
    made = balancer(endpoints(2), outlier=QUICK, emit=None)
    use(made, endpoint(0), REFUSED)
    assert states(made)[0] == "ejected"
