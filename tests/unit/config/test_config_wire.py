"""What a configuration may say of TLS, connections and the size of responses."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from meshclient.config.kinds import Spelled
from meshclient.config.loaded import load
from meshclient.config.shape import ServiceConfig
from meshclient.config.wire_kinds import SIZE
from meshclient.config.wire_shape import ConnectionsConfig, TlsConfig
from meshclient.errors import ConfigError

NOWHERE = Path("/nonexistent")


def orders(text: str = "", *sets: str, **environ: str) -> ServiceConfig:
    arguments = tomllib.loads(text) or {"services": {"orders": {}}}
    return load(environ=environ, cwd=NOWHERE, arguments=arguments, sets=sets).config.services["orders"]


def test_without_a_word_our_own_engine_verifies_as_httpx_does() -> None:
    service = orders()
    assert (service.engine, service.http2, service.tls, service.max_response) == ("builtin", False, None, 0)
    assert service.connections == ConnectionsConfig(per_endpoint=0, total=1024, idle=4.0, warm=False)


def test_tls_is_on_as_soon_as_anything_of_it_is_said() -> None:
    table = "tls = { ca = 'ca.pem', cert = '/etc/c.pem', key = '/etc/k.pem', identity = 'Orders.Internal' }"
    expected = TlsConfig("ca.pem", "/etc/c.pem", "/etc/k.pem", "orders.internal", verify=True)
    assert orders(f"[services.orders]\n{table}").tls == expected
    assert orders(f"[defaults]\n{table}\n[services.orders]").tls == expected
    assert orders(f"[defaults]\n{table}\n[services.orders]\ntls = false").tls is None
    merged = orders(f"[defaults]\n{table}\n[services.orders.tls]\nverify = false\nca = ''").tls
    assert merged == TlsConfig("", "/etc/c.pem", "/etc/k.pem", "orders.internal", verify=False)


def test_variables_and_assignments_say_the_same() -> None:
    service = orders(
        "",
        "services.orders.connections.idle=750ms",
        "services.orders.tls.cert=client.pem",
        MESHCLIENT_SERVICES__ORDERS__CONNECTIONS__PER_ENDPOINT="8",
        MESHCLIENT_DEFAULTS__CONNECTIONS__WARM="yes",
        MESHCLIENT_DEFAULTS__MAX_RESPONSE="64KiB",
        MESHCLIENT_DEFAULTS__ENGINE="httpx",
        MESHCLIENT_SERVICES__ORDERS__HTTP2="on",
        MESHCLIENT_SERVICES__ORDERS__TLS__IDENTITY="10.0.0.1",
    )
    assert service.connections == ConnectionsConfig(per_endpoint=8, total=1024, idle=0.75, warm=True)
    assert (service.max_response, service.engine, service.http2) == (65536, "httpx", True)
    assert service.tls == TlsConfig(cert="client.pem", identity="10.0.0.1")


def test_a_table_of_connections_is_merged_key_by_key() -> None:
    text = "[defaults.connections]\ntotal = 5\nidle = '1s'\n[services.orders.connections]\ntotal = 7"
    assert orders(text).connections == ConnectionsConfig(total=7, idle=1.0)
    loaded = load(environ={}, cwd=NOWHERE, arguments=tomllib.loads(text))
    assert str(loaded.origin("services.orders.connections.warm")) == "default"
    assert loaded.config.defaults.connections == ConnectionsConfig(total=5, idle=1.0)


@pytest.mark.parametrize(
    ("given", "size", "written"),
    [
        (0, 0, "0"),
        (False, 0, "0"),
        (None, 0, "0"),
        ("0", 0, "0"),
        (1, 1, "1B"),
        (65536, 65536, "64KiB"),
        ("64 kib", 65536, "64KiB"),
        ("10MB", 10**7, "10MB"),
        ("1.5mb", 1_500_000, "1500KB"),
        ("0.1KiB", 102, "102B"),
        ("2GiB", 2**31, "2GiB"),
        ("8GB", 8 * 10**9, "8GB"),
        (2**63 - 1, 2**63 - 1, "9223372036854775807B"),
    ],
)
def test_sizes_are_read_and_written_back(given: object, size: int, written: str) -> None:
    assert SIZE.read(given) == size
    assert str(SIZE.write(size)) == written
    assert SIZE.read(SIZE.write(size)) == size
    assert SIZE.read(SIZE.spelled(Spelled(written))) == size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tls = { key = 'k.pem' }", "key k.pem has no certificate: write cert = '<the PEM file of its certificate>'"),
        ("tls = 'ca.pem'", "'ca.pem' is not a table: write a table, or false for off"),
        ("tls = { ca = 3 }", "ca (argument): 3 is not a path: write text such as '/etc/tls/ca.pem'"),
        (
            "tls = { identty = 'x' }",
            "unknown key. Did you mean 'identity'? Known here: ca, cert, key, identity, verify",
        ),
        ("tls = { identity = 'spiffe://a/b' }", "'spiffe://a/b' is not a host name or address"),
        ("tls = { identity = '*.internal' }", "write one such as 'orders.internal'"),
        ("tls = { identity = 7 }", "7 is not a host name or address"),
        ("tls = { verify = 'no' }", "'no' is not a switch: write true or false"),
        ("connections = false", "false is not a table: write a table of named values"),
        ("connections = { total = -1 }", "-1 is out of place: write a whole number of at least 0"),
        ("connections = { idle = 0 }", "0 leaves no time at all"),
        ("max_response = -1", "-1 is not a size: write bytes (65536), text like '64KiB' or '10MB', or 0 for any size"),
        ("max_response = true", "true is not a size"),
        ("max_response = 1.5", "1.5 is not a size"),
        ("max_response = '10 megs'", "'10 megs' is not a size"),
        ("max_response = '10000000000GB'", "'10000000000GB' is not a size"),
        ("engine = 'curl'", "'curl' is unknown: write builtin or httpx"),
        ("engine = ['httpx']", "['httpx'] is unknown"),
        ("http2 = 2", "2 is not a switch"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        orders(f"[services.orders]\n{text}")
    assert words in str(raised.value)
    assert str(raised.value).startswith(f"services.orders.{text.partition(' ')[0]}")


def test_a_key_that_was_pasted_in_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="what is given is not a path: write that of a PEM file") as raised:
        orders("[services.orders.tls]\nkey = '''-----BEGIN PRIVATE KEY-----\nSECRET'''\ncert = 'c.pem'")
    assert "SECRET" not in str(raised.value)


def test_paths_may_be_path_objects() -> None:
    tls = {"cert": Path("/etc/c.pem"), "ca": Path("ca.pem")}
    loaded = load(environ={}, cwd=NOWHERE, arguments={"defaults": {"tls": tls}})
    assert loaded.config.defaults.tls == TlsConfig(ca="ca.pem", cert="/etc/c.pem")


def test_what_is_shown_can_be_written_into_a_file() -> None:
    text = (
        "[services.orders]\nmax_response = '1.5MB'\nhttp2 = true\nengine = 'httpx'\n"
        "tls = { cert = 'c.pem', verify = false }\nconnections = { idle = '1500ms', total = 0 }"
    )
    loaded = load(environ={}, cwd=NOWHERE, arguments=tomllib.loads(text))
    own = [setting for setting in loaded.settings if setting.path.startswith("services.orders.")]
    sets = [f"{setting.path}={setting.value}" for setting in own if not isinstance(setting.value, tuple | dict)]
    again = load(
        environ={}, cwd=NOWHERE, sets=[text.replace("True", "true").replace("False", "false") for text in sets]
    )
    assert again.config.services["orders"] == loaded.config.services["orders"]
