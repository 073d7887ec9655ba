"""What the URI may say."""

from __future__ import annotations

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_aws.route53.options import Route53Options, Routing
from meshclient_aws.route53.registrar import Route53Registrar


def parse(text: str) -> Route53Options:
    return Route53Options.parse(ResolverUri.parse(text))


def test_defaults() -> None:
    options = parse("route53://Prod.Internal.")
    assert (options.zone, options.by_id) == ("prod.internal", False)
    assert (options.ttl, options.routing, options.proto) == (10, Routing.SIMPLE, "tcp")
    assert (options.health_check, options.check, options.insync) == (False, 60.0, 0.0)
    assert options.propagation == 70.0


def test_everything_can_be_said() -> None:
    options = parse(
        "route53://Z0123456789ABC?ttl=1m&routing=weighted&proto=_udp&health_check=on&check=5&insync=30s"
        "&propagation=2m&region=eu-central-1&endpoint_url=http://127.0.0.1:1&profile=p&timeout=1"
    )
    assert (options.zone, options.by_id, options.ttl, options.proto) == ("Z0123456789ABC", True, 60, "udp")
    assert (options.routing, options.health_check) == (Routing.WEIGHTED, True)
    assert (options.check, options.insync, options.propagation) == (5.0, 30.0, 120.0)
    assert (options.aws.region, options.aws.timeout) == ("eu-central-1", 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("route53://", "names no hosted zone"),
        ("route53://prod.internal/x", "has a path"),
        ("route53://prod..internal", "names no hosted zone"),
        ("route53://a.b?ttl=0.5", "whole seconds"),
        ("route53://a.b?ttl=-1", "ttl"),
        ("route53://a.b?routing=latency", "known: simple, multivalue, weighted"),
        ("route53://a.b?proto=sctp", "known: tcp, udp, tls"),
        ("route53://a.b?health_check=on", "routing=multivalue"),
        ("route53://a.b?check=-1", "check"),
        ("route53://a.b?tll=5", "did you mean 'ttl'"),
        ("route53://a.b?endpoint_url=127.0.0.1", "is not a URL"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(text)


def test_the_registrar_tells_how_long_its_farewell_takes_to_spread() -> None:
    assert Route53Registrar(ResolverUri.parse("route53://a.b?ttl=30")).propagation == 90.0


def test_the_registrar_is_found_by_its_scheme() -> None:
    from meshclient.registration.schemes import open_registrar

    assert isinstance(open_registrar("route53://a.b"), Route53Registrar)
