"""Signed requests as moto checks them once its access control is switched on."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient_aws.sigv4 import SigV4Auth
from servers.rest import call, expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.aws import Aws

FORM = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}


@pytest.fixture
def keys(aws: Aws) -> Iterator[tuple[str, str]]:
    """An access key that may do anything, while moto checks signatures."""
    client, name = aws.client("iam"), f"caller-{secrets.token_hex(4)}"
    client.create_user(UserName=name)
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    client.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(allowed))
    made = client.create_access_key(UserName=name)["AccessKey"]

    def check_after(calls: bytes) -> None:
        expect(call("POST", f"{aws.url}/moto-api/reset-auth", calls), "reset-auth")

    check_after(b"0")
    try:
        yield made["AccessKeyId"], made["SecretAccessKey"]
    finally:
        check_after(b"inf")


def test_moto_accepts_the_signature(aws: Aws, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])

    async def check() -> None:
        async with httpx.AsyncClient(auth=SigV4Auth("sts")) as client:
            answer = await client.post(aws.url, data=FORM)
            assert (answer.status_code, "caller-" in answer.text) == (200, True)

    asyncio.run(check())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with httpx.Client(auth=SigV4Auth("sts")) as client:
        answer = client.post(aws.url, data=FORM)
        assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
