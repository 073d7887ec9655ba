"""What Envoy's statistics say of an update."""

from __future__ import annotations

import re

from meshclient.sidecar.envoy.verdicts import Verdict, pattern, verdicts

FILES = {"eds/orders": "a1", "cds": "b2"}
TAKEN = {"cluster.orders.version_text": "a1", "cluster_manager.cds.version_text": "b0"}


def test_the_version_it_goes_by_is_taken() -> None:
    assert verdicts(FILES, {}, TAKEN) == [Verdict("eds/orders", "a1", taken=True)]


def test_a_count_that_grew_is_a_refusal() -> None:
    before = {"cluster_manager.cds.update_rejected": "1"}
    assert verdicts({"cds": "b2"}, before, TAKEN | {"cluster_manager.cds.update_rejected": "1"}) == []
    refused = TAKEN | {"cluster_manager.cds.update_rejected": "2"}
    assert verdicts({"cds": "b2"}, before, refused) == [Verdict("cds", "b2", taken=False)]
    unreadable = TAKEN | {"cluster_manager.cds.update_failure": "1"}
    assert verdicts({"cds": "b2"}, before, unreadable) == [Verdict("cds", "b2", taken=False)]


def test_what_it_goes_by_now_was_not_refused_whatever_was_before() -> None:
    stats = {"listener_manager.lds.version_text": "c3", "listener_manager.lds.update_rejected": "4"}
    assert verdicts({"lds": "c3"}, {}, stats) == [Verdict("lds", "c3", taken=True)]


def test_only_what_is_open_is_asked_for() -> None:
    asked = re.compile(pattern(["eds/a.b~https", "rds"]))
    assert asked.match("cluster.a.b.version_text")
    assert asked.match("http.outbound.rds.outbound.update_rejected")
    assert not asked.match("cluster.axb.version_text")
    assert not asked.match("cluster_manager.cds.version_text")
