"""The resolver contract, on DynamoDB Local behind a proxy that breaks connections; with the stream and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from meshclient.registration.registrar import Registration
from meshclient.testing.resolver_contract import ResolverContract
from meshclient_aws.dynamodb.item import encode_item, item_key
from servers.faults import HttpFault, LinkFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynamodb.conftest import Table

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient_aws.dynamodb.resolver import DynamoDbResolver
    from servers.faultproxies import FaultProxies

pytestmark = pytest.mark.registry("dynamodb")
SECRET = "qJ7x0vUe2mTb5sWc9dLh"
FAR = 4e9
BATCH = 25


class Contract(ResolverContract):
    can_corrupt = True
    secret_values = (SECRET,)
    options: ClassVar[tuple[str, ...]]

    @pytest.fixture(autouse=True)
    def _registry(self, table: Table, fault_proxy: FaultProxies, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        self.table = table
        self.proxy = fault_proxy.http("127.0.0.1", int(table.url.rpartition(":")[2]))

    def resolver(self) -> DynamoDbResolver:
        return self.table.resolver(*self.options, url=self.proxy.url)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        answer = self.table.call(
            "Query",
            TableName=self.table.name,
            KeyConditionExpression="#s = :s",
            ExpressionAttributeNames={"#s": "service"},
            ExpressionAttributeValues={":s": {"S": name.value}},
            ConsistentRead=True,
        )
        wanted = {f"{name}-{e.host}-{e.port}": Registration(name, e, ttl=FAR) for e in endpoints}
        gone = [item for item in answer["Items"] if item["instance"]["S"] not in wanted]
        requests: list[object] = [
            {"DeleteRequest": {"Key": {key: item[key] for key in ("service", "instance")}}} for item in gone
        ]
        for registration in wanted.values():
            requests.append({"PutRequest": {"Item": encode_item(registration, "somebody", 0.0)}})
            assert item_key(registration)["service"] == {"S": name.value}
        for start in range(0, len(requests), BATCH):
            self.table.call("BatchWriteItem", RequestItems={self.table.name: requests[start : start + BATCH]})

    def break_registry(self) -> None:
        self.proxy.set(LinkFault(reset=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        self.proxy.set(HttpFault(body="[{"))


class TestStreamsContract(Contract):
    many = 1000
    options = ("streams=on", "interval=500ms")


class TestPollingContract(Contract):
    options = ("streams=off", "interval=100ms")
