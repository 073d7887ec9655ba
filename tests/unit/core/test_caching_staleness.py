"""When a stale entry stands in for the service (RFC 9111, section 4.2.4; RFC 5861, section 4)."""

from __future__ import annotations

import pytest

from meshclient.core.caching.policy import Policy
from meshclient.core.caching.staleness import fallback
from unit.core.caching_scene import NOW, PRIVATE, SHARED, ask, header, stored

ON_ERROR = Policy(stale_if_error=30)
UNREACHABLE = Policy(stale_if_unreachable=30)
SHARED_TOO = Policy(shared=True, stale_if_error=30, stale_if_unreachable=30)


@pytest.mark.parametrize(
    ("policy", "control", "asked", "after", "permitted"),
    [
        (PRIVATE, "max-age=60", "", 60, (False, False)),
        (PRIVATE, "max-age=60", "", 59, (True, True)),  # it became fresh in the meantime
        (PRIVATE, "max-age=60, stale-if-error=30", "", 90, (True, True)),
        (PRIVATE, "max-age=60, stale-if-error=30", "", 91, (False, False)),
        (PRIVATE, "max-age=60, stale-if-error=1", "", 61, (True, True)),
        (PRIVATE, "max-age=60, stale-if-error=x", "", 60, (False, False)),
        (ON_ERROR, "max-age=60", "", 90, (True, True)),
        (ON_ERROR, "max-age=60", "", 91, (False, False)),
        (ON_ERROR, "max-age=60, stale-if-error=0", "", 61, (False, False)),  # the response comes first
        (ON_ERROR, "max-age=60, stale-if-error=60", "", 120, (True, True)),
        (UNREACHABLE, "max-age=60", "", 60, (False, True)),
        (UNREACHABLE, "max-age=60", "", 90, (False, True)),
        (UNREACHABLE, "max-age=60", "", 91, (False, False)),
        # Section 4.2.4: prohibited, whoever permits it.
        (UNREACHABLE, "max-age=60, must-revalidate", "stale-if-error=99", 61, (False, False)),
        (UNREACHABLE, "no-cache", "", 0, (False, False)),
        (UNREACHABLE, "max-age=60, no-cache", "", 0, (False, False)),
        (UNREACHABLE, "max-age=60, proxy-revalidate, s-maxage=60", "", 61, (False, True)),
        (SHARED_TOO, "max-age=60, proxy-revalidate", "", 61, (False, False)),
        (SHARED_TOO, "max-age=60", "", 61, (True, True)),
        (SHARED_TOO, "s-maxage=60", "", 61, (False, False)),
        (SHARED_TOO, "max-age=60, must-revalidate", "", 59, (True, True)),
        # The request permits it, or insists.
        (PRIVATE, "max-age=60", "stale-if-error=30", 90, (True, True)),
        (PRIVATE, "max-age=60", "stale-if-error=30", 91, (False, False)),
        (UNREACHABLE, "max-age=60", "no-cache", 59, (False, False)),
        (UNREACHABLE, "max-age=60", "no-store", 59, (False, False)),
        (UNREACHABLE, "max-age=60", "max-age=50", 51, (False, False)),
        (UNREACHABLE, "max-age=60", "max-age=70", 71, (False, False)),
        (UNREACHABLE, "max-age=60", "max-age=70", 70, (False, True)),
    ],
)
def test_when_it_is_permitted(
    policy: Policy, control: str, asked: str, after: float, permitted: tuple[bool, bool]
) -> None:
    on_error, unreachable = permitted
    entry = stored(f"Cache-Control: {control}", "ETag: x", policy=policy)
    request = ask(f"Cache-Control: {asked}") if asked else ask()
    for status in (500, 502, 503, 504):
        assert (fallback(request, (entry,), NOW + after, policy, status) is not None) is on_error
    assert (fallback(request, (entry,), NOW + after, policy) is not None) is unreachable


@pytest.mark.parametrize("status", [200, 400, 404, 429, 501, 505])
def test_other_statuses_are_no_failure(status: int) -> None:
    entry = stored("Cache-Control: max-age=60, stale-if-error=99")
    assert fallback(ask(), (entry,), NOW + 61, PRIVATE, status) is None


def test_it_is_an_answer_as_any_other() -> None:
    entry = stored("Cache-Control: max-age=60, stale-if-error=99", 'ETag: "a"')
    answer = fallback(ask("Range: bytes=0-1"), (entry,), NOW + 60, PRIVATE)
    assert answer is not None
    assert (answer.status, answer.stale, answer.refresh, header(answer.headers, "age")) == (206, True, None, "60")
    answer = fallback(ask('If-None-Match: "a"', method="HEAD"), (entry,), NOW + 61, PRIVATE)
    assert answer is not None
    assert answer.status == 304


def test_it_has_to_fit() -> None:
    entry = stored("Cache-Control: max-age=60, stale-if-error=99", "Vary: A")
    assert fallback(ask("A: 1"), (entry,), NOW + 61, PRIVATE) is None
    assert fallback(ask(method="POST"), (entry,), NOW + 61, PRIVATE) is None
    assert fallback(ask("If-Match: x"), (entry,), NOW + 61, PRIVATE) is None
    assert fallback(ask(), (), NOW + 61, SHARED) is None
