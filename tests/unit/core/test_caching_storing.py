"""Which responses are stored, and which of their fields (RFC 9111, sections 3, 3.1, 3.3 and 3.5)."""

from __future__ import annotations

import pytest

from meshclient.core.caching import entry as entries
from meshclient.core.caching import storing
from meshclient.core.caching.message import Arrival
from meshclient.core.caching.policy import Policy
from meshclient.core.caching.reception import received
from unit.core.caching_scene import (
    LENGTH,
    NOW,
    PRIVATE,
    SHARED,
    URL,
    ask,
    date,
    decide,
    header,
    response,
    served,
    stored,
    stored_or_not,
)

FRESH = "Cache-Control: max-age=60"
TARGETED = Policy(shared=True, targeted=("cdn-cache-control",))


@pytest.mark.parametrize(
    ("policy", "status", "lines", "allowed"),
    [
        (PRIVATE, 200, [FRESH], True),
        (PRIVATE, 299, [FRESH], True),
        (PRIVATE, 302, [FRESH], True),
        (PRIVATE, 500, [FRESH], True),
        (PRIVATE, 599, [f"Expires: {date(60)}"], True),
        (PRIVATE, 103, [FRESH], False),
        (PRIVATE, 206, [FRESH], False),
        (PRIVATE, 304, [FRESH], False),
        (PRIVATE, 412, [FRESH], False),
        (PRIVATE, 416, [FRESH], False),
        (PRIVATE, 200, [FRESH, "Cache-Control: no-store"], False),
        (PRIVATE, 200, ["Cache-Control: max-age=60, private"], True),
        (SHARED, 200, ["Cache-Control: max-age=60, private"], False),
        (SHARED, 200, ['Cache-Control: max-age=60, private="a"'], True),
        (PRIVATE, 403, ["Cache-Control: private"], True),
        (SHARED, 403, ["Cache-Control: s-maxage=60"], True),
        (PRIVATE, 403, ["Cache-Control: s-maxage=60"], False),
        (PRIVATE, 200, ['Cache-Control: max-age=60, a="b', 'Cache-Control: no-store, c="d"'], False),
        # Section 5.2.2.3: it replaces no-store for those who understand the status.
        (PRIVATE, 200, ["Cache-Control: max-age=60, no-store, must-understand"], True),
        (PRIVATE, 599, ["Cache-Control: max-age=60, no-store, must-understand"], False),
        (PRIVATE, 599, ["Cache-Control: max-age=60, must-understand"], False),
        # RFC 9213: what is said to this kind of cache holds.
        (TARGETED, 200, ["CDN-Cache-Control: max-age=60", "Cache-Control: no-store"], True),
        (TARGETED, 200, ["CDN-Cache-Control: no-store", FRESH], False),
        (TARGETED, 200, ["CDN-Cache-Control: private", FRESH], False),
        # It would fit no request.
        (PRIVATE, 200, [FRESH, "Vary: *"], False),
        (PRIVATE, 200, [FRESH, "Vary: A", "Vary: , *"], False),
        (PRIVATE, 200, [FRESH, "Vary: A, @@"], False),
        (PRIVATE, 200, [FRESH, "Vary: " + ", ".join(f"x{n}" for n in range(32))], True),
        (PRIVATE, 200, [FRESH, "Vary: " + ", ".join(f"x{n}" for n in range(33))], False),
    ],
)
def test_which_responses_may_be_stored(policy: Policy, status: int, lines: list[str], allowed: bool) -> None:
    assert (stored_or_not(*lines, status=status, policy=policy) is not None) is allowed


UNDERSTOOD = [*range(200, 206), *range(300, 304), 305, 307, 308, *range(400, 412), 413, 414, 415, 417, 421, 422, 426]


@pytest.mark.parametrize("status", [*UNDERSTOOD, *range(500, 506)])
def test_which_statuses_are_understood(status: int) -> None:
    """Those of RFC 9110."""
    assert stored_or_not("Cache-Control: max-age=60, must-understand", status=status) is not None


@pytest.mark.parametrize("status", [206, 304, 306, 418, 420, 423, 451, 506, 599])
def test_which_statuses_are_not(status: int) -> None:
    assert stored_or_not("Cache-Control: max-age=60, must-understand", status=status) is None


