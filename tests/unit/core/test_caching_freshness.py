"""How long responses are fresh, and how old they are (RFC 9111, sections 4.2.1 to 4.2.3)."""

from __future__ import annotations

import math

import pytest

from meshclient.core.caching.policy import Policy
from unit.core.caching_scene import NOW, PRIVATE, SHARED, date, decide, stored, stored_or_not

CDN = Policy(shared=True, targeted=("mesh-cache-control", "cdn-cache-control"))
TTL = Policy(ttl=30)
DAY = 86400
MODIFIED = f"Last-Modified: {date(-100 * 3600)}"  # ten hours by the heuristic


@pytest.mark.parametrize(
    ("policy", "lines", "seconds"),
    [
        # Section 4.2.1, in the order of its list.
        (SHARED, ["Cache-Control: max-age=10, s-maxage=20", f"Expires: {date(30)}"], 20),
        (SHARED, ["Cache-Control: s-maxage=0, max-age=10"], 0),
        (PRIVATE, ["Cache-Control: max-age=10, s-maxage=20", f"Expires: {date(30)}"], 10),
        (PRIVATE, ["Cache-Control: s-maxage=20", f"Expires: {date(30)}"], 30),
        (PRIVATE, [f"Expires: {date(30)}"], 30),
        (PRIVATE, ["Cache-Control: max-age=10", "Cache-Control: max-age=20"], 10),
        (PRIVATE, ["Cache-Control: max-age=0", f"Expires: {date(30)}", MODIFIED], 0),
        (PRIVATE, ["Cache-Control: max-age=99999999999"], 2**31),
        # Expires less Date, by the origin's clock alone.
        (PRIVATE, [f"Expires: {date(400)}", f"Date: {date(300)}"], 100),
        (PRIVATE, [f"Expires: {date(300)}", f"Date: {date(400)}"], 0),
        (PRIVATE, [f"Expires: {date(30)}", "Date:"], 30),
        (PRIVATE, [f"Expires: {date(30)}", "Date: yesterday"], 30),
        (PRIVATE, [f"Expires: {date(0)}"], 0),
        # Section 5.3: an invalid date has expired, and so have two that contradict each other.
        (PRIVATE, ["Expires: 0", MODIFIED], 0),
        (PRIVATE, ["Expires:", MODIFIED], 0),
        (PRIVATE, [f"Expires: {date(30)}", f"Expires: {date(60)}", MODIFIED], 0),
        (PRIVATE, [f"Expires: {date(30)}", f"Expires: {date(30)}"], 30),
        (PRIVATE, ["Expires: Fri, 31 Dec 9999 23:59:59 GMT"], 253402300799 - NOW),
        (PRIVATE, ["Expires: Thu, 01 Jan 1970 00:00:00 GMT", MODIFIED], 0),
        # Section 4.2.2: a tenth of the time since the last change, a day at most.
        (PRIVATE, [MODIFIED], 10 * 3600),
        (PRIVATE, [f"Last-Modified: {date(-365 * DAY)}"], DAY),
        (PRIVATE, [f"Last-Modified: {date(60)}"], 0),
        (PRIVATE, ["Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT"], DAY),
        (Policy(heuristic_fraction=0.2), [MODIFIED], 20 * 3600),
        (Policy(heuristic_limit=60), [MODIFIED], 60),
        (PRIVATE, [MODIFIED, "Cache-Control: must-revalidate"], 10 * 3600),
        # A time of our own, for services that say nothing.
        (TTL, [], 30),
        (TTL, [MODIFIED], 30),
        (TTL, ["Cache-Control: must-revalidate"], 30),
        (TTL, ["Cache-Control: max-age=5"], 5),
        (TTL, ["Cache-Control: max-age=0", "ETag: x"], 0),
        (TTL, ["Expires: 0", "ETag: x"], 0),
        (Policy(ttl=0), ["ETag: x"], 0),
        # What sets a cookie may be for one user: it is not given a time that nobody stated.
        (TTL, ["Set-Cookie: a=b", "ETag: x"], 0),
        (PRIVATE, [MODIFIED, "Set-Cookie: a=b"], 0),
        (SHARED, ["Cache-Control: max-age=10", "Set-Cookie: a=b"], 10),
        # RFC 9213: the first field that is there and sound is all that counts.
        (CDN, ["Mesh-Cache-Control: max-age=5", "CDN-Cache-Control: max-age=10", "Cache-Control: max-age=20"], 5),
        (CDN, ["CDN-Cache-Control: max-age=10", "Cache-Control: no-store", f"Expires: {date(30)}"], 10),
        (CDN, ["CDN-Cache-Control: max-age=10, &&&", "Cache-Control: max-age=20"], 20),
        (CDN, ["CDN-Cache-Control:", "Cache-Control: max-age=20"], 20),
        (CDN, ["Mesh-Cache-Control: MAX-AGE=5", "CDN-Cache-Control: max-age=10"], 10),
        (CDN, ["CDN-Cache-Control: public", f"Expires: {date(30)}", "ETag: x"], 0),
        (SHARED, ["CDN-Cache-Control: max-age=10", "Cache-Control: max-age=20"], 20),
    ],
)
def test_for_how_long_a_response_is_fresh(policy: Policy, lines: list[str], seconds: float) -> None:
    entry = stored_or_not(*lines, "Vary: X", policy=policy) or stored_or_not(*lines, "ETag: x", policy=policy)
    assert entry is not None
    assert entry.lifetime == seconds
    assert entry.until == (entry.stored.born + seconds if seconds else -math.inf)
    if seconds:
        assert decide(entry, after=seconds - 0.5, policy=policy) == "fresh"
    assert decide(entry, after=seconds, policy=policy) in {"validate", "forward"}  # "freshness_lifetime > current_age"


