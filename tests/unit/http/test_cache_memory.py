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
from meshclient.http.caching.variants import MOST_VARIANTS, useful_until

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


class Model(RuleBasedStateMachine):
    """Puts, reads, deletes and time in any order, beside a dictionary."""

    BOUND = 20_000

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
        there = self.store.get(key).of(old) is not None
        made = entry(self.clock.now, variant, len(body))
        until = useful_until(made, POLICY)
        self.store.replace(key, old, made, until)
        if there:
            self.put_last[key][variant] = made, body, until
        else:
            assert self.store.get(key).of(made) is None

    @rule(key=st.sampled_from(KEYS), variant=st.sampled_from("xyz"))
    def remove(self, key: str, variant: str) -> None:
        known = self.put_last[key].pop(variant, None)
        if known is not None:
            self.store.replace(key, known[0], None, 0.0)
            assert self.store.get(key).of(known[0]) is None

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: str) -> None:
        self.store.delete(key)
        self.put_last[key] = {}
        assert self.store.get(key).each == ()

    @rule(seconds=st.sampled_from([0.5, 10.0, 70.0, -30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def bounded(self) -> None:
        assert self.store.bytes_used <= self.BOUND

    @invariant()
    def what_is_there_was_put(self) -> None:
        alive = 0
        for key in KEYS:
            found = self.store.get(key)
            assert self.store.get(key) is found
            for variant in found.each:
                name = variant.entry.stored.variant[0][1]
                assert name is not None
                made, body, until = self.put_last[key][name]
                assert variant.entry is made
                assert self.store.body(key, variant) == variant.body == body
                assert variant.until == until
                alive += len(body)
            if found.each:
                assert self.clock.now < max(variant.until for variant in found.each)
        # What is counted is no less than what is there.
        assert alive <= self.store.bytes_used


TestModel = Model.TestCase


def test_ten_thousand_variants_of_a_url_are_bounded() -> None:
    clock = Clock()
    store = MemoryStore(64 * 2**20, clock)
    for number in range(10_000):
        clock.now += 0.001
        made = entry(clock.now, str(number), 10)
        store.put("url", made, b"0123456789", useful_until(made, POLICY))
    found = store.get("url")
    assert len(found.each) == MOST_VARIANTS
    # The newest stay.
    assert {variant.entry.stored.variant[0][1] for variant in found.each} == {
        str(number) for number in range(10_000 - MOST_VARIANTS, 10_000)
    }
    assert store.bytes_used < 2**20


def test_ten_thousand_urls_are_bounded_and_the_one_in_use_stays() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for number in range(10_000):
        made = entry(clock.now, "x", 100)
        store.put(f"/{number}", made, b"." * 100, useful_until(made, POLICY))
        assert store.get("/0").each
    assert store.bytes_used <= 2**20
    assert 100 < store.urls < 1_000
    assert not store.get("/5").each
    assert store.get("/9999").each


def test_what_is_over_is_no_burden() -> None:
    clock = Clock()
    store = MemoryStore(2**20, clock)
    for number in range(100):
        made = entry(clock.now, "x", 100)
        store.put(f"/{number}", made, b"." * 100, useful_until(made, POLICY))
    clock.now += 70
    assert not store.get("/5").each
    made = entry(clock.now, "x", 1)
    store.put("/new", made, b".", useful_until(made, POLICY))
    assert store.urls == 1


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
                found = store.get(key).each
                names = [int(variant.entry.stored.variant[0][1] or "") for variant in found]
                assert [variant.body for variant in found] == [b"%5d" % name * 20 for name in names]
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wrong == []
    assert store.bytes_used <= 100_000


def test_what_tells_variants_apart_counts_too() -> None:
    store = MemoryStore(2**20)
    now = time.time()
    told = Stored(200, (), (("x-user", "x" * 30_000),), now, now, 1)
    store.put("key", read(told, POLICY), b"x", now + 60)
    assert store.bytes_used > 30_000