@pytest.mark.parametrize(
    ("control", "allowed"),
    [
        ("max-age=60", False),
        ("max-age=60, private", False),
        ("max-age=60, public", True),
        ("max-age=60, must-revalidate", True),
        ("s-maxage=60", True),
        ("max-age=60, proxy-revalidate", False),
        ("public, no-store", False),
    ],
)
def test_what_came_for_one_user_goes_to_others_only_where_it_says_so(control: str, allowed: bool) -> None:
    request = ask("Authorization: Basic eA==")
    assert (stored_or_not(f"Cache-Control: {control}", request=request, policy=SHARED) is not None) is allowed


def test_a_private_cache_keeps_its_users_apart() -> None:
    for_all = stored(FRESH)
    for_alice = stored(FRESH, request=ask("Authorization: Bearer alice"))
    with_cookie = stored(FRESH, request=ask("Cookie: a=b"))

    assert decide(for_alice, "Authorization: Bearer alice") == "fresh"
    assert decide(with_cookie, "Cookie: a=b") == "fresh"
    for entry, line in [
        (for_alice, "Authorization: Bearer bob"),
        (for_alice, "Accept: x"),
        (for_all, "Authorization: Bearer alice"),
        (with_cookie, "Cookie: a=c"),
        (for_all, "Cookie: a=b"),
    ]:
        assert decide(entry, line) == "forward"


def test_what_is_public_is_for_all_users() -> None:
    entry = stored("Cache-Control: public, max-age=60", request=ask("Authorization: Bearer alice", "Cookie: a=b"))
    assert decide(entry, "Authorization: Bearer bob") == "fresh"


def test_a_shared_cache_goes_by_what_responses_say() -> None:
    assert decide(stored(FRESH, policy=SHARED), "Cookie: a=b", "Authorization: x", policy=SHARED) == "fresh"


@pytest.mark.parametrize("policy", [Policy(), Policy(shared=True)])
def test_secrets_are_not_kept(policy: Policy) -> None:
    request = ask("Authorization: Bearer s3cret", "Cookie: token=s3cret", "Proxy-Authorization: s3cret")
    vary = "Vary: Authorization, Cookie, Proxy-Authorization"
    entry = stored("Cache-Control: public, max-age=60", vary, request=request, policy=policy)
    assert "s3cret" not in repr(entry)
    digest = dict(entry.stored.variant)["authorization"]
    others = ("Cookie: token=s3cret", "Proxy-Authorization: s3cret")
    assert decide(entry, f"Authorization: {digest}", *others, policy=policy) == "forward"
    assert decide(entry, "Authorization: Bearer s3cret", *others, policy=policy) == "fresh"


@pytest.mark.parametrize("line", ["Cache-Control: no-store", "Cache-Control: max-age=0, No-Store"])
def test_a_request_can_forbid_it(line: str) -> None:
    assert stored_or_not(FRESH, request=ask(line)) is None
    assert stored_or_not(FRESH, request=ask("Cache-Control: ext=no-store")) is not None


@pytest.mark.parametrize(
    ("method", "status", "lines", "allowed"),
    [
        ("POST", 200, [FRESH, f"Content-Location: {URL}"], True),
        ("POST", 200, [FRESH, "Content-Location: /v1/orders/42"], True),
        ("POST", 200, [FRESH, "Content-Location: /v1/orders/43"], False),
        ("POST", 200, [FRESH, "Content-Location: http://["], False),
        ("POST", 200, [FRESH], False),
        ("POST", 201, [FRESH, f"Content-Location: {URL}"], False),
        ("POST", 200, [f"Last-Modified: {date(-9999)}", f"Content-Location: {URL}"], False),
        ("PUT", 200, [FRESH, f"Content-Location: {URL}"], False),
        ("HEAD", 200, [FRESH], False),
        ("get", 200, [FRESH], False),
    ],
)
def test_which_methods_leave_something_to_store(method: str, status: int, lines: list[str], allowed: bool) -> None:
    """RFC 9110, section 9.3.3, for POST."""
    assert (stored_or_not(*lines, status=status, request=ask(method=method)) is not None) is allowed


