"""What a cloudmap:// URI may say, and what is said of mistakes."""

from __future__ import annotations

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_aws import CloudMapRegistrar, CloudMapResolver
from meshclient_aws.cloudmap.options import CloudMapOptions
from meshclient_aws.options import AwsOptions


def parse(text: str) -> CloudMapOptions:
    return CloudMapOptions.parse(ResolverUri.parse(text))


def test_defaults() -> None:
    options = parse("cloudmap://prod.internal")
    assert options == CloudMapOptions(
        aws=AwsOptions(),
        namespace="prod.internal",
        source="cloudmap://prod.internal",
        interval=5.0,
        health_interval=20.0,
        health="HEALTHY_OR_ELSE_ALL",
        required=(),
        preferred=(),
        port=0,
        weight="weight",
        endpoint_scheme="",
        share=False,
        share_dir="",
        create=False,
        settle=30.0,
    )


def test_all_options() -> None:
    options = parse(
        "cloudmap://prod?region=eu-1&endpoint_url=http://x&profile=p&timeout=1s&interval=2s&health_interval=3s"
        "&health=healthy&param.b=2&param.a=1&optional.z=3&port=8080&weight=share&endpoint_scheme=https"
        "&share=on&share_dir=/run/x&create=on&settle=4s"
    )
    assert options.aws == AwsOptions("eu-1", "http://x", "p", 1.0)
    assert (options.interval, options.health_interval, options.settle) == (2.0, 3.0, 4.0)
    assert options.health == "HEALTHY"
    assert options.required == (("a", "1"), ("b", "2"))
    assert options.preferred == (("z", "3"),)
    assert (options.port, options.weight, options.endpoint_scheme) == (8080, "share", "https")
    assert (options.share, options.share_dir, options.create) == (True, "/run/x", True)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("cloudmap://", "names no namespace"),
        ("cloudmap://prod/orders", "names no namespace"),
        ("cloudmap://me@prod", "names no namespace"),
        ("cloudmap://prod?interval=0", "interval=0"),
        ("cloudmap://prod?health_interval=-1s", "health_interval"),
        ("cloudmap://prod?settle=0", "above 0"),
        ("cloudmap://prod?health=GOOD", "HEALTHY_OR_ELSE_ALL"),
        ("cloudmap://prod?param.=1", "names no attribute"),
        ("cloudmap://prod?port=70000", "port from 1 to 65535"),
        ("cloudmap://prod?port=8.5", "port='8.5'"),
        ("cloudmap://prod?endpoint_scheme=ftp", "http or https"),
        ("cloudmap://prod?share=perhaps", "not a switch"),
        ("cloudmap://prod?regoin=eu-1", "did you mean 'region'"),
    ],
)
@pytest.mark.parametrize("kind", [CloudMapResolver, CloudMapRegistrar])
def test_mistakes_are_named(uri: str, words: str, kind: type[CloudMapResolver | CloudMapRegistrar]) -> None:
    with pytest.raises(ConfigError, match=words):
        kind(ResolverUri.parse(uri))
