"""Tables for the tests of ``dynamodb://``: on DynamoDB Local, and on moto where it takes what that cannot do."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from meshclient.discovery.resolver import ResolverUri
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.registrar import Registration
from meshclient_aws.dynamodb.item import encode_item
from meshclient_aws.dynamodb.registrar import DynamoDbRegistrar
from meshclient_aws.dynamodb.resolver import DynamoDbResolver
from meshclient_aws.dynamodb.table import definition
from servers.dynamodb_local import DynamoDbLocal, dynamodb_call
from servers.fixtures import shared_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from servers.aws import Aws

BATCH = 25
# Far enough for no test to see it end.
LONG = 3600.0


class Table:
    """A table of a test's own, and the URI that leads to it."""

    def __init__(self, url: str, *, streams: bool = True, ttl: bool = True) -> None:
        self.name = f"registry-{secrets.token_hex(4)}"
        self.url = url
        self._streams = streams
        self._ttl = ttl
        self.create()

    def create(self) -> None:
        wanted = definition(self.name)
        if not self._streams:
            del wanted["StreamSpecification"]
        self.call("CreateTable", **wanted)
        if self._ttl:
            ttl = {"Enabled": True, "AttributeName": "expires"}
            self.call("UpdateTimeToLive", TableName=self.name, TimeToLiveSpecification=ttl)

    def call(self, operation: str, **parameters: object) -> Any:
        return dynamodb_call(self.url, operation, **parameters)

    def uri(self, *options: str, url: str = "") -> str:
        pace = () if any(option.startswith("pace=") for option in options) else ("pace=40ms",)
        given = ("region=us-east-1", f"endpoint_url={url or self.url}", *pace, *options)
        return f"dynamodb://{self.name}?{'&'.join(given)}"

    def resolver(self, *options: str, url: str = "", wall_clock: Callable[[], float] = time.time) -> DynamoDbResolver:
        return DynamoDbResolver(ResolverUri.parse(self.uri(*options, url=url)), wall_clock=wall_clock)

    def registrar(self, *options: str, url: str = "", wall_clock: Callable[[], float] = time.time) -> DynamoDbRegistrar:
        return DynamoDbRegistrar(ResolverUri.parse(self.uri(*options, url=url)), wall_clock=wall_clock)

    def put(self, service: str, number: int, **attributes: object) -> str:
        """Write an instance as somebody else's process does; its id."""
        item = listed(service, number) | attributes
        self.call("PutItem", TableName=self.name, Item=item)
        return instance(number)

    def put_many(self, service: str, numbers: Sequence[int], **attributes: object) -> list[str]:
        rows = [{"PutRequest": {"Item": listed(service, number) | attributes}} for number in numbers]
        batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        with ThreadPoolExecutor(4) as pool:
            answers = list(
                pool.map(lambda batch: self.call("BatchWriteItem", RequestItems={self.name: batch}), batches)
            )
        assert not any(answer["UnprocessedItems"] for answer in answers)
        return [instance(number) for number in numbers]

    def delete(self, service: str, number: int) -> None:
        self.call("DeleteItem", TableName=self.name, Key=key(service, instance(number)))

    def item(self, service: str, name: str) -> dict[str, Any] | None:
        answer = self.call("GetItem", TableName=self.name, Key=key(service, name), ConsistentRead=True)
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def set_number(self, service: str, name: str, attribute: str, value: float) -> None:
        self.call(
            "UpdateItem",
            TableName=self.name,
            Key=key(service, name),
            UpdateExpression="SET #a = :v",
            ExpressionAttributeNames={"#a": attribute},
            ExpressionAttributeValues={":v": {"N": str(value)}},
        )

    def set_text(self, service: str, name: str, attribute: str, value: str) -> None:
        self.call(
            "UpdateItem",
            TableName=self.name,
            Key=key(service, name),
            UpdateExpression="SET #a = :v",
            ExpressionAttributeNames={"#a": attribute},
            ExpressionAttributeValues={":v": {"S": value}},
        )


def key(service: str, name: str) -> dict[str, object]:
    return {"service": {"S": service}, "instance": {"S": name}}


def instance(number: int) -> str:
    return f"i{number:04d}"


def registration(service: str, number: int = 0, *, ttl: float = LONG) -> Registration:
    host = f"127.1.{number // 250}.{number % 250 + 1}"
    return Registration(ServiceName(service), Endpoint(host, 8000 + number, id=instance(number)), ttl=ttl)


def listed(service: str, number: int) -> dict[str, object]:
    return encode_item(registration(service, number), "somebody", time.time())


class Tables:
    """What tests reach without importing a conftest."""

    make = Table
    registration = staticmethod(registration)
    instance = staticmethod(instance)
    listed = staticmethod(listed)

    @staticmethod
    def fresh() -> str:
        return f"web-{secrets.token_hex(4)}"


@pytest.fixture
def tables() -> Tables:
    return Tables()


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[DynamoDbLocal]:
    """DynamoDB Local, shared by the session."""
    with shared_as("dynamodb", DynamoDbLocal()) as server:
        yield server


@pytest.fixture
def table(dynamodb: DynamoDbLocal) -> Table:
    """A new table with a stream on DynamoDB Local."""
    return Table(dynamodb.url)


@pytest.fixture
def plain_table(dynamodb: DynamoDbLocal) -> Table:
    """A new table without a stream on DynamoDB Local."""
    return Table(dynamodb.url, streams=False)


@pytest.fixture
def hoard(dynamodb: DynamoDbLocal) -> Table:
    """A new table on DynamoDB Local that keeps what has expired: a TTL is at work there within a second, not days."""
    return Table(dynamodb.url, streams=False, ttl=False)


@pytest.fixture
def emulated(aws: Aws) -> Table:
    """A new table with a stream on moto, whose shards roll, are trimmed and expire at a word."""
    return Table(aws.url)
