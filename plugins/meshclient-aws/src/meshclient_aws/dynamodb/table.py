"""The table that a registry needs, made where it is missing and completed where it is not as it should be.

The definition stands here once: as calls, and as a CloudFormation template for those who leave nothing to calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshclient_aws.client import AwsClient
from meshclient_aws.dynamodb.item import EXPIRES, INSTANCE, SERVICE
from meshclient_aws.errors import AwsError, AwsUnreachable

if TYPE_CHECKING:
    from meshclient_aws.dynamodb.stream import Client
    from meshclient_aws.options import AwsOptions

KEYS = {SERVICE: "HASH", INSTANCE: "RANGE"}
_TEXT = "S"
VIEW = "NEW_AND_OLD_IMAGES"
# Seconds; a table is active within half a minute, an update of one within a few.
PATIENCE = 120.0
_POLL = 0.5


def definition(name: str) -> dict[str, object]:
    """The parameters of CreateTable."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": _TEXT} for key in KEYS],
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in KEYS.items()],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": VIEW},
    }


def cloudformation(name: str) -> str:
    """The table as a CloudFormation template in YAML."""
    attributes = "".join(f"        - {{ AttributeName: {key}, AttributeType: {_TEXT} }}\n" for key in KEYS)
    schema = "".join(f"        - {{ AttributeName: {key}, KeyType: {kind} }}\n" for key, kind in KEYS.items())
    return (
        'AWSTemplateFormatVersion: "2010-09-09"\n'
        "Description: Registry of services for meshclient\n"
        "Resources:\n"
        "  Registry:\n"
        "    Type: AWS::DynamoDB::Table\n"
        "    Properties:\n"
        f'      TableName: "{name}"\n'
        "      BillingMode: PAY_PER_REQUEST\n"
        f"      AttributeDefinitions:\n{attributes}"
        f"      KeySchema:\n{schema}"
        "      StreamSpecification:\n"
        f"        StreamViewType: {VIEW}\n"
        "      TimeToLiveSpecification:\n"
        f"        AttributeName: {EXPIRES}\n"
        "        Enabled: true\n"
        "Outputs:\n"
        "  StreamArn:\n"
        "    Value: !GetAtt Registry.StreamArn\n"
    )


class Table:
    """A registry's table, to be brought into being.

    Args:
        name: the table's.
        options: which account's which region, reached how.
        patience: seconds after which a table that is not active is an error.
    """

    def __init__(self, name: str, options: AwsOptions, *, patience: float = PATIENCE) -> None:
        self._name = name
        self._client: Client = AwsClient("dynamodb", options)
        self._patience = patience

    async def ensure(self) -> list[str]:
        """Create the table, or add the stream and the TTL that it lacks, and wait until it is active.

        Returns what was done, in words; nothing where all was there. A table with a stream of another view type is
        left as it is: whoever reads that stream relies on it.

        Raises AwsError where the table has other keys or a TTL on another attribute, or AWS refuses.
        """
        done: list[str] = []
        if await self._described() is None:
            await self._create()
            done.append(f"table '{self._name}' was created")
        table = await self._active()
        self._check_keys(table)
        if not _streams(table):
            await self._call("update_table", StreamSpecification=definition(self._name)["StreamSpecification"])
            await self._active()
            done.append("its stream was enabled")
        if not await self._has_ttl():
            await self._call("update_time_to_live", TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES})
            done.append(f"its TTL was set to the attribute '{EXPIRES}'")
        return done

    async def _create(self) -> None:
        try:
            await self._client.call("create_table", self._about, **definition(self._name))
        except AwsError as exc:
            if exc.code != "ResourceInUseException":  # somebody else was faster
                raise

    async def _described(self) -> Mapping[str, object] | None:
        try:
            answer = await self._call("describe_table")
        except AwsError as exc:
            if exc.code == "ResourceNotFoundException":
                return None
            raise
        table = answer.get("Table")
        if not isinstance(table, Mapping):
            raise AwsError(f"AWS DescribeTable for {self._about} was answered with something malformed")
        return table

    async def _active(self) -> Mapping[str, object]:
        """The table once it is active."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    # A table that was just created may not be found for a moment: descriptions are not consistent.
                    table = await self._described()
                    if table is not None and table.get("TableStatus") == "ACTIVE":
                        return table
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            raise AwsUnreachable(f"{self._about} is not active after {self._patience:g} s") from None

    def _check_keys(self, table: Mapping[str, object]) -> None:
        schema = table.get("KeySchema")
        rows = [row for row in schema if isinstance(row, Mapping)] if isinstance(schema, list) else []
        keys = {row.get("AttributeName"): row.get("KeyType") for row in rows}
        definitions = table.get("AttributeDefinitions")
        typed = [row for row in definitions if isinstance(row, Mapping)] if isinstance(definitions, list) else []
        types = {row.get("AttributeName"): row.get("AttributeType") for row in typed}
        if keys != KEYS or any(types.get(key) != _TEXT for key in KEYS):
            found = ", ".join(f"{key} ({types.get(key)})" for key in keys)
            wanted = ", ".join(f"{key} ({_TEXT})" for key in KEYS)
            raise AwsError(
                f"{self._about} has the key {found} and not {wanted}: "
                "choose another name, the key of a table cannot be changed"
            )

    async def _has_ttl(self) -> bool:
        answer = await self._call("describe_time_to_live")
        found = answer.get("TimeToLiveDescription")
        if not isinstance(found, Mapping) or found.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            return False
        if (name := found.get("AttributeName")) != EXPIRES:
            raise AwsError(
                f"the TTL of {self._about} is set to the attribute '{name}' and not to '{EXPIRES}': "
                "choose another name, or disable that TTL first"
            )
        return True

    async def _call(self, operation: str, **parameters: object) -> Mapping[str, object]:
        return await self._client.call(operation, self._about, TableName=self._name, **parameters)

    @property
    def _about(self) -> str:
        return f"table '{self._name}'"


def _streams(table: Mapping[str, object]) -> bool:
    specification = table.get("StreamSpecification")
    return isinstance(specification, Mapping) and bool(specification.get("StreamEnabled"))
