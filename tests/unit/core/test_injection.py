"""Which attempts meet which fault."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.injection import ERRORS, Fault, FaultRule, Injection
from meshclient.model.outcome import Kind

NO_HEADERS: dict[str, str] = {}


def always() -> float:
    return 0.0


@given(st.floats(0.0, 1.0), st.integers(0, 2**32))
def test_a_rule_meets_its_share_of_the_attempts(share: float, seed: int) -> None:
    injection, rng = Injection("orders", (FaultRule(share, status=503),)), Random(seed)
    met = sum(injection.fault(NO_HEADERS.get, rng.random) is not None for _ in range(1000))
    assert abs(met - 1000 * share) <= 80
    assert share not in (0.0, 1.0) or met == 1000 * share


@pytest.mark.parametrize(
    ("headers", "met"),
    [({}, False), ({"x-chaos": "no"}, False), ({"x-chaos": "yes"}, False), ({"x-chaos": "yes", "x-user": "7"}, True)],
)
def test_only_requests_with_the_headers_meet_it(headers: dict[str, str], met: bool) -> None:
    rule = FaultRule(1.0, status=503, headers={"x-chaos": "y*", "x-user": "*"})
    assert (Injection("orders", (rule,)).fault(headers.get, always) is not None) is met


def test_delays_add_up_until_something_ends_the_attempt() -> None:
    rules = (
        FaultRule(1.0, delay=1.0),
        FaultRule(0.0, status=500),
        FaultRule(1.0, delay=0.5),
        FaultRule(1.0, delay=0.25, error=Kind.DISCONNECTED),
        FaultRule(1.0, delay=8.0, status=503),
    )
    assert Injection("orders", rules).fault(NO_HEADERS.get, always) == Fault(1.75, Kind.DISCONNECTED)
    assert Injection("orders", rules[:3]).fault(NO_HEADERS.get, always) == Fault(1.5)
    assert Injection("orders", rules[1:2]).fault(NO_HEADERS.get, always) is None
    assert Injection("orders", ()).fault(NO_HEADERS.get, always) is None


def test_chance_is_asked_for_rules_that_match_only() -> None:
    asked = []

    def uniform() -> float:
        asked.append(1)
        return 0.5

    rules = (FaultRule(0.1, status=500, headers={"x": "*"}), FaultRule(0.1, status=500))
    assert Injection("orders", rules).fault(NO_HEADERS.get, uniform) is None
    assert len(asked) == 1


def test_what_is_injected_is_said_in_words() -> None:
    rules = (
        FaultRule(0.1, delay=2.0, status=503, headers={"x-chaos": "*"}),
        FaultRule(1.0, error=Kind.CONNECT_ERROR),
    )
    assert str(Injection("orders", rules)) == (
        "10.000% of the attempts with x-chaos: * delayed by 2s and answered 503; "
        "100.000% of the attempts ended by connect_error"
    )


def test_every_error_is_one_that_an_attempt_can_end_in() -> None:
    assert not {Kind.OK, Kind.CANCELLED, Kind.LOCAL_ERROR, Kind.POOL_TIMEOUT} & set(ERRORS)
