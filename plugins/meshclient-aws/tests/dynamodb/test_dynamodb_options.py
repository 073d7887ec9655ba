"""What a ``dynamodb://`` URI may say, and what is refused in which words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.discovery.schemes import open_resolver
from meshclient.errors import ConfigError
from meshclient_aws.dynamodb.options import DynamoDbOptions
from meshclient_aws.dynamodb.registrar import DynamoDbRegistrar
from meshclient_aws.dynamodb.resolver import DynamoDbResolver


def parsed(text: str) -> DynamoDbOptions:
    return DynamoDbOptions.parse(ResolverUri.parse(text))


def test_the_defaults() -> None:
    options = parsed("dynamodb://my.Registry-1_x")
    assert (options.table, options.streams, options.interval, options.poll, options.pace) == (
        "my.Registry-1_x",
        True,
        30.0,
        5.0,
        0.25,
    )


def test_without_streams_it_is_polled_more_often() -> None:
    options = parsed("dynamodb://registry?streams=off")
    assert (options.streams, options.interval, options.poll) == (False, 5.0, 5.0)


def test_every_option_is_taken() -> None:
    options = parsed(
        "dynamodb://registry?region=eu-central-1&endpoint_url=http://127.0.0.1:8000&profile=dev&timeout=2s"
        "&streams=on&interval=1m&pace=1s"
    )
    assert (options.aws.region, options.aws.endpoint_url, options.aws.profile, options.aws.timeout) == (
        "eu-central-1",
        "http://127.0.0.1:8000",
        "dev",
        2.0,
    )
    assert (options.interval, options.poll, options.pace) == (60.0, 5.0, 1.0)
    assert parsed("dynamodb://registry?interval=2s").poll == 2.0
    assert parsed("dynamodb://registry?streams=off&interval=20s").poll == 20.0


@pytest.mark.parametrize(
    "uri",
    [
        "dynamodb://AKIAMINE:hush@registry",
        "dynamodb://registry/orders?endpoint_url=http://me:hush@localhost",
        "dynamodb://a,b?endpoint_url=me:hush@localhost",
        "dynamodb://registry?streams=maybe&endpoint_url=http://me:hush@localhost",
    ],
)
def test_a_password_in_the_wrong_place_is_refused_and_not_shown(uri: str) -> None:
    for kind in (DynamoDbResolver, DynamoDbRegistrar):
        with pytest.raises(ConfigError, match="holds a user or password") as caught:
            kind(ResolverUri.parse(uri))
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("dynamodb://", "'' in dynamodb:// is not the name of a DynamoDB table.*dynamodb://meshclient"),
        ("dynamodb://ab", "3 to 255"),
        ("dynamodb://a,b,c", "'a,b,c'"),
        ("dynamodb://registry/orders", "has a path"),
        ("dynamodb://registry?interval=0", "interval=0 in .* above 0"),
        ("dynamodb://registry?pace=0ms", "pace=0 in .* above 0"),
        ("dynamodb://registry?streams=maybe", "streams='maybe'"),
        ("dynamodb://registry?stream=on", "did you mean 'streams'"),
        ("dynamodb://registry?endpoint_url=localhost:8000", "endpoint_url"),
        ("dynamodb://registry?timeout=0", "timeout"),
    ],
)
def test_what_is_wrong_is_named(uri: str, words: str) -> None:
    for kind in (DynamoDbResolver, DynamoDbRegistrar):
        with pytest.raises(ConfigError, match=words):
            kind(ResolverUri.parse(uri))


def test_the_plugin_is_found_by_its_scheme() -> None:
    assert open_resolver("dynamodb://registry?streams=off").source == "dynamodb://registry?streams=off"


def test_a_resolver_costs_no_import_of_boto3() -> None:
    code = (
        "import sys; from meshclient.discovery.resolver import ResolverUri; import meshclient_aws as aws;"
        "aws.DynamoDbResolver(ResolverUri.parse('dynamodb://registry'));"
        "aws.DynamoDbRegistrar(ResolverUri.parse('dynamodb://registry'));"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
