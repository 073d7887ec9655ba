"""The fault suite of all resolvers, on DynamoDB Local with the table's stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fault_suite import FaultSuite, case
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamodb.conftest import Table

    from meshclient_aws.dynamodb.resolver import DynamoDbResolver
    from servers.dynamodb_local import DynamoDbLocal
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("dynamodb", "faults")

SECRET = "h5Tz1-secret-of-the-fault-suite"


def refused(code: str, status: int = 400) -> HttpFault:
    body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": f"says {code}"})
    return HttpFault(status=status, body=body, headers={"Content-Type": "application/x-amz-json-1.0"})


def replaced(body: str) -> HttpFault:
    return HttpFault(body=body, set_headers={"x-amz-crc32": None})


class TestDynamoDbFaults(FaultSuite):
    secrets = (SECRET,)
    gone = (
        case(LinkFault(refuse=True, reset=True), says=["not answered"]),
        case(LinkFault(blackhole=True, reset=True), says=["not answered"]),
    )
    silence = (case(HttpFault(hang=True), says=["not answered"]),)
    half_open = (
        case(LinkFault(freeze=True), says=["not answered"]),
        case(LinkFault(sever=True, refuse=True), says=["not answered"]),
    )
    errors = (
        case(HttpFault(status=500, body="oops"), says=["500"]),
        case(refused("InternalServerError", 500), says=["InternalServerError"]),
        case(refused("ExpiredTokenException"), says=["refused", "expired"]),
        case(refused("UnrecognizedClientException"), says=["refused", "credentials are wrong"]),
        case(refused("ResourceNotFoundException"), says=["meshclient aws dynamodb-table"]),
    )
    throttles = (
        case(refused("ProvisionedThroughputExceededException"), says=["throttled", "ProvisionedThroughputExceeded"]),
        case(refused("ThrottlingException"), says=["throttled", "ThrottlingException"]),
        case(HttpFault(status=503, body="<html>Service Unavailable</html>"), says=["503"]),
    )
    garbage = (
        case(replaced("{}"), says=["malformed"]),
        case(replaced('{"Items": null}'), says=["malformed"]),
        case(replaced("<html>It works!</html>"), says=["malformed"]),
    )
    truncation = (case(HttpFault(truncate=40), says=["malformed"]),)
    denial = ("denied", "dynamodb:Query")
    loss = ("ResourceNotFoundException", "meshclient aws dynamodb-table registry-")

    @pytest.fixture(autouse=True)
    def _registry(
        self, dynamodb: DynamoDbLocal, table: Table, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        # Seconds between two queries while the stream fails, as it does where the outage began before it was found.
        monkeypatch.setattr("meshclient_aws.dynamodb.options.POLL_INTERVAL", 0.2)
        self.server, self.table = dynamodb, table
        self.proxy = fault_proxy.http("127.0.0.1", int(table.url.rpartition(":")[2]))

    def resolver(self, timeout: float) -> DynamoDbResolver:
        return self.table.resolver("interval=1h", f"timeout={timeout}", url=self.proxy.url)

    def place(self, number: int) -> str:
        return f"{super().place(number).partition(':')[0]}:{8000 + number}"

    def write(self, name: str, numbers: Sequence[int]) -> None:
        self.table.put_many(name, numbers)

    def fill(self, name: str, count: int) -> None:
        """More than the megabyte of a page."""
        self.table.put_many(name, range(count), padding={"S": "." * 100})

    def remove(self, name: str, number: int) -> None:
        self.table.delete(name, number)

    def deny(self) -> None:
        """DynamoDB Local takes any key."""
        self.apply(refused("AccessDeniedException"))

    def prepare(self) -> None:
        self.table.create()
