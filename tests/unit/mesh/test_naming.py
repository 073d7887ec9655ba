from __future__ import annotations

import pytest

from meshclient.config.shape import MeshConfig, ServiceConfig
from meshclient.errors import ConfigError
from meshclient.mesh.naming import Naming

SERVICES = frozenset({"orders", "v1.users", "under_score"})
DOMAINS = ("mesh", "example.com", "eu.example.com")
ASKING = Naming(SERVICES.__contains__, DOMAINS, resolves=True)
SILENT = Naming(SERVICES.__contains__, DOMAINS, resolves=False)


@pytest.mark.parametrize(
    ("scheme", "host", "asking", "silent"),
    [
        # Single-label hosts: configured, or somebody can be asked.
        ("http", "orders", "orders", "orders"),
        ("https", "orders", "orders", "orders"),
        ("http", "ORDERS", "orders", "orders"),
        ("http", "orders.", "orders", "orders"),
        ("http", "other", "other", None),
        ("http", "under_score", "under_score", "under_score"),
        # Configured names may have dots, other hosts with dots are the outside world.
        ("http", "v1.users", "v1.users", "v1.users"),
        ("http", "v2.users", None, None),
        ("http", "www.example.org", None, None),
        ("http", "mesh.example.org", None, None),
        # Domains: the longest one counts, and what is below it may have dots.
        ("http", "orders.mesh", "orders", "orders"),
        ("http", "Orders.MESH.", "orders", "orders"),
        ("http", "other.mesh", "other", None),
        ("http", "a.b.mesh", "a.b", None),
        ("http", "orders.example.com", "orders", "orders"),
        ("http", "orders.eu.example.com", "orders", "orders"),
        ("http", "example.com", None, None),
        ("http", "notexample.com", None, None),
        ("http", "xmesh", "xmesh", None),
        # Never services.
        ("http", "localhost", None, None),
        ("http", "LOCALHOST.", None, None),
        ("http", "localhost.mesh", None, None),
        ("http", "127.0.0.1", None, None),
        ("http", "10.0.0.1", None, None),
        ("http", "::1", None, None),
        ("http", "", None, None),
        ("", "", None, None),
        ("", "orders", None, None),
        ("ftp", "orders", None, None),
        ("ws", "orders", None, None),
        # Hosts that no service can be called by go where httpx sends them.
        ("http", "-foo", None, None),
        ("http", "m\u00fcnchen", None, None),
        # mesh:// always means a service.
        ("mesh", "orders", "orders", "orders"),
        ("mesh", "other", "other", "other"),
        ("mesh", "localhost", "localhost", "localhost"),
        ("mesh", "a.b.c", "a.b.c", "a.b.c"),
        ("mesh", "orders.mesh", "orders", "orders"),
    ],
)
def test_which_hosts_are_services(scheme: str, host: str, asking: str | None, silent: str | None) -> None:
    for naming, expected in ((ASKING, asking), (SILENT, silent)):
        found = naming.service(scheme, host)
        assert (found.value if found else None) == expected


def test_localhost_is_itself_even_when_configured() -> None:
    assert Naming({"localhost"}.__contains__, (), resolves=True).service("http", "localhost") is None


@pytest.mark.parametrize("host", ["::1", "-foo", "a..b"])
def test_a_mesh_url_with_an_impossible_name_says_so(host: str) -> None:
    with pytest.raises(ConfigError, match=r"mesh://.*is not a service name: use 1 to 253 letters"):
        ASKING.service("mesh", host)


@pytest.mark.parametrize("host", ["my-orders", "my_orders", "My-Orders.", "my-orders.mesh"])
def test_a_service_that_only_a_variable_names_is_found_under_every_spelling(host: str) -> None:
    config = MeshConfig(services={"my_orders": ServiceConfig()}, unspelled=frozenset({"my_orders"}))
    found = Naming(config.names, DOMAINS, resolves=False).service("http", host)
    assert found is not None
    assert config.names(found.value)


def test_a_service_that_a_file_names_is_found_under_its_own_name_only() -> None:
    config = MeshConfig(services={"my_orders": ServiceConfig()})
    naming = Naming(config.names, DOMAINS, resolves=False)
    assert naming.service("http", "my_orders")
    assert naming.service("http", "my-orders") is None
