"""The servers that a URI or a variable names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.discovery.http_registry.authority import Authority, named
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient.model.endpoint import Endpoint

AUTHORITY = Authority("Foo server", 1234, "token_file=", "FOO_ADDR")
HOSTS = st.ip_addresses().map(str) | st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}", fullmatch=True)
SERVERS = st.lists(st.builds(Endpoint, HOSTS, st.integers(1, 65535)), min_size=1, max_size=4).map(tuple)


def urls(uri: str, scheme: str = "http", **environ: str) -> list[str]:
    return [server.url for server in AUTHORITY.servers(ResolverUri.parse(uri), environ, scheme=scheme)]


@pytest.mark.parametrize(
    ("uri", "variable", "expected"),
    [
        ("foo://", "", ["http://127.0.0.1:1234"]),
        ("foo://a:1,b,[fd00::1],[fd00::1]:2", "", ["http://a:1", "http://b:1234", "http://[fd00::1]:1234", "http://[fd00::1]:2"]),
        ("foo://a?scheme=https", "", ["https://a:1234"]),
        ("foo://a", "b", ["http://a:1234"]),
        ("foo://", " b:1, c ", ["http://b:1", "http://c:1234"]),
        ("foo://", "https://b,https://c:1", ["https://b:443", "https://c:1"]),
        ("foo://?scheme=http", "https://c:1", ["http://c:1"]),
    ],
)  # fmt: skip
def test_servers(uri: str, variable: str, expected: list[str]) -> None:
    assert urls(uri, FOO_ADDR=variable) == expected


def test_the_callers_scheme_is_for_those_without_one() -> None:
    assert urls("foo://", "https", FOO_ADDR="a,http://b:1") == ["https://a:1234", "http://b:1"]
    assert urls("foo://a?scheme=http", "https") == ["http://a:1234"]


def test_without_a_variable_the_environment_does_not_count() -> None:
    alone = Authority("Foo server", 1234, "token_file=")
    assert named(alone.servers(ResolverUri.parse("foo://"), {"": "b", "FOO_ADDR": "b"})) == "127.0.0.1:1234"


@given(SERVERS)
def test_what_is_named_is_read_again(servers: tuple[Endpoint, ...]) -> None:
    assert AUTHORITY.servers(ResolverUri.parse(f"foo://{named(servers)}")) == servers


@pytest.mark.parametrize(
    ("uri", "variable", "problem"),
    [
        ("foo://a,,b", "", "foo:// names no Foo server: "),
        ("foo://a:99999", "", "foo:// names no Foo server: .*(99999|out of range)"),
        ("foo://http://a:1", "", "foo:// names no Foo server: 'http:' .* write host:port alone, and scheme=https"),
        ("foo://a:1,b:", "", "'b:' ends without a port; write its port"),
        ("foo://me:hunter2@a", "", r"foo:// holds a user or password .*give token_file= instead"),
        ("foo://a?scheme=ftp", "", "scheme='ftp' .* write http or https"),
        ("foo://", "unix:///run/foo.sock", "FOO_ADDR names no Foo server: "),
        ("foo://", "http://me:hunter2@a", "FOO_ADDR holds a user or password"),
    ],
)
def test_what_is_no_address_is_named(uri: str, variable: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        urls(uri, FOO_ADDR=variable)
    assert "hunter2" not in str(caught.value)
