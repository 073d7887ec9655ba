"""The store in memory: what it returns was put, nothing outlives its use, and its bytes never exceed their bound."""

from __future__ import annotations

import threading
import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meshclient.core.caching.entry import Entry, Stored, read
from meshclient.core.caching.policy import Policy
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.resource import MOST_VARIANTS
from meshclient.http.caching.variants import Variant, useful_until

POLICY = Policy()
START = 1_700_000_000.0
KEYS = ("a", "b", "c" * 300)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def entry(now: float, variant: str, size: int, seconds: int = 60, filling: int = 0) -> Entry:
    headers = (("Cache-Control", f"max-age={seconds}"), ("X-Filling", "x" * filling), ("X-Variant", variant))
    return read(Stored(200, headers, (("x-user", variant),), now, now, size), POLICY)


def got(store: MemoryStore, key: str, variant: str = "x") -> Variant | None:
    """The one of a user."""
    each = store.get(key, {"x-user": variant}).each
    assert len(each) <= 1
    return each[0] if each else None


def used(store: MemoryStore) -> int:
    return int(store._items.currsize)


class Model(RuleBasedStateMachine):
    """Puts, reads, deletes and time in any order, beside a dictionary."""

    BOUND = 40_000

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.store = MemoryStore(self.BOUND, self.clock)
        self.put_last: dict[str, dict[str, tuple[Entry, bytes, float]]] = {key: {} for key in KEYS}
        self.number = 0

    @rule(
        key=st.sampled_from(KEYS),
        variant=st.sampled_from("xyz"),
        size=st.sampled_from([0, 10, 3_000, 19_000, 30_000]),
        seconds=st.integers(1, 100),
        filling=st.sampled_from([0, 5_000]),
    )
    def put(self, key: str, variant: str, size: int, seconds: int, filling: int) -> None:
        self.number += 1
        body = (b"%d " % self.number).ljust(size, b".")
        made = entry(self.clock.now, variant, len(body), seconds, filling)
        until = useful_until(made, POLICY)
        self.store.put(key, made, body, until)
        self.put_last[key][variant] = made, body, until

    @rule(key=st.sampled_from(KEYS), variant=st.sampled_from("xyz"))
    def freshen(self, key: str, variant: str) -> None:
        if variant not in self.put_last[key]:
            return
        old, body, _ = self.put_last[key][variant]
        there = got(self.store, key, variant) is not None
        made = entry(self.clock.now, variant, len(body))
        until = useful_until(made, POLICY)
        self.store.replace(key, old, made, until)
        if there:
            self.put_last[key][variant] = made, body, until
        else:
            assert got(self.store, key, variant) is None

    @rule(key=st.sampled_from(KEYS), variant=st.sampled_from("xyz"))
    def remove(self, key: str, variant: str) -> None:
        known = self.put_last[key].pop(variant, None)
        if known is not None:
            self.store.replace(key, known[0], None, 0.0)
            assert got(self.store, key, variant) is None

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        self.store.delete(key)
        self.put_last[key] = {}
        assert all(got(self.store, key, variant) is None for variant in "xyz")

    @rule(seconds=st.sampled_from([0.5, 10.0, 70.0, -30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def bounded(self) -> None:
        assert used(self.store) <= self.BOUND

    @invariant()
    def what_is_there_was_put(self) -> None:
        alive = 0
        for key in KEYS:
            found = {name: each for name in "xyz" if (each := got(self.store, key, name)) is not None}
            for name, variant in found.items():
                made, body, until = self.put_last[key][name]
                assert variant.entry is made
                assert self.store.body(key, variant) == variant.body == body
                assert variant.until == until
                alive += variant.size
            assert sum(variant.size for variant in found.values()) <= self.BOUND // 2
        # What is counted is no less than what is there.
        assert alive <= used(self.store)


TestModel = Model.TestCase


def test_ten_thousand_variants_of_a_url_are_bounded() -> None:
    clock = Clock()
    store = MemoryStore(64 * 2**20, clock)
    for number in range(10_000):
        clock.now += 0.001
        made = entry(clock.now, str(number), 10)
        store.put("url", made, b"0123456789", useful_until(made, POLICY))
    # The newest stay.
    left = [number for number in range(10_000) if got(store, "url", str(number)) is not None]
    assert left == list(range(10_000 - MOST_VARIANTS, 10_000))
    assert used(store) < 16 * 2**20


def test_variants_of_a_url_leave_half_to_others() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for key in ("other", "url"):
        for number in range(200):
            clock.now += 0.001
            made = entry(clock.now, str(number), 10_000)
            store.put(key, made, b"." * 10_000, useful_until(made, POLICY))
    for key in ("other", "url"):
        assert 30 < sum(got(store, key, str(number)) is not None for number in range(200)) < 60
    assert got(store, "url", "199") is not None


def test_users_who_are_gone_make_room_though_the_url_is_in_use() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for number in range(100):
        clock.now += 10
        made = entry(clock.now, str(number), 10)
        store.put("url", made, b"0123456789", useful_until(made, POLICY))
    assert used(store) < 10 * Variant(made, b"0123456789", 0.0).size


def test_a_service_that_varies_by_something_else_each_time_is_bounded() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    fields = {f"x-{number}": "1" for number in range(100)}
    for name in fields:
        clock.now += 1
        told = read(Stored(200, (), ((name, "1"),), clock.now, clock.now, 1), POLICY)
        store.put("url", told, b"x", clock.now + 1000)
    found = store.get("url", fields)
    assert [each.entry.stored.variant for each in found.each] == [((f"x-{n}", "1"),) for n in range(99, 83, -1)]
    assert found.varying == {f"x-{number}" for number in range(84, 100)}
    assert store.get("url", {}).each == ()
    assert store.get("url", {}).varying == found.varying


def test_what_a_new_one_would_have_been_taken_for_leaves() -> None:
    now = time.time()
    store = MemoryStore(2**20)
    asked = {"a": "1", "b": "1"}
    for variant in ((), (("a", "1"),), (("a", "2"),), (("a", "1"), ("b", "1"))):
        store.put("url", read(Stored(200, (), variant, now, now, 1), POLICY), b"x", now + 60)
    assert [each.entry.stored.variant for each in store.get("url", asked).each] == [(("a", "1"), ("b", "1"))]
    assert [each.entry.stored.variant for each in store.get("url", {"a": "2"}).each] == [(("a", "2"),)]
    assert store.get("url", {"a": "1"}).each == ()


def test_ten_thousand_urls_are_bounded_and_the_one_in_use_stays() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for number in range(10_000):
        made = entry(clock.now, "x", 100)
        store.put(f"/{number}", made, b"." * 100, useful_until(made, POLICY))
        assert got(store, "/0")
    assert used(store) <= 2**20
    assert 100 < len(store._items) < 1_000
    assert not got(store, "/5")
    assert got(store, "/9999")


def test_what_is_over_is_no_burden() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for number in range(100):
        made = entry(clock.now, "x", 100)
        store.put(f"/{number}", made, b"." * 100, useful_until(made, POLICY))
    clock.now += 70
    assert not got(store, "/5")
    made = entry(clock.now, "x", 1)
    store.put("/new", made, b".", useful_until(made, POLICY))
    assert len(store._items) == 1


def test_from_many_threads() -> None:
    store = MemoryStore(100_000)
    wrong: list[Any] = []
    now = store._items.timer()

    def work(seed: int) -> None:
        try:
            for turn in range(300):
                key = KEYS[(seed + turn) % 3]
                made = entry(now, str(turn % 5), 100)
                if turn % 7 == seed % 7:
                    store.delete(key)
                else:
                    store.put(key, made, b"%5d" % (turn % 5) * 20, now + 60)
                for name in range(5):
                    found = got(store, key, str(name))
                    assert found is None or found.body == b"%5d" % name * 20
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []
    assert used(store) <= 100_000


def test_what_tells_variants_apart_counts_too() -> None:
    store = MemoryStore(2**20)
    now = time.time()
    told = Stored(200, (), (("x-user", "x" * 30_000),), now, now, 1)
    store.put("key", read(told, POLICY), b"x", now + 60)
    assert used(store) > 30_000
