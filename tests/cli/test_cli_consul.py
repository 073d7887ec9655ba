"""The command line on a real registry."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from cli.command import Command
from servers.backend import Backends
from servers.consul import Consul
from servers.ports import free_port

pytestmark = pytest.mark.skipif(
    not entry_points(group="meshclient.resolvers", name="consul"), reason="meshclient-consul is not installed"
)


def test_a_service_is_resolved_and_called(meshclient_command: Command, consul: Consul, backends: Backends) -> None:
    (a,) = backends(1)
    consul.register("cli-orders", a.port, instance="one", tags=["blue"], meta={"team": "shop"})
    resolver = ("--resolver", f"consul://127.0.0.1:{consul.port}")
    resolved = meshclient_command("resolve", "cli-orders", "-o", "json", *resolver)
    assert resolved.code == 0, resolved.err
    (endpoint,) = resolved.document["endpoints"]
    assert (endpoint["host"], endpoint["port"], endpoint["id"]) == ("127.0.0.1", a.port, "one")
    assert (endpoint["tags"], endpoint["health"]) == (["blue"], "passing")
    called = meshclient_command("call", "cli-orders/x", *resolver)
    assert (called.code, called.document["path"]) == (0, "/x")


def test_a_name_that_consul_does_not_know(meshclient_command: Command, consul: Consul) -> None:
    ran = meshclient_command("resolve", "cli-nobody", "--resolver", f"consul://127.0.0.1:{consul.port}")
    assert ran.code == 3
    assert "there is no service 'cli-nobody'" in ran.err


def test_no_consul_there(meshclient_command: Command) -> None:
    ran = meshclient_command("resolve", "orders", "--resolver", f"consul://127.0.0.1:{free_port()}", "-o", "json")
    assert (ran.code, ran.document["state"], ran.document["endpoints"]) == (5, "failed", [])
    assert "cannot resolve 'orders'" in ran.err
