"""What is made of Envoy's counters."""

from __future__ import annotations

import re

from meshclient.sidecar.envoy.account import pause
from meshclient.sidecar.envoy.ledger import PATTERN, Ledger

HERE = {
    "http.outbound.downstream_cx_total": "4",
    "http.outbound.downstream_cx_active": "2",
    "http.outbound.downstream_rq_total": "9",
    "http.outbound.downstream_rq_2xx": "7",
}
CALLS = {
    "cluster.orders.upstream_rq_200": "7",
    "cluster.orders.upstream_rq_503": "2",
    "cluster.orders.upstream_rq_total": "11",
    "cluster.orders.upstream_rq_retry": "2",
    "cluster.orders.upstream_rq_active": "3",
    "cluster.orders.admission_control.rq_rejected": "1",
    "cluster.orders.outlier_detection.ejections_active": "1",
    "cluster.a.b.upstream_cx_total": "5",
}
# Of the same requests once more, or of nobody's services.
OTHERS = {
    "cluster.orders.external.upstream_rq_200": "7",
    "cluster.orders.upstream_rq_2xx": "7",
    "cluster._learner.upstream_rq_307": "1",
    "http.admin.downstream_rq_2xx": "1",
}
NAMES = ("orders", "a.b")


def test_it_asks_for_what_it_reads() -> None:
    asked = re.compile(PATTERN)
    assert all(asked.fullmatch(name) for name in (HERE | CALLS))
    assert not asked.fullmatch("cluster.orders.upstream_rq_2xx")
    assert not asked.fullmatch("http.admin.downstream_rq_2xx")


def test_counts_are_those_of_services_and_of_the_listener() -> None:
    ledger = Ledger()
    ledger.enter(HERE | CALLS | OTHERS, NAMES)
    found = ledger.services()
    assert set(found) == set(NAMES)
    orders = found["orders"]
    assert orders["statuses"] == {"200": 7, "503": 2}
    picked = [orders[each] for each in ("attempts", "retries", "active", "circuit_open", "ejected", "timeouts")]
    assert picked == [11, 2, 3, 1, 1, 0]
    assert found["a.b"]["connections"] == 5
    assert [ledger.calls(each) for each in ("orders", "a.b")] == [(9, 2), (0, 0)]
    listener = ledger.listener()
    assert listener["statuses"] == {"1xx": 0, "2xx": 7, "3xx": 0, "4xx": 0, "5xx": 0}
    assert [listener[each] for each in ("connections", "open", "requests", "tunnels")] == [4, 2, 9, 0]


def test_counters_go_on_where_envoy_begins_anew_and_gauges_do_not() -> None:
    ledger = Ledger()
    first = ledger.enter(HERE | CALLS, NAMES)
    assert first["orders", "attempts"] == 11
    assert not ledger.enter(HERE | CALLS, NAMES)["orders", "attempts"]
    again = ledger.enter({"cluster.orders.upstream_rq_total": "4"}, NAMES)
    assert again["orders", "attempts"] == 4
    assert ledger.enter({"cluster.orders.upstream_rq_total": "6"}, NAMES)["orders", "attempts"] == 2
    orders = ledger.services()["orders"]
    assert (orders["attempts"], orders["active"]) == (17, 0)


def test_counters_that_have_overtaken_the_old_ones_after_a_start_are_counted_whole() -> None:
    ledger = Ledger()
    ledger.enter({"cluster.orders.upstream_rq_200": "7"}, {"orders"})
    grown = ledger.enter({"cluster.orders.upstream_rq_200": "9"}, {"orders"}, 1)
    assert set(grown.values()) == {9}
    assert ledger.enter({"cluster.orders.upstream_rq_200": "9"}, {"orders"}, 1).total() == 0
    assert ledger.calls("orders") == (16, 0)


def test_looks_cost_little_and_are_never_far_apart() -> None:
    assert [pause(took) for took in (0.001, 0.1, 5.0)] == [1.0, 5.0, 10.0]
