"""What a URI and etcdctl's environment variables come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.http_registry.tls import TlsFiles
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_etcd.options import EtcdOptions

if TYPE_CHECKING:
    from pathlib import Path


def parse(uri: str, **environ: str) -> EtcdOptions:
    return EtcdOptions.parse(ResolverUri.parse(uri), environ)


@pytest.mark.parametrize(
    ("uri", "environ", "urls"),
    [
        ("etcd://", {}, ["http://127.0.0.1:2379"]),
        ("etcd://c", {}, ["http://c:2379"]),
        ("etcd://c:1/svc", {}, ["http://c:1"]),
        ("etcd://[fd00::1]", {}, ["http://[fd00::1]:2379"]),
        ("etcd://a:1,b,c:3?scheme=https", {}, ["https://a:1", "https://b:2379", "https://c:3"]),
        (
            "etcd:///svc",
            {"ETCDCTL_ENDPOINTS": "http://c:1,https://d:2, e"},
            ["http://c:1", "https://d:2", "http://e:2379"],
        ),
        ("etcd://?scheme=https", {"ETCDCTL_ENDPOINTS": "c:1"}, ["https://c:1"]),
        ("etcd://d:2", {"ETCDCTL_ENDPOINTS": "https://c:1"}, ["http://d:2"]),
    ],
)
def test_servers(uri: str, environ: dict[str, str], urls: list[str]) -> None:
    assert [server.url for server in parse(uri, **environ).servers] == urls


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        ("etcd://h", ""),
        ("etcd://h/", ""),
        ("etcd://h/services", "services/"),
        ("etcd://h/a/b/", "a/b/"),
        ("etcd://h//services", "/services/"),
        ("etcd://h//", "/"),
        ("etcd://h/%2Fa%20b", "/a b/"),
    ],
)
def test_prefix(uri: str, prefix: str) -> None:
    assert parse(uri).prefix == prefix


def test_the_source_names_the_servers_and_no_secret() -> None:
    options = parse("etcd:///svc?user=me&password=hunter2&wait=5s", ETCDCTL_ENDPOINTS="http://c:1,d")
    assert options.source == "etcd://c:1,d:2379/svc?user=me&wait=5s"
    assert "hunter2" not in repr(options)


@pytest.mark.parametrize(
    ("uri", "environ", "credentials"),
    [
        ("etcd://", {}, ("", "")),
        ("etcd://", {"ETCDCTL_PASSWORD": "d"}, ("", "")),
        ("etcd://?user=a&password=b", {"ETCDCTL_USER": "c:d"}, ("a", "b")),
        ("etcd://", {"ETCDCTL_USER": "c:d:e"}, ("c", "d:e")),
        ("etcd://", {"ETCDCTL_USER": "c", "ETCDCTL_PASSWORD": "d"}, ("c", "d")),
    ],
)
def test_credentials(uri: str, environ: dict[str, str], credentials: tuple[str, str]) -> None:
    options = parse(uri, **environ)
    assert (options.user, options.password.read()) == credentials


def test_a_password_file_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    options = parse(f"etcd://?user=a&password_file={tmp_path}/password", ETCDCTL_USER="c:d")
    assert (options.user, options.password.read()) == ("a", "hunter2")
    assert options.password.origin == f"password_file={tmp_path}/password"


def test_tls_files() -> None:
    environ = {"ETCDCTL_CACERT": "ca", "ETCDCTL_CERT": "cert", "ETCDCTL_KEY": "key"}
    assert parse("etcd://", **environ).tls == TlsFiles("ca", "cert", "key")
    assert parse("etcd://?ca_file=x", **environ).tls == TlsFiles("x", "cert", "key")


def test_times() -> None:
    options = parse("etcd://?wait=2m&timeout=250ms")
    assert (options.wait, options.timeout) == (120, 0.25)
    assert (parse("etcd://").wait, parse("etcd://").timeout) == (60, 5)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("etcd://?usr=a", "did you mean 'user'"),
        ("etcd://?wait=0", "wait=0"),
        ("etcd://?wait=soon", "not a duration"),
        ("etcd://?timeout=0", "timeout=0"),
        ("etcd://?scheme=ftp", "http or https"),
        ("etcd://?endpoint_scheme=grpc", "http or https"),
        ("etcd://?user=a&password=hunter2&password_file=b", "not both"),
        ("etcd://?password=hunter2", "no user"),
        ("etcd://?password_file=f", "no user"),
        ("etcd://?user=a", "no password"),
        ("etcd://?key_file=k", "no certificate"),
        ("etcd://me:hunter2@c:2379", "user or password"),
        ("etcd://c:99999", "99999|out of range"),
        ("etcd://a,,b", "names no etcd member"),
        ("etcd://http://c:1/svc", "host:port alone"),
        ("etcd://https://c:1/svc", "scheme=https"),
        ("etcd://a:1,c:/svc", "'c:' ends without a port"),
        ("etcd://a/%ff", "UTF-8"),
    ],
)
def test_mistakes_are_named(uri: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"ETCDCTL_ENDPOINTS": "unix:///run/etcd.sock"}, "ETCDCTL_ENDPOINTS"),
        ({"ETCDCTL_ENDPOINTS": "http://me:hunter2@c:1"}, "ETCDCTL_ENDPOINTS"),
        ({"ETCDCTL_USER": "me"}, "ETCDCTL_PASSWORD"),
    ],
)
def test_a_mistake_in_the_environment_is_named(environ: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        parse("etcd://", **environ)
    assert "hunter2" not in str(caught.value)
