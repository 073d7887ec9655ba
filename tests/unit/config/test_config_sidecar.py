"""What a configuration may say of the sidecar, and what a program beside one takes from its environment."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from meshclient.config.environment import variables
from meshclient.config.loaded import Loaded, load
from meshclient.config.sidecar_shape import RegisterConfig, SidecarConfig
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint
from meshclient.sidecar.settings import effective

NOWHERE = Path("/nonexistent")


def given(text: str = "", *sets: str, **environ: str) -> Loaded:
    return load(environ=environ, cwd=NOWHERE, arguments=tomllib.loads(text), sets=sets)


def sidecar(text: str = "", *sets: str, **environ: str) -> SidecarConfig:
    return given(f"[sidecar]\n{text}" if text else "", *sets, **environ).config.sidecar


def test_without_a_word_it_listens_on_loopback_for_its_own_host() -> None:
    config = sidecar()
    assert (config.outbound, config.inbound, config.admin) == ("127.0.0.1:7140", "", "127.0.0.1:7190")
    assert (config.workers, config.data_plane, config.register) == (1, "builtin", None)
    assert (config.max_head, config.max_line, config.replay) == (32768, 16384, 65536)


def test_everything_is_read_and_written_back() -> None:
    text = """
outbound = "unix:/run/mesh.sock"
inbound = "0.0.0.0:7143"
app = "unix:/run/app.sock"
admin = false
service = "Orders"
upstreams = ["http://10.0.0.1:80", "unix:/run/x.sock"]
prefixes = { "/orders/" = "Orders", "/" = "web" }
connect = ["API.example.com:443", "*.internal"]
passthrough = true
header_timeout = "1s"
drain = 0
workers = 4
via = false
forwarded = false
access_log = true
data_plane = "envoy"
health = "/healthz?deep=1"
limit = 16
register = { service = "orders", port = 8443, tags = ["blue"], weight = 2, propagation = "3s" }
"""
    config = sidecar(text)
    assert config.outbound == "unix:/run/mesh.sock"
    assert config.app == "unix:/run/app.sock"
    assert (config.admin, config.service, config.via, config.access_log) == ("", "orders", "", "json")
    assert config.upstreams == (Endpoint("10.0.0.1", 80), Endpoint.parse("unix:/run/x.sock", sockets=True))
    assert config.prefixes == {"/orders/": "orders", "/": "web"}
    assert config.connect == ("api.example.com:443", "*.internal")
    assert (config.drain, config.workers, config.limit, config.health) == (0.0, 4, 16, "/healthz?deep=1")
    assert config.register == RegisterConfig("orders", port=8443, tags=("blue",), weight=2.0, propagation=3.0)
    again: dict[str, object] = {}
    for setting in given(f"[sidecar]\n{text}").settings:
        first, _, rest = setting.path.partition(".")
        if first == "sidecar":
            table, _, key = rest.rpartition(".")
            inner = again.setdefault(table, {}) if table else again
            assert isinstance(inner, dict)
            inner[key] = setting.value
    assert load(environ={}, cwd=NOWHERE, arguments={"sidecar": again}).config.sidecar == config


def test_variables_and_assignments_say_the_same() -> None:
    assert ("sidecar", "outbound") in variables(())["MESHCLIENT_SIDECAR__OUTBOUND"]
    config = sidecar(
        "replay = '1KiB'\n",
        "sidecar.connect=a.example, b.example:443",
        "sidecar.register=orders",
        "sidecar.prefixes={ '/o/' = 'orders' }",
        MESHCLIENT_SIDECAR__WORKERS="3",
        MESHCLIENT_SIDECAR__ADMIN="off",
        MESHCLIENT_SIDECAR__INBOUND="127.0.0.1:7143",
        MESHCLIENT_SIDECAR__UPSTREAMS="http://10.0.0.1:1,http://10.0.0.1:2",
        MESHCLIENT_SIDECAR__REGISTER__PROPAGATION="off",
    )
    assert (config.workers, config.admin, config.inbound) == (3, "", "127.0.0.1:7143")
    assert config.connect == ("a.example", "b.example:443")
    assert config.prefixes == {"/o/": "orders"}
    assert [endpoint.port for endpoint in config.upstreams] == [1, 2]
    assert config.register == RegisterConfig("orders", propagation=0.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("outbound = 7140", "sidecar.outbound (argument): 7140 is not an address"),
        ("outbound = '127.0.0.1'", "'127.0.0.1' is not an address to listen at: write host and port"),
        ("outbound = '127.0.0.1:70000'", "is not an address to listen at"),
        ("outbound = '1.2.3:7140'", "is not an address to listen at"),
        ("outbound = 'unix:'", "'unix:' names no socket: write the path of a file"),
        (f"outbound = 'unix:/{'x' * 120}'", "may have: choose a shorter path"),
        ("app = false", "is not an address to listen at"),
        ("prefixes = { 'orders' = 'orders' }", "'orders' is not the beginning of a path"),
        ("prefixes = { '/orders/' = '' }", "'/orders/' leads nowhere"),
        ("connect = ['http://a']", "'http://a' does not belong in this list: write hosts such as"),
        ("connect = ['a:0']", "'a:0' does not belong in this list"),
        ("max_head = '10B'", "leaves no room for a request"),
        ("max_head = '1KiB'", "max_line 16384 is more than max_head 1024: lower it"),
        ("workers = 0", "write a whole number from 1 to 256"),
        ("via = 'two words'", "is no pseudonym for Via"),
        ("access_log = 'text'", "write 'json', or false for none"),
        ("data_plane = 'nginx'", "'nginx' is unknown: write builtin or envoy"),
        ("health = 'healthz'", "is not a path: write one such as '/healthz'"),
        ("admin = '0.0.0.0:7190'", "anybody could drain this sidecar: write admin_token_file"),
        ("inbound = '127.0.0.1:7140'", "outbound and inbound are both 127.0.0.1:7140"),
        ("inbound = '127.0.0.1:8080'", "inbound and app are both 127.0.0.1:8080"),
        ("register = 'orders'", "write inbound = '0.0.0.0:7143'"),
        (
            "inbound = '0.0.0.0:1'\nregister = { zone = 'a' }",
            "register does not say as what: write register = 'orders'",
        ),
        ("outbond = '127.0.0.1:1'", "unknown key. Did you mean 'outbound'?"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        sidecar(text)
    assert complaint in str(raised.value)
    assert "sidecar" in str(raised.value)


def test_from_outside_the_admin_interface_needs_a_token() -> None:
    assert sidecar("admin = '0.0.0.0:7190'\nadmin_token_file = '/run/token'").admin == "0.0.0.0:7190"
    assert sidecar("admin = '[::1]:7190'").admin == "[::1]:7190"


def test_upstreams_are_the_endpoints_of_the_one_service() -> None:
    loaded = effective(given("[sidecar]\nupstreams = ['http://10.0.0.1:1']\n[defaults]\ndeadline = '2s'"))
    assert loaded.config.sidecar.service == "upstream"
    service = loaded.config.services["upstream"]
    assert (service.endpoints, service.deadline) == ((Endpoint("10.0.0.1", 1),), 2.0)
    named = effective(given("[sidecar]\nservice = 'orders'\nupstreams = ['http://10.0.0.1:1']")).config
    assert list(named.services) == ["orders"]
    untouched = given("[sidecar]\nservice = 'orders'")
    assert effective(untouched) is untouched


def test_a_program_beside_a_sidecar_goes_through_it_and_adds_nothing() -> None:
    loaded = given(MESHCLIENT_SIDECAR_URL="http://127.0.0.1:7140/")
    assert loaded.config.resolver == "static://127.0.0.1:7140"
    assert str(loaded.origin("resolver")) == "environment MESHCLIENT_SIDECAR_URL"
    defaults = loaded.config.defaults
    assert (defaults.retry, defaults.circuit, defaults.throttle, defaults.ejection, defaults.hedge) == (None,) * 5
    assert str(loaded.origin("defaults.retry")) == "environment MESHCLIENT_SIDECAR_URL"
    assert loaded.warnings == ()
    assert given(MESHCLIENT_SIDECAR_URL="unix:/run/a.sock").config.resolver == "static://unix:/run/a.sock"
    assert given(MESHCLIENT_SIDECAR_URL="http://[::1]:7140").config.resolver == "static://[::1]:7140"


def test_what_is_configured_is_stronger_than_the_sidecar() -> None:
    text = "[defaults]\nretry = { attempts = 2 }\n[services.orders]\nhedge = true"
    loaded = given(text, MESHCLIENT_SIDECAR_URL="http://127.0.0.1:7140")
    assert loaded.config.defaults.retry is not None
    assert loaded.config.defaults.ejection is None
    assert loaded.config.services["orders"].hedge is not None
    own = given("resolver = 'consul://127.0.0.1:8500'", MESHCLIENT_SIDECAR_URL="http://127.0.0.1:7140").config
    assert own.resolver == "consul://127.0.0.1:8500"
    assert own.defaults.retry is not None
    assert (
        given(MESHCLIENT_RESOLVER="dns://", MESHCLIENT_SIDECAR_URL="http://127.0.0.1:7140").config.resolver == "dns://"
    )


@pytest.mark.parametrize(
    "text", ["127.0.0.1:7140", "https://127.0.0.1:7140", "http://u@h:1", "unix:a", "http://h/x", "x"]
)
def test_an_address_that_is_none_is_said(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^MESHCLIENT_SIDECAR_URL: .* is not the address of a sidecar: write one such"
    ):
        given(MESHCLIENT_SIDECAR_URL=text)
