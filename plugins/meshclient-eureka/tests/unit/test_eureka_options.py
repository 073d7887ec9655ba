"""What a URI comes to."""

from __future__ import annotations

import pytest

from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_eureka.options import EurekaOptions


def parse(uri: str) -> EurekaOptions:
    return EurekaOptions.parse(ResolverUri.parse(uri))


@pytest.mark.parametrize(
    ("uri", "bases"),
    [
        ("eureka://", ["http://127.0.0.1:8761/eureka"]),
        ("eureka://e/eureka/", ["http://e:8761/eureka"]),
        ("eureka://e:1/", ["http://e:1/eureka"]),
        ("eureka://e:1/eureka/v2", ["http://e:1/eureka/v2"]),
        ("eureka://[fd00::1]", ["http://[fd00::1]:8761/eureka"]),
        ("eureka://[fd00::1]:1", ["http://[fd00::1]:1/eureka"]),
        ("eureka://a:1,b, c:3/r?scheme=https".replace(" ", ""), ["https://a:1/r", "https://b:8761/r", "https://c:3/r"]),
    ],
)
def test_servers(uri: str, bases: list[str]) -> None:
    options = parse(uri)
    assert [server.url + options.path for server in options.servers] == bases


def test_the_source_names_the_servers_and_no_secret() -> None:
    options = parse("eureka://a,b?by=vip&user=me&password=hunter2")
    assert options.source == "eureka://a:8761,b:8761/eureka?by=vip&user=me"
    assert "hunter2" not in repr(options)


def test_defaults() -> None:
    options = parse("eureka://e")
    assert (options.interval, options.timeout, options.propagation) == (30, 8, 60)
    assert (options.by, options.address, options.endpoint_scheme) == ("app", "host", "")
    assert options.login.header() == ""


def test_what_is_given_counts() -> None:
    options = parse("eureka://e?interval=100ms&timeout=2s&by=vip&address=ip&endpoint_scheme=https&ca_file=ca")
    assert (options.interval, options.timeout) == (0.1, 2)
    assert (options.by, options.address, options.endpoint_scheme) == ("vip", "ip", "https")
    assert options.tls == TlsFiles(ca_file="ca")
    assert options.propagation == pytest.approx(30.1)
    assert parse("eureka://e?interval=5s&propagation=2s").propagation == 2


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("eureka://?intervall=1", "did you mean 'interval'"),
        ("eureka://?interval=0", "interval=0"),
        ("eureka://?interval=soon", "not a duration"),
        ("eureka://?timeout=0", "timeout=0"),
        ("eureka://?by=name", "app or vip"),
        ("eureka://?address=dns", "host or ip"),
        ("eureka://?scheme=ftp", "http or https"),
        ("eureka://?endpoint_scheme=grpc", "http or https"),
        ("eureka://?user=me&password=hunter2&password_file=f", "not both"),
        ("eureka://?user=me", "missing"),
        ("eureka://?user=me:you&password=hunter2", "'me:you'.*colon"),
        ("eureka://?password=hunter2", "missing"),
        ("eureka://?key_file=k", "no certificate"),
        ("eureka://me:hunter2@e:8761", "user= and password_file="),
        ("eureka://e:99999", "99999|out of range"),
        ("eureka://a,,b", "names no Eureka server"),
        ("eureka://http://e:1/eureka", "host:port alone"),
        ("eureka://https://e:1/eureka", "scheme=https"),
        ("eureka://a:1,e:/eureka", "'e:' ends without a port"),
    ],
)
def test_mistakes_are_named(uri: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse(uri)
    assert "hunter2" not in str(caught.value)