def test_fields_about_the_connection_are_not_stored() -> None:
    """RFC 9111, section 3.1."""
    unstored = [
        "Connection: close, A, Cache-Control, Date, Expires, Last-Modified, Vary", "A: 1", "Keep-Alive: x",
        "Proxy-Connection: x", "TE: x", "Trailer: x",
        "Transfer-Encoding: x", "Upgrade: x", "Proxy-Authenticate: x", "Proxy-Authentication-Info: x",
        "Proxy-Authorization: x", "Age: 5",
    ]  # fmt: skip
    others = [
        "b: 2", FRESH, "Set-Cookie: x=1", "Set-Cookie: y=2", "Content-Range: x", "Content-Length: 10", "Vary: B",
        f"Expires: {date(5)}", f"Last-Modified: {date(-5)}", f"Date: {date(-1)}",
    ]  # fmt: skip
    entry = stored(*unstored, *others)
    assert [f"{name}: {value}" for name, value in entry.stored.headers] == others


def test_fields_that_a_response_lists_are_not_stored() -> None:
    """RFC 9111, sections 5.2.2.4 and 5.2.2.7."""
    lines = ['Cache-Control: max-age=60, no-cache="a, Cache-Control", private="B"', "A: 1", "b: 2"]
    for policy, names in ((PRIVATE, ["Cache-Control", "b", "Date"]), (SHARED, ["Cache-Control", "Date"])):
        entry = stored(*lines, policy=policy)
        assert [name for name, _ in entry.stored.headers] == names
        assert decide(entry, policy=policy) == "fresh"


@pytest.mark.parametrize("line", ["Date:", "Date: never"])
def test_a_response_without_a_date_gets_that_of_its_arrival(line: str) -> None:
    """RFC 9110, section 6.6.1."""
    assert header(stored(FRESH, line).stored.headers, "date") == date(0)
    assert header(stored(FRESH, f"Date: {date(-5)}", f"Date: {date(-9)}").stored.headers, "date") == date(-5)


def test_an_incomplete_body_is_not_stored() -> None:
    """RFC 9111, section 3.3."""
    entry = storing.stored(Arrival(ask(), response(FRESH, "Content-Length: 10"), NOW, NOW), PRIVATE)
    assert entry is not None
    assert storing.completed(entry, 9) is None
    assert storing.completed(entry, 11) is None
    done = storing.completed(entry, 10)
    assert done is not None
    assert done.stored.length == 10
    odd = storing.stored(Arrival(ask(), response(FRESH, "Content-Length: ten"), NOW, NOW), PRIVATE)
    assert odd is not None
    assert storing.completed(odd, 10) is None


@pytest.mark.parametrize(
    ("policy", "line", "kept"),
    [
        (PRIVATE, "X: y", False),
        (PRIVATE, "Cache-Control: max-age=0", False),
        (PRIVATE, "Cache-Control: no-cache, max-age=60", False),
        (PRIVATE, "ETag: x", True),
        (PRIVATE, "Cache-Control: max-age=1", True),
        (PRIVATE, "Cache-Control: no-cache\nETag: x", True),
        (PRIVATE, "Cache-Control: max-age=0, stale-if-error=1", True),
        (PRIVATE, "Cache-Control: max-age=0, stale-while-revalidate=5", True),
        (Policy(stale_if_unreachable=60), "Cache-Control: max-age=0", True),
        (Policy(stale_if_unreachable=60), "Cache-Control: no-cache", False),
        (Policy(stale_if_unreachable=60), "Cache-Control: max-age=0, must-revalidate", False),
        (Policy(stale_if_error=60), "Cache-Control: max-age=0, stale-if-error=0", False),
    ],
)
def test_what_can_never_answer_is_not_stored(policy: Policy, line: str, kept: bool) -> None:
    change = received(Arrival(ask(), response(*line.split("\n")), NOW, NOW), None, (), policy)
    assert (change.put is not None) is kept
    assert change.share is not None  # though those who waited for it may have it


def test_a_store_gives_back_what_it_was_given() -> None:
    for policy in (PRIVATE, SHARED, TARGETED):
        entry = stored(FRESH, "CDN-Cache-Control: max-age=9", "Connection: cdn-cache-control", "ETag: x", policy=policy)
        assert entries.read(entry.stored, policy) == entry
        assert entry.lifetime == (9 if policy is TARGETED else 60)


def test_the_age_of_an_answer_is_its_own() -> None:
    assert header(served(stored(FRESH, "Age: 5"), after=2.9).headers, "age") == "7"
    assert served(stored(FRESH)).entry.stored.length == LENGTH
