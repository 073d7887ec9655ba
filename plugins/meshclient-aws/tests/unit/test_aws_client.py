"""How a boto3 client is held, and what its exceptions become."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
    SSOTokenLoadError,
)
from botocore.parsers import ResponseParserError

from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient_aws import client as module
from meshclient_aws.client import AwsClient
from meshclient_aws.errors import THROTTLED, AwsDenied, AwsError, AwsThrottled, AwsUnreachable
from meshclient_aws.options import AwsOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = Callable[[Callable[..., dict[str, object]]], list["Fake"]]

OPTIONS = AwsOptions(region="eu-1", endpoint_url="http://127.0.0.1:1")


class Fake:
    """A boto3 client whose every operation does one thing."""

    def __init__(self, operation: Callable[..., dict[str, object]]) -> None:
        self._operation = operation

    def __getattr__(self, name: str) -> Callable[..., dict[str, object]]:
        return self._operation


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """Puts clients with this operation in boto3's place; the list of those that were made."""

    def put(operation: Callable[..., dict[str, object]]) -> list[Fake]:
        clients: list[Fake] = []

        def make(service: str, options: AwsOptions) -> Fake:
            time.sleep(0.02)  # long enough for others to come meanwhile
            clients.append(Fake(operation))
            return clients[-1]

        monkeypatch.setattr(module, "make_client", make)
        return clients

    return put


def refused(code: str, message: str = "said by this test") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DiscoverInstances")


def ask(client: AwsClient) -> object:
    return asyncio.run(client.call("discover_instances", "service 'orders'", MaxResults=7))


