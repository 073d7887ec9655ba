"""What a URI, a pod's account and the environment come to."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName
from meshclient_kubernetes.options import KubernetesOptions, PortChoice
from meshclient_kubernetes.place import Place

SERVER = "server=https://k:6443"
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def parse(uri: str, environ: dict[str, str] | None = None, account: Path = Path("/nowhere")) -> KubernetesOptions:
    return KubernetesOptions.parse(ResolverUri.parse(uri), environ or {}, account)


def test_defaults() -> None:
    options = parse(f"kubernetes://shop?{SERVER}")
    assert (options.namespace, options.timeout, options.wait, options.family) == ("shop", 5, 120, "")
    assert (options.access.url, options.access.where) == ("https://k:6443", "k:6443")
    assert options.choice == PortChoice()
    assert not options.access.token.given


def test_everything() -> None:
    options = parse(f"kubernetes://shop/?{SERVER}/&port=08080&endpoint_scheme=https&family=ipv6&wait=1s&timeout=250ms")
    assert options.choice == PortChoice("8080", "https")
    assert (options.family, options.wait, options.timeout, options.access.url) == ("ipv6", 1, 0.25, "https://k:6443")


def test_a_pods_account(tmp_path: Path) -> None:
    (tmp_path / "namespace").write_text("shop\n")
    (tmp_path / "token").write_text("one")
    options = parse("kubernetes://", POD, tmp_path)
    access = options.access
    assert (options.namespace, access.url, access.tls.ca_file) == (
        "shop",
        "https://10.96.0.1:443",
        f"{tmp_path}/ca.crt",
    )
    assert access.token.read() == "one"
    (tmp_path / "token").write_text("another")
    assert access.token.read() == "another"
    assert parse("kubernetes://other", POD, tmp_path).namespace == "other"
    assert parse("kubernetes://", POD).namespace == "default"


def test_a_pod_in_an_ipv6_cluster() -> None:
    assert parse("kubernetes://", {"KUBERNETES_SERVICE_HOST": "fd00::1"}).access.url == "https://[fd00::1]:443"


def test_the_pods_token_does_not_go_to_another_server(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    access = parse(f"kubernetes://?{SERVER}", POD, tmp_path).access
    assert (access.url, access.token.read(), access.tls.ca_file) == ("https://k:6443", "", "")


def test_in_a_pod_kubeconfig_of_the_environment_does_not_count() -> None:
    assert parse("kubernetes://", POD | {"KUBECONFIG": "/nowhere"}).access.url == "https://10.96.0.1:443"
    with pytest.raises(ConfigError, match="KUBECONFIG=/nowhere/x cannot be read: No such file"):
        parse("kubernetes://", {"KUBECONFIG": "/nowhere/x"})


@pytest.mark.parametrize("server", ["http://127.0.0.1:8001", "http://localhost:8001", "http://[::1]:8001"])
def test_a_token_may_go_to_loopback_in_the_clear(server: str) -> None:
    assert parse(f"kubernetes://?server={server}&token_file=/t").access.token.given


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("kubernetes://shop", "finds no API server"),
        (f"kubernetes://shop/x?{SERVER}", "has a path"),
        (f"kubernetes://Shop_1?{SERVER}", "is not a namespace"),
        (f"kubernetes://10.0.0.1:6443?{SERVER}", "is not a namespace"),
        ("kubernetes://me:hunter2@shop.example?server=https://k", "'shop.example' is not a namespace"),
        ("kubernetes://shop/x?server=https://me:hunter2@k", "has a path, '/x'"),
        ("kubernetes://?server=k:6443", "no address of an API server"),
        ("kubernetes://?server=https://k:99999", "no address of an API server"),
        ("kubernetes://?server=https://k/?x=1", "no address of an API server"),
        ("kubernetes://?server=https://me:hunter2@k", "no address of an API server"),
        (f"kubernetes://?{SERVER}&kubeconfig=/x", "not both"),
        (f"kubernetes://?{SERVER}&key_file=/x", "no certificate"),
        ("kubernetes://?server=http://k&token_file=/x", "in the clear"),
        (f"kubernetes://?{SERVER}&port=0", "port='0'"),
        (f"kubernetes://?{SERVER}&port=70000", "port='70000'"),
        (f"kubernetes://?{SERVER}&port=a_b", "port='a_b'"),
        (f"kubernetes://?{SERVER}&family=ipv5", "ipv4 or ipv6"),
        (f"kubernetes://?{SERVER}&endpoint_scheme=ftp", "http or https"),
        (f"kubernetes://?{SERVER}&wait=100ms", "at least 1"),
        (f"kubernetes://?{SERVER}&timeout=0", "above 0"),
        (f"kubernetes://?{SERVER}&prot=1", "did you mean 'port'"),
    ],
)
def test_what_is_wrong_is_named(uri: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(uri)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("orders", Place("orders", "shop")),
        ("orders.billing", Place("orders", "billing")),
        ("orders.billing.svc", Place("orders", "billing")),
        ("orders.billing.svc.cluster.local", Place("orders", "billing")),
        ("orders.svc", Place("orders", "svc")),
        ("svc.svc.svc", Place("svc", "svc")),
        ("orders.svc.cluster.local", None),
        ("orders.billing.svc.clusterset.local", None),
        ("orders.billing.svc.cluster", None),
        ("orders.billing.pod.cluster.local", None),
        ("pod-0.orders.billing.svc.cluster.local", None),
        ("orders.b_c.svc", None),
        ("with_underscore", None),
        ("orders.b_c", None),
        ("a" * 64, None),
    ],
)
def test_names(name: str, place: Place | None) -> None:
    assert Place.parse(ServiceName(name), "shop") == place
