"""The table, made and completed by ``meshclient aws dynamodb-table``."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from meshclient_aws.command import aws as command
from meshclient_aws.dynamodb.table import Table, definition
from meshclient_aws.errors import AwsError, AwsUnreachable
from meshclient_aws.options import AwsOptions
from servers.faults import HttpFault

if TYPE_CHECKING:
    from conftest import Kit
    from dynamodb.conftest import Tables

    from servers.aws import Aws
    from servers.dynamodb_local import DynamoDbLocal
    from servers.faultproxies import FaultProxies

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: Registry of services for meshclient
Resources:
  Registry:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: "registry"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: service, AttributeType: S }
        - { AttributeName: instance, AttributeType: S }
      KeySchema:
        - { AttributeName: service, KeyType: HASH }
        - { AttributeName: instance, KeyType: RANGE }
      StreamSpecification:
        StreamViewType: NEW_AND_OLD_IMAGES
      TimeToLiveSpecification:
        AttributeName: expires
        Enabled: true
Outputs:
  StreamArn:
    Value: !GetAtt Registry.StreamArn
"""


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["dynamodb-table", *arguments])
    return result.exit_code, result.output


def fresh() -> str:
    return f"registry-{secrets.token_hex(4)}"


@pytest.mark.parametrize("server", ["dynamodb", "aws"])
def test_a_table_is_created_and_then_left_alone(request: pytest.FixtureRequest, server: str) -> None:
    running: DynamoDbLocal | Aws = request.getfixturevalue(server)
    name, where = fresh(), ("--region", "us-east-1", "--endpoint-url", running.url)
    code, said = run(name, *where)
    assert code == 0
    assert f"table '{name}' was created" in said
    assert "its TTL was set to the attribute 'expires'" in said
    assert run(name, *where) == (0, f"table '{name}' is as it should be\n")


def test_a_created_table_is_a_registry(kit: Kit, dynamodb: DynamoDbLocal, tables: Tables) -> None:
    name = fresh()
    asyncio.run(Table(name, AwsOptions("us-east-1", dynamodb.url)).ensure())
    described = dynamodb.call("DescribeTable", TableName=name)["Table"]
    assert described["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}


def test_a_table_that_lacks_stream_and_ttl_gets_them(dynamodb: DynamoDbLocal) -> None:
    name = fresh()
    wanted = definition(name)
    del wanted["StreamSpecification"]
    dynamodb.call("CreateTable", **wanted)
    code, said = run(name, "--region", "us-east-1", "--endpoint-url", dynamodb.url)
    assert (code, said) == (0, "its stream was enabled, its TTL was set to the attribute 'expires'\n")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([("id", "S", "HASH")], "id (S)"),
        ([("service", "S", "HASH"), ("instance", "N", "RANGE")], "service (S), instance (N)"),
    ],
)
def test_a_table_with_other_keys_is_refused(
    dynamodb: DynamoDbLocal, keys: list[tuple[str, str, str]], found: str
) -> None:
    name = fresh()
    dynamodb.call(
        "CreateTable",
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": role} for key, _, role in keys],
    )
    code, said = run(name, "--region", "us-east-1", "--endpoint-url", dynamodb.url)
    assert code == 1
    assert f"table '{name}' has the key {found} and not service (S), instance (S): choose another name" in said


def test_a_ttl_on_another_attribute_is_not_taken_for_the_registrys(dynamodb: DynamoDbLocal) -> None:
    name = fresh()
    dynamodb.call("CreateTable", **definition(name))
    ttl = {"Enabled": True, "AttributeName": "until"}
    dynamodb.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=ttl)
    code, said = run(name, "--region", "us-east-1", "--endpoint-url", dynamodb.url)
    assert code == 1
    assert f"the TTL of table '{name}' is set to the attribute 'until' and not to 'expires'" in said


def test_wrong_turns_on_the_command_line_are_named() -> None:
    code, said = run()
    assert (code, "Missing argument 'NAME'" in said) == (2, True)
    code, said = run("registry", "--region", "eu central 1")
    assert (code, "'eu central 1'" in said, "was not sent" in said) == (1, True, True)
    code, said = run("registry", "--endpoint-url", "localhost:8000")
    assert (code, "'localhost:8000'" in said, "write http://" in said) == (1, True, True)
    code, said = run("registry", "--endpoint-url", "http://me:hush@localhost:8000")
    assert (code, "holds a user or password" in said, "hush" in said) == (1, True, False)


def test_a_table_that_does_not_become_active_is_an_error(dynamodb: DynamoDbLocal, fault_proxy: FaultProxies) -> None:
    name = fresh()
    proxy = fault_proxy.http("127.0.0.1", dynamodb.port)
    body = '{"Table": {"TableStatus": "CREATING"}}'
    proxy.set(HttpFault(status=200, body=body, headers={"Content-Type": "application/x-amz-json-1.0"}))
    table = Table(name, AwsOptions("us-east-1", proxy.url), patience=0.2)
    with pytest.raises(AwsUnreachable, match=f"table '{name}' is not active after 0.2 s"):
        asyncio.run(table.ensure())
    proxy.set(HttpFault(status=200, body="{}", headers={"Content-Type": "application/x-amz-json-1.0"}))
    with pytest.raises(AwsError, match="malformed"):
        asyncio.run(table.ensure())


def test_what_aws_refuses_is_said(aws: Aws) -> None:
    aws.throttle("CreateTable", code="AccessDeniedException")
    code, said = run(fresh(), "--region", "us-east-1", "--endpoint-url", aws.url)
    assert code == 1
    assert "dynamodb:CreateTable" in said


def test_the_definition_is_printed_without_a_call() -> None:
    assert run("registry", "--print", "cloudformation") == (0, TEMPLATE)


def test_a_name_that_no_table_can_have_is_refused() -> None:
    code, said = run("a b", "--print", "cloudformation")
    assert code == 1
    assert "'a b' in the argument NAME is not the name of a DynamoDB table" in said