def test_the_answer_comes_from_another_thread_with_its_parameters(made: Made) -> None:
    made(lambda **parameters: {**parameters, "thread": threading.get_ident()})
    answer = ask(AwsClient("servicediscovery", OPTIONS))
    assert isinstance(answer, dict)
    assert answer["MaxResults"] == 7
    assert answer["thread"] != threading.get_ident()


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (refused("ServiceNotFound"), AwsError, ["failed (ServiceNotFound: said by this test)"]),
        (refused("RequestLimitExceeded"), AwsThrottled, ["was throttled"]),
        (refused("AccessDeniedException"), AwsDenied, ["IAM action servicediscovery:DiscoverInstances"]),
        (refused("ExpiredTokenException"), AwsDenied, ["credentials are wrong or have expired"]),
        (refused("IncompleteSignatureException"), AwsDenied, ["credentials are wrong or have expired"]),
        (refused("500", ""), AwsError, ["failed (500)"]),
        (EndpointConnectionError(endpoint_url="http://x"), AwsUnreachable, ["was not answered"]),
        (ReadTimeoutError(endpoint_url="http://x"), AwsUnreachable, ["was not answered"]),
        (CredentialRetrievalError(provider="role", error_msg="no"), AwsDenied, ["was not sent", "role"]),
        (SSOTokenLoadError(error_msg="run aws sso login"), AwsDenied, ["was not sent", "run aws sso login"]),
        (ParamValidationError(report="odd"), AwsError, ["was not sent", "odd"]),
        (ResponseParserError("no XML"), AwsError, ["malformed", "no XML"]),
        (ValueError("odd"), AwsError, ["malformed", "odd"]),
        (KeyError("odd"), AwsError, ["malformed", "odd"]),
        (IndexError("odd"), AwsError, ["malformed", "odd"]),
        (AttributeError("'list' object has no attribute 'get'"), AwsError, ["malformed", "no attribute 'get'"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_an_exception_becomes(made: Made, raised: Exception, error: type[AwsError], words: list[str]) -> None:
    def operation(**_: object) -> dict[str, object]:
        raise raised

    made(operation)
    with pytest.raises(error) as caught:
        ask(AwsClient("servicediscovery", OPTIONS))
    assert type(caught.value) is error
    for word in ("AWS DiscoverInstances for service 'orders' at http://127.0.0.1:1", *words):
        assert word in str(caught.value)
    if isinstance(raised, ClientError):
        assert caught.value.code == raised.response["Error"]["Code"]


@pytest.mark.parametrize(
    ("service", "action"),
    [("dynamodbstreams", "dynamodb:GetRecords"), ("dynamodb", "dynamodb:GetRecords"), ("ecs", "ecs:GetRecords")],
)
def test_the_iam_action_is_named_as_policies_name_it(made: Made, service: str, action: str) -> None:
    def operation(**_: object) -> dict[str, object]:
        raise refused("AccessDeniedException")

    made(operation)
    with pytest.raises(AwsDenied, match=f"the credentials need the IAM action {action}$"):
        asyncio.run(AwsClient(service, OPTIONS).call("get_records", "table 'registry'"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (AwsOptions("eu central 1"), "'eu central 1'"),
        (AwsOptions("eu-1", "http://"), "http://"),
        (AwsOptions("eu-1", "http://me and you:80"), "me and you"),
    ],
)
def test_what_botocore_can_make_no_client_of_is_no_outage(options: AwsOptions, words: str) -> None:
    with pytest.raises(
        AwsError, match=f"DiscoverInstances for service 'orders' at .* was not sent: .*{words}"
    ) as caught:
        ask(AwsClient("servicediscovery", options))
    assert type(caught.value) is AwsError


@pytest.mark.parametrize("code", sorted(THROTTLED))
def test_every_name_of_throttling(made: Made, code: str) -> None:
    def operation(**_: object) -> dict[str, object]:
        raise refused(code)

    made(operation)
    with pytest.raises(AwsThrottled):
        ask(AwsClient("servicediscovery", OPTIONS))


def test_one_client_is_made_for_calls_that_come_together(made: Made) -> None:
    clients = made(lambda **_: {})
    client = AwsClient("servicediscovery", OPTIONS)

    async def check() -> None:
        await asyncio.gather(*(client.call("discover_instances", "service 'orders'") for _ in range(20)))

    asyncio.run(check())
    assert len(clients) == 1


def test_refused_credentials_are_read_anew_once(made: Made) -> None:
    """Twenty calls that fail together throw one client away, not the one that took its place."""
    together, attempts = threading.Barrier(20), iter(range(1000))

    def operation(**_: object) -> dict[str, object]:
        if next(attempts) < 20:
            together.wait(5)
            raise refused("ExpiredToken")
        return {}

    clients = made(operation)
    client = AwsClient("servicediscovery", OPTIONS)

    async def check() -> None:
        calls = (client.call("discover_instances", "service 'orders'") for _ in range(20))
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(failure, AwsDenied) for failure in failures)
        await client.call("discover_instances", "service 'orders'")
        await client.call("discover_instances", "service 'orders'")

    asyncio.run(check())
    assert len(clients) == 2


def test_a_forked_child_makes_its_own(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does so although a thread of its parent's held the lock."""
    clients = made(lambda **_: {})
    client = AwsClient("servicediscovery", OPTIONS)
    ask(client)
    with client._held.lock:
        monkeypatch.setattr(os, "getpid", lambda: -1)
        ask(client)
    assert len(clients) == 2


def test_a_call_that_hangs_is_given_up(made: Made) -> None:
    release = threading.Event()

    def operation(**_: object) -> dict[str, object]:
        release.wait(10)
        return {}

    made(operation)
    try:
        with pytest.raises(AwsUnreachable, match=r"DiscoverInstances for service 'orders'.*within 300ms"):
            ask(AwsClient("servicediscovery", replace(OPTIONS, timeout=0.1)))
    finally:
        release.set()


def test_without_a_region_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AwsError, match=r"the default region was not sent.*add region="):
        ask(AwsClient("servicediscovery", AwsOptions()))
    with pytest.raises(AwsError, match=r"profile.*nobody"):
        ask(AwsClient("servicediscovery", AwsOptions(region="eu-1", profile="nobody")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("endpoint_url=localhost:4566", "write http://"),
        ("endpoint_url=http://me:mine@localhost", "holds a user or password: AWS takes neither"),
        ("endpoint_url=me:mine@localhost", "holds a user or password: AWS takes neither"),
        ("timeout=0", "above 0"),
        ("timeout=soon", "timeout='soon'"),
    ],
)
def test_wrong_options(options: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        AwsOptions.parse(ResolverUri.parse(f"cloudmap://prod?{options}"))
    assert "mine" not in str(caught.value)


def test_right_options() -> None:
    uri = ResolverUri.parse("cloudmap://prod?region=eu-1&endpoint_url=https://x&profile=p&timeout=250ms")
    assert AwsOptions.parse(uri) == AwsOptions("eu-1", "https://x", "p", 0.25)
