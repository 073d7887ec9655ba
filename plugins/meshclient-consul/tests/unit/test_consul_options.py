"""What a URI and Consul's environment variables come to."""

from __future__ import annotations

import pytest

from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_consul.options import ConsulOptions


def parse(uri: str, **environ: str) -> ConsulOptions:
    return ConsulOptions.parse(ResolverUri.parse(uri), environ)


@pytest.mark.parametrize(
    ("uri", "environ", "urls"),
    [
        ("consul://", {}, ["http://127.0.0.1:8500"]),
        ("consul://c", {}, ["http://c:8500"]),
        ("consul://c:1/", {}, ["http://c:1"]),
        ("consul://[fd00::1]", {}, ["http://[fd00::1]:8500"]),
        ("consul://[fd00::1]:1", {}, ["http://[fd00::1]:1"]),
        ("consul://a:1,b,c:3?scheme=https", {}, ["https://a:1", "https://b:8500", "https://c:3"]),
        ("consul://", {"CONSUL_HTTP_ADDR": "c:1"}, ["http://c:1"]),
        ("consul://", {"CONSUL_HTTP_ADDR": "https://c:1"}, ["https://c:1"]),
        ("consul://", {"CONSUL_HTTP_ADDR": "https://consul.example"}, ["https://consul.example:443"]),
        ("consul://", {"CONSUL_HTTP_ADDR": "http://c:1", "CONSUL_HTTP_SSL": "true"}, ["http://c:1"]),
        ("consul://", {"CONSUL_HTTP_ADDR": "c:1", "CONSUL_HTTP_SSL": "1"}, ["https://c:1"]),
        ("consul://?scheme=http", {"CONSUL_HTTP_ADDR": "https://c:1"}, ["http://c:1"]),
        ("consul://?scheme=http", {"CONSUL_HTTP_SSL": "1"}, ["http://127.0.0.1:8500"]),
        ("consul://d:2", {"CONSUL_HTTP_ADDR": "https://c:1"}, ["http://d:2"]),
    ],
)
def test_servers(uri: str, environ: dict[str, str], urls: list[str]) -> None:
    assert [server.url for server in parse(uri, **environ).servers] == urls


def test_the_source_names_the_servers_and_no_secret() -> None:
    options = parse("consul://?dc=dc2&token=hunter2", CONSUL_HTTP_ADDR="http://c:1")
    assert options.source == "consul://c:1?dc=dc2"
    assert "hunter2" not in repr(options)


@pytest.mark.parametrize(
    ("uri", "environ", "value", "origin"),
    [
        ("consul://", {}, "", "no token"),
        ("consul://?token=a", {"CONSUL_HTTP_TOKEN": "b"}, "a", "the token of the option token"),
        ("consul://", {"CONSUL_HTTP_TOKEN": "b"}, "b", "the token of CONSUL_HTTP_TOKEN"),
    ],
)
def test_token(uri: str, environ: dict[str, str], value: str, origin: str) -> None:
    token = parse(uri, **environ).token
    assert (token.read(), token.origin) == (value, origin)


def test_a_token_file_goes_before_the_environment() -> None:
    assert parse("consul://?token_file=/f", CONSUL_HTTP_TOKEN="b").token.origin == "token_file=/f"
    assert parse("consul://", CONSUL_HTTP_TOKEN_FILE="/g").token.origin == "CONSUL_HTTP_TOKEN_FILE=/g"


def test_tls_files() -> None:
    environ = {"CONSUL_CACERT": "ca", "CONSUL_CLIENT_CERT": "cert", "CONSUL_CLIENT_KEY": "key"}
    assert parse("consul://", **environ).tls == TlsFiles("ca", "cert", "key")
    assert parse("consul://?ca_file=x", **environ).tls == TlsFiles("x", "cert", "key")


def test_queries() -> None:
    options = parse("consul://?dc=d&namespace=n&consistency=stale&tag=a,%20b&filter=Service.Port==1&passing=on")
    assert options.query == (("dc", "d"), ("ns", "n"), ("stale", ""))
    assert options.narrowing == (("tag", "a"), ("tag", "b"), ("filter", "Service.Port==1"), ("passing", "1"))
    assert parse("consul://").query == parse("consul://?passing=off&consistency=default").narrowing == ()


def test_times() -> None:
    options = parse("consul://?wait=2m&timeout=250ms&interval=1s&deregister_after=5m")
    assert (options.wait, options.timeout, options.interval, options.deregister_after) == (120, 0.25, 1, 300)
    assert (parse("consul://").wait, parse("consul://").timeout) == (60, 5)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("consul://?tgs=a", "did you mean 'tag'"),
        ("consul://?wait=0", "wait=0"),
        ("consul://?wait=11m", "at most 600"),
        ("consul://?wait=soon", "not a duration"),
        ("consul://?timeout=0", "timeout=0"),
        ("consul://?consistency=strong", "default or stale or consistent"),
        ("consul://?scheme=ftp", "http or https"),
        ("consul://?endpoint_scheme=grpc", "http or https"),
        ("consul://?passing=maybe", "not a switch"),
        ("consul://?token=a&token_file=b", "not both"),
        ("consul://?key_file=k", "no certificate"),
        ("consul://c:8500/v1", "has a path"),
        ("consul://me:hunter2@c:8500", "user or password"),
        ("consul://c:99999", "99999|out of range"),
        ("consul://a,,b", "names no Consul agent"),
    ],
)
def test_mistakes_are_named(uri: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse(uri)
    assert "hunter2" not in str(caught.value)


def test_a_mistake_in_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match="CONSUL_HTTP_ADDR"):
        parse("consul://", CONSUL_HTTP_ADDR="unix:///run/consul.sock")


@pytest.mark.parametrize(
    ("uri", "advice"),
    [("consul://http:", "write host:port alone, and scheme=https"), ("consul://a:", "write its port")],
)
def test_an_empty_port_is_an_error_that_says_what_to_write(uri: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=f"ends without a port; {advice}"):
        ConsulOptions.parse(ResolverUri.parse(uri), {})
