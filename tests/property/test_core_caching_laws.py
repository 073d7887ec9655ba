"""What holds for every response, request and policy: nobody gets what is not theirs, nor what is too old."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from meshclient.core.caching import entry as entries
from meshclient.core.caching import reception, reuse, staleness, storing
from meshclient.core.caching.answer import Serve, Validate, whole
from meshclient.core.caching.entry import Entry
from meshclient.core.caching.message import Arrival, Request, Response, combined
from meshclient.core.caching.policy import Policy
from unit.core.caching_scene import NOW, URL, date, revised

seconds = st.integers(0, 200)
flags = st.sets(
    st.sampled_from(["no-store", "no-cache", "private", "public", "must-revalidate", "proxy-revalidate", "immutable"]),
    max_size=2,
)
numbers = st.dictionaries(
    st.sampled_from(["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]), seconds, max_size=3
)
wishes = st.one_of(
    st.none(),
    st.tuples(
        st.sets(st.sampled_from(["no-store", "no-cache", "max-stale", "only-if-cached"]), max_size=2),
        st.dictionaries(st.sampled_from(["max-age", "min-fresh", "max-stale", "stale-if-error"]), seconds, max_size=2),
    ),
)
variants = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"]))
policies = st.builds(
    Policy,
    shared=st.booleans(),
    ttl=st.sampled_from([None, 50.0]),
    stale_while_revalidate=st.sampled_from([0.0, 20.0]),
    stale_if_error=st.sampled_from([0.0, 20.0]),
    stale_if_unreachable=st.sampled_from([0.0, 20.0]),
)
moments = st.one_of(seconds, st.floats(-50, 500), st.integers(0, 10**10))


def written(names: set[str], values: dict[str, int]) -> str:
    return ", ".join([*sorted(names), *(f"{name}={value}" for name, value in values.items())])


@st.composite
def responses(draw: st.DrawFn) -> tuple[Response, set[str], dict[str, int]]:
    """A response, its flags and its numbers."""
    names, values = draw(flags), draw(numbers)
    lines = [("Cache-Control", written(names, values)), ("Date", date(-draw(st.integers(-100, 100))))]
    if draw(st.booleans()):
        lines.append(("ETag", draw(st.sampled_from(['"v"', 'W/"v"']))))
    if draw(st.booleans()):
        lines.append(("Last-Modified", date(-3000)))
    if draw(st.booleans()):
        lines.append(("Age", str(draw(seconds))))
    if draw(st.booleans()):
        lines.append(("Expires", date(draw(seconds))))
    if varies := draw(st.sets(st.sampled_from(["A", "B"]))):
        lines.append(("Vary", ", ".join(sorted(varies))))
    return Response(200, tuple(lines)), names, values


@st.composite
def requests(draw: st.DrawFn) -> Request:
    fields = draw(variants)
    if asked := draw(wishes):
        fields["cache-control"] = written(*asked)
    if draw(st.booleans()):
        fields["authorization"] = draw(st.sampled_from(["alice", "bob"]))
    return Request(draw(st.sampled_from(["GET", "GET", "HEAD"])), URL, fields)


def kept(request: Request, response: Response, policy: Policy) -> Entry | None:
    arrival = Arrival(request, response, NOW - 1, NOW)
    change = reception.received(arrival, None, (), policy)
    return storing.completed(change.share, 10) if change.share else None


@given(responses(), requests(), requests(), policies, moments)
@settings(max_examples=200)
def test_who_gets_what(
    answer: tuple[Response, set[str], dict[str, int]], first: Request, then: Request, policy: Policy, after: float
) -> None:
    response, names, values = answer
    entry = kept(first, response, policy)
    if "no-store" in names or "no-store" in first.fields.get("cache-control", ""):
        assert entry is None
    if policy.shared and "private" in names:
        assert entry is None
    if policy.shared and "authorization" in first.fields and entry is not None:
        assert names & {"public", "must-revalidate"} or "s-maxage" in values
    assume(entry is not None)
    assert entry is not None
    now = NOW + after
    decision = reuse.decide(then, (entry,), now, policy)
    instead = staleness.fallback(then, (entry,), now, policy)
    waited = reuse.joined(then, entry, now)
    served = [serve for serve in (decision, instead, waited) if isinstance(serve, Serve)]
    varies = combined(response.headers).get("vary", "").lower().split(", ")
    if any(first.fields.get(name) != then.fields.get(name) for name in varies if name):
        assert not served
    if (
        not policy.shared
        and "public" not in names
        and first.fields.get("authorization") != then.fields.get("authorization")
    ):
        assert not served
    if names & {"no-cache"} or "no-cache" in then.fields.get("cache-control", ""):
        assert not served
    for serve in (decision, instead):
        if isinstance(serve, Serve):
            old = entry.age(now) >= entry.lifetime
            assert serve.stale is old
            if old:
                assert "must-revalidate" not in names
                assert not (policy.shared and ("proxy-revalidate" in names or "s-maxage" in values))
                permitted = max(
                    policy.stale_while_revalidate, policy.stale_if_error, policy.stale_if_unreachable,
                    values.get("stale-while-revalidate", 0), values.get("stale-if-error", 0),
                )  # fmt: skip
                asks = then.fields.get("cache-control", "")
                assert entry.staleness(now) <= permitted or "max-stale" in asks or "stale-if-error" in asks


@given(responses(), requests(), requests(), policies, moments)
@settings(max_examples=150)
def test_the_short_way_and_the_long_one_decide_alike(
    answer: tuple[Response, set[str], dict[str, int]], first: Request, then: Request, policy: Policy, after: float
) -> None:
    entry = kept(first, answer[0], policy)
    assume(entry is not None)
    assert entry is not None
    plain = then._replace(fields={name: value for name, value in then.fields.items() if name != "cache-control"})
    for request in (plain, then):
        short = reuse.decide(request, (entry,), NOW + after, policy)
        assert short == reuse._considered(request, (entry,), NOW + after, policy)
    pedantic = plain._replace(fields={**plain.fields, "cache-control": "x"})
    assert reuse.decide(pedantic, (entry,), NOW + after, policy) == reuse.decide(plain, (entry,), NOW + after, policy)


@given(responses(), policies, st.lists(st.floats(-100, 1e6), min_size=2, max_size=5).map(sorted))
def test_age_is_never_negative_and_never_falls(
    answer: tuple[Response, set[str], dict[str, int]], policy: Policy, moments_: list[float]
) -> None:
    entry = kept(Request("GET", URL, {}), answer[0], policy)
    assume(entry is not None)
    assert entry is not None
    ages = [entry.age(NOW + moment) for moment in moments_]
    assert ages == sorted(ages)
    assert ages[0] >= 0
    stated = [int(combined(whole(entry, NOW + moment).headers)["age"]) for moment in moments_]
    assert stated == [math.floor(age) for age in ages]


@given(responses(), responses(), requests(), policies)
def test_freshening_leaves_the_body_alone(
    answer: tuple[Response, set[str], dict[str, int]],
    news: tuple[Response, set[str], dict[str, int]],
    request: Request,
    policy: Policy,
) -> None:
    of_the_body = {"Content-Length": "10", "Content-Encoding": "gzip", "Content-Range": "x"}
    entry = kept(request, replace(answer[0], headers=(*answer[0].headers, *of_the_body.items())), policy)
    assume(entry is not None and entry.validators)
    assert entry is not None
    told = (*news[0].headers, *((name, "9") for name in of_the_body), ("Transfer-Encoding", "x"))
    arrival = Arrival(request, Response(304, told), NOW + 300, NOW + 300)
    change = reception.received(arrival, Validate(entry, ()), (entry,), policy)
    for old, new in change.updates:
        assert old == entry
        if new is not None:
            assert {name: value for name, value in new.stored.headers if name in of_the_body} == of_the_body
            assert new.stored.length == entry.stored.length
            assert not {"age", "transfer-encoding"} & {name.lower() for name, _ in new.stored.headers}
            assert entries.read(new.stored, policy) == new


@given(responses(), requests(), policies)
def test_a_store_gives_back_what_it_was_given(
    answer: tuple[Response, set[str], dict[str, int]], request: Request, policy: Policy
) -> None:
    entry = kept(request, answer[0], policy)
    assert entry is None or entries.read(entry.stored, policy) == entry


@given(st.lists(st.tuples(requests(), responses()), max_size=12), st.integers(1, 5), policies)
def test_variants_are_bounded_and_in_order(
    arrivals: list[tuple[Request, tuple[Response, set[str], dict[str, int]]]], limit: int, policy: Policy
) -> None:
    stored: tuple[Entry, ...] = ()
    for request, (response, _, _) in arrivals:
        entry = kept(request, response, policy)
        if entry is not None:
            stored = entries.kept(stored, entry, limit)
            assert len(stored) <= limit
            assert len({one.stored.variant for one in stored}) == len(stored)
            dates = [min(one.date, one.stored.received_at) for one in stored]
            assert dates == sorted(dates, reverse=True)


@dataclass
class World:
    """A service whose answer changes with each POST, and a cache in front of it."""

    lifetime: int
    policy: Policy
    now: float = NOW
    version: int = 0
    stored: tuple[Entry, ...] = ()
    bodies: dict[object, int] = field(default_factory=dict)
    changed: list[float] = field(default_factory=lambda: [NOW - 1000])

    def origin(self, request: Request, question: Validate | None) -> tuple[Response, int]:
        sent = dict(question.headers) if question else {}
        tag = f'"{self.version}"'
        fields = (("ETag", tag), ("Date", date(self.now - NOW)), ("Cache-Control", f"max-age={self.lifetime}"))
        status = 304 if sent.get("If-None-Match") == tag else 200
        return Response(status, fields), self.version

    def get(self, method: str, control: str, *, reachable: bool) -> int | None:
        """The version that a client gets."""
        request = Request(method, URL, {"cache-control": control} if control else {})
        decision = reuse.decide(request, self.stored, self.now, self.policy)
        if isinstance(decision, Serve):
            return self.bodies[decision.entry.stored]
        if not reachable:
            instead = staleness.fallback(request, self.stored, self.now, self.policy)
            return self.bodies[instead.entry.stored] if instead else None
        question = decision if isinstance(decision, Validate) else None
        response, body = self.origin(request, question)
        change = reception.received(Arrival(request, response, self.now, self.now), question, self.stored, self.policy)
        for old, new in change.updates:
            if new is not None:
                self.bodies[new.stored] = self.bodies[old.stored]
        self.stored = revised(self.stored, change.updates, 4)
        if change.put is not None and (done := storing.completed(change.put, 1)):
            self.bodies[done.stored] = body
            self.stored = entries.kept(self.stored, done, 4)
        return body if change.serve is None else self.bodies[change.serve.entry.stored]

    def post(self) -> None:
        self.version += 1
        self.changed.append(self.now)
        arrival = Arrival(Request("POST", URL, {}), Response(204, ()), self.now, self.now)
        if URL in reception.received(arrival, None, self.stored, self.policy).invalidate:
            self.stored = ()


steps = st.lists(
    st.tuples(
        st.sampled_from(["GET", "GET", "HEAD", "elsewhere", "POST"]),
        st.integers(0, 20),
        st.sampled_from(["", "", "no-cache", "max-age=5", "max-stale=10"]),
        st.booleans(),
    ),
    max_size=15,
)


@given(steps, st.integers(0, 30), st.sampled_from([Policy(), Policy(shared=True, stale_if_unreachable=15)]))
@settings(max_examples=200)
def test_nobody_sees_what_is_older_than_promised(
    schedule: list[tuple[str, int, str, bool]], lifetime: int, policy: Policy
) -> None:
    world = World(lifetime, policy)
    seen = 0  # what the cache has been told of
    for what, pause, control, reachable in schedule:
        world.now += pause
        if what == "POST":
            world.post()
            seen = world.version
        elif what == "elsewhere":  # a change that passes the cache by
            world.version += 1
            world.changed.append(world.now)
        else:
            got = world.get(what, control, reachable=reachable)
            if got is None:
                continue
            stale = (10 if control == "max-stale=10" else 0) + (0 if reachable else policy.stale_if_unreachable)
            replaced_at = world.changed[got + 1] if got < world.version else math.inf
            assert replaced_at >= world.now - lifetime - stale
            assert got >= seen
            if control == "no-cache":
                assert got == world.version
