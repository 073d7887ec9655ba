"""The registrar ``dynamodb://``: one item for each instance, written under conditions.

Each registrar has a token of its own, which stands in its items as `owner`: it renews and deletes nothing else. An id
that is taken is refused only where it would tear an instance out from under somebody: the item lives, belongs to
another owner, and is at another address. The same address is a successor, since two processes cannot both listen there,
and a service that comes back after a crash must not wait for its own lease to run out.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.registration.registrar import LeaseLost
from meshclient_aws.client import AwsClient
from meshclient_aws.dynamodb.item import (
    EXPIRES,
    HEARTBEAT,
    INSTANCE,
    OWNER,
    encode_item,
    encode_lifetime,
    instance_id,
    item_key,
)
from meshclient_aws.dynamodb.options import DynamoDbOptions
from meshclient_aws.dynamodb.resolver import no_table
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.registration.registrar import Registration
    from meshclient_aws.dynamodb.stream import Client

_REFUSED = "ConditionalCheckFailedException"
# Attribute names go in by alias: many plain words are reserved in DynamoDB's expressions.
_NAMES = {"#instance": INSTANCE, "#owner": OWNER, "#expires": EXPIRES, "#heartbeat": HEARTBEAT, "#host": "host"}
_NAMES |= {"#port": "port"}


class DynamoDbRegistrar:
    """Lists instances as items of a table, each with a lifetime that is renewed.

    Args:
        uri: the same URI as the resolver's.
        wall_clock: seconds since the epoch; the clocks of readers must agree with it to well within the ttl.
        owner: what tells this registrar's items from others'; drawn at random unless given.

    Attributes:
        propagation: seconds until readers no longer see an instance that was taken out: those that have to poll.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(
        self, uri: ResolverUri, *, wall_clock: Callable[[], float] = time.time, owner: str | None = None
    ) -> None:
        self._options = DynamoDbOptions.parse(uri)
        self.source = self._options.source
        self.propagation = self._options.poll * (1 + JITTER)
        self._client: Client = AwsClient("dynamodb", self._options.aws)
        self._wall_clock = wall_clock
        self._owner = owner or secrets.token_hex(8)

    async def register(self, registration: Registration) -> None:
        """List the instance, in place of an item of its own, an expired one, or one at the same address.

        Raises AwsError where the id belongs to a living instance elsewhere, and where the table cannot be written.
        """
        now = self._wall_clock()
        item = encode_item(registration, self._owner, now)
        values = {":owner": item[OWNER], ":host": item["host"], ":port": item["port"], ":now": {"N": f"{int(now)}"}}
        condition = (
            "attribute_not_exists(#instance) OR #owner = :owner OR #expires <= :now "
            "OR (#host = :host AND #port = :port)"
        )
        try:
            await self._write(
                "put_item",
                registration,
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames=_named("#instance", "#owner", "#expires", "#host", "#port"),
                ExpressionAttributeValues=values,
            )
        except AwsError as exc:
            if exc.code != _REFUSED:
                raise
            raise AwsError(
                f"{self._about(registration)} is alive at another address and belongs to another process: "
                f"give each instance an id of its own, or wait until the item has expired",
                exc.code,
            ) from None

    async def renew(self, registration: Registration) -> None:
        """Put off the end of the item by another ttl; its status stays as it is.

        Raises LeaseLost where the item is gone or has another owner, AwsError for any other failure.
        """
        lifetime = encode_lifetime(self._wall_clock(), registration.ttl)
        try:
            await self._write(
                "update_item",
                registration,
                Key=item_key(registration),
                UpdateExpression="SET #expires = :expires, #heartbeat = :heartbeat",
                ConditionExpression="attribute_exists(#instance) AND #owner = :owner",
                ExpressionAttributeNames=_named("#instance", "#owner", "#expires", "#heartbeat"),
                ExpressionAttributeValues={
                    ":owner": {"S": self._owner},
                    ":expires": lifetime[EXPIRES],
                    ":heartbeat": lifetime[HEARTBEAT],
                },
            )
        except AwsError as exc:
            if exc.code != _REFUSED:
                raise
            raise LeaseLost(f"{self._about(registration)} is gone or belongs to another process") from None

    async def deregister(self, registration: Registration) -> None:
        """Delete the item; one that is gone or has another owner by now is left at that."""
        try:
            await self._write(
                "delete_item",
                registration,
                Key=item_key(registration),
                ConditionExpression="attribute_not_exists(#instance) OR #owner = :owner",
                ExpressionAttributeNames=_named("#instance", "#owner"),
                ExpressionAttributeValues={":owner": {"S": self._owner}},
            )
        except AwsError as exc:
            if exc.code != _REFUSED:
                raise

    async def close(self) -> None:
        """Nothing is held between calls but idle connections."""

    async def _write(self, operation: str, registration: Registration, **parameters: object) -> None:
        table = self._options.table
        try:
            await self._client.call(operation, self._about(registration), TableName=table, **parameters)
        except AwsError as exc:
            if exc.code == _REFUSED:
                raise
            raise no_table(exc, table) from None

    def _about(self, registration: Registration) -> str:
        what = f"instance {instance_id(registration)!r} of service '{registration.service}'"
        return f"{what} in table '{self._options.table}'"


def _named(*aliases: str) -> dict[str, str]:
    return {alias: _NAMES[alias] for alias in aliases}