@pytest.mark.parametrize(
    ("status", "lines", "policy", "fresh"),
    [
        *[(status, [MODIFIED], PRIVATE, True) for status in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)],
        *[(status, [MODIFIED, "Cache-Control: public"], PRIVATE, True) for status in (201, 302, 403, 500, 599)],
        (200, [], TTL, True),
        (301, [], TTL, True),
        (404, ["ETag: x"], TTL, False),  # a TTL for what went well
        (404, [MODIFIED], TTL, True),
        (400, ["Cache-Control: public", "ETag: x"], TTL, False),
        (403, ["Cache-Control: private", MODIFIED], PRIVATE, False),
    ],
)
def test_which_statuses_are_given_a_lifetime(status: int, lines: list[str], policy: Policy, fresh: bool) -> None:
    entry = stored(*lines, status=status, policy=policy)
    assert (decide(entry, after=1, policy=policy) == "fresh") is fresh


@pytest.mark.parametrize("status", [201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("policy", [PRIVATE, TTL])
def test_other_statuses_are_not_stored_unless_they_say_so(status: int, policy: Policy) -> None:
    assert stored_or_not(MODIFIED, "ETag: x", status=status, policy=policy) is None


@pytest.mark.parametrize(
    ("lines", "delay", "age"),
    [
        ([], 0, 0),
        (["Age: 30"], 0, 30),
        (["Age: 30"], 2.5, 32.5),  # corrected_age_value: Age counts from when the request was sent
        ([f"Date: {date(-30)}"], 2.5, 30),  # apparent_age
        ([f"Date: {date(-30)}", "Age: 40"], 0, 40),
        ([f"Date: {date(-50)}", "Age: 40"], 0, 50),
        ([f"Date: {date(50)}"], 0, 0),  # a clock that is ahead of ours
        ([f"Date: {date(50)}"], -5, 0),  # ours went back in the meantime
        (["Date:"], 1, 1),
        (["Date: tomorrow"], 0, 0),
        (["Date: Fri, 31 Dec 9999 23:59:59 GMT"], 0, 0),
        (["Date: Thu, 01 Jan 1970 00:00:00 GMT"], 0, NOW),
        # Section 5.1: the first member counts; what is no number does not.
        (["Age: 7, 0"], 0, 7),
        (["Age: 0, 7"], 0, 0),
        (["Age: 7", "Age: 0"], 0, 7),
        (["Age: abc"], 0, 0),
        (["Age: -7"], 0, 0),
        (["Age: 7.0"], 0, 0),
        (['Age: "7"'], 0, 0),
        (["Age: 7;a=b"], 0, 0),
        (["Age:"], 0, 0),
        (["Age: 2147483649"], 0, 2**31),
        (["Age: " + "9" * 5000], 0, 2**31),
    ],
)
def test_how_old_a_response_is_when_it_comes(lines: list[str], delay: float, age: float) -> None:
    entry = stored("Cache-Control: max-age=60", *lines, delay=delay)
    assert entry.age(NOW) == age
    assert entry.age(NOW + 5) == age + 5
    assert (decide(entry) == "fresh") is (age < 60)


def test_a_clock_that_went_back_makes_nothing_fresh() -> None:
    for lines in (["Cache-Control: max-age=0"], ["Cache-Control: no-cache, max-age=60"]):
        entry = stored(*lines, "ETag: x")
        assert decide(entry, after=-5) == "validate"
        assert decide(entry, "Cache-Control: x", after=-5) == "validate"
    assert decide(stored("Cache-Control: max-age=1"), "Cache-Control: x", after=0.5) == "fresh"


def test_parts_of_a_second_do_not_make_a_response_older_than_its_date() -> None:
    entry = stored("Cache-Control: max-age=1", after=0.9)
    assert entry.age(NOW + 0.9) == 0
