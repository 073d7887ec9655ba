"""In a process of its own: who never sets a provider pays nothing, and whoever does may do so late."""

from __future__ import annotations

import subprocess
import sys

import pytest

LATER = """
import sys
from meshclient import Endpoint, Mesh
from meshclient.testing import FakeResolver

registry = FakeResolver({"orders": [Endpoint("10.0.0.1", 80)], "users": [Endpoint("10.0.0.2", 80)]})
mesh = Mesh(registry)
mesh.warm("orders")
registry.set("orders", [Endpoint("10.0.0.3", 80)])  # returns when this was dealt with, and so the first list as well
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

def names():
    data = reader.get_metrics_data()
    scopes = data.resource_metrics[0].scope_metrics if data else []
    return sorted((scope.scope.name, each.name) for scope in scopes for each in scope.metrics)

reader = InMemoryMetricReader()
if sys.argv[1] == "before":
    # The next answer finds the API without a provider.
    registry.fail("orders")
metrics.set_meter_provider(MeterProvider([reader]))
print(names())
registry.fail("orders", "ConnectError: refused")
print(names())
mesh.close()
"""

READ = [
    ("meshclient", "meshclient.balancer.endpoint.count"),
    ("meshclient", "meshclient.discovery.held.count"),
    ("meshclient", "meshclient.discovery.snapshot.age"),
]


@pytest.mark.parametrize("answered", ["before", "after"])
def test_opentelemetry_is_not_imported_for_it_and_may_be_set_up_later(answered: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LATER, answered],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported, first, second = done.stdout.splitlines()
    assert imported == "[]"
    assert first == str(READ if answered == "before" else [])
    assert second == str(sorted([*READ, ("meshclient", "meshclient.discovery.error.count")]))
