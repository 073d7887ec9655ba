"""What a sidecar counts, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from meshclient.sidecar.exposition import exposition
from meshclient.sidecar.proxy import ProxyStats
from meshclient.sidecar.reloads import Reloads


def test_what_stats_say_is_exposed() -> None:
    proxy, reloads = ProxyStats(), Reloads()
    proxy.open, proxy.connections = 2, 1_234_567_890
    proxy.statuses[2] = 7
    proxy.refused['odd"word'] += 1
    reloads.took()
    reloads.refused("why")
    reloads.refused("why")
    stats = {
        "ready": True,
        "draining": False,
        "reload": reloads.as_dict(),
        "proxies": {"outbound": proxy.as_dict()},
        "application": {"fit": False, "in_flight": 3},
    }
    samples = {
        (sample.name.removeprefix("meshclient_sidecar_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(exposition(stats))
        for sample in family.samples
    }
    assert samples["ready",] == 1
    assert samples["draining",] == 0
    assert samples["configuration_generation",] == 2
    assert samples["reloads_total", "succeeded"] == 1
    assert samples["reloads_total", "failed"] == 2
    assert samples["connections", "outbound"] == 2
    assert samples["connections_total", "outbound"] == 1_234_567_890
    assert samples["requests_total", "outbound", "2xx"] == 7
    assert samples["refused_total", "outbound", 'odd"word'] == 1
    assert samples["application_fit",] == 0
    assert samples["application_requests",] == 3
