"""Signed requests as they arrive, checked by a receiver that reckons the signature by itself."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from meshclient.errors import ConfigError
from meshclient_aws.errors import AwsDenied
from meshclient_aws.sigv4 import SigV4Auth

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sigv4.conftest import Receiver


class Session:
    """A boto3 session whose credentials change as those of a role do: `stale` asks for a refresh."""

    region_name = "eu-central-1"

    def __init__(self, key: str = "KEY1", secret: str = "secret1", token: str | None = None) -> None:
        self.next = SimpleNamespace(access_key=key, secret_key=secret, token=token)
        self.stale = True
        self.threads: list[str] = []
        self._now = self.next

    def get_credentials(self) -> Session:
        return self

    def refresh_needed(self) -> bool:
        return self.stale

    def get_frozen_credentials(self) -> SimpleNamespace:
        if self.stale:
            self.threads.append(threading.current_thread().name)
            self._now, self.stale = self.next, False
        return self._now


def auth(service: str = "execute-api", *, sign_payload: bool = True, read_streams: bool = False) -> SigV4Auth:
    return SigV4Auth(service, session=Session(), sign_payload=sign_payload, read_streams=read_streams)


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


TARGETS = [
    "/",
    "/a/b%20c/d:e,f",
    "/x?b=2&a=1&a=0&empty=&flag",
    "/x?q=a+b&list=1,2&at=/c:d@e&tilde=~*()!'",
    "/x?q=%2B%26%3D%25",
]


@pytest.mark.parametrize("service", ["execute-api", "vpc-lattice-svcs"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_signature_is_accepted(receiver: Receiver, service: str, target: str) -> None:
    with httpx.Client(auth=auth(service), base_url=receiver.url) as client:
        assert client.get(target).status_code == 200
        assert client.post(target, json={"a": 1}).status_code == 200
        assert client.get("/x", params={"q": "a b+c", "u": "ü"}).status_code == 200
    payloads = {payload for _, _, payload, _ in receiver.seen}
    assert payloads == ({"UNSIGNED-PAYLOAD"} if service == "vpc-lattice-svcs" else {""})


def test_a_space_in_the_query_is_sent_as_one(receiver: Receiver) -> None:
    """As a plus sign it would be signed, and understood, as a plus sign."""
    with httpx.Client(auth=auth(), base_url=receiver.url) as client:
        assert client.get("/a+b", params={"q": "a b+c"}).status_code == 200
    assert [target for _, target, _, _ in receiver.seen] == ["/a+b?q=a%20b%2Bc"]


def test_an_asynchronous_client_signs_too(receiver: Receiver) -> None:
    async def check() -> None:
        async with httpx.AsyncClient(auth=auth(), base_url=receiver.url) as client:
            assert (await client.post("/x", content=b"body")).status_code == 200
            assert (await client.post("/x", content=chunks())).status_code == 200
        async with httpx.AsyncClient(auth=auth(read_streams=True), base_url=receiver.url) as client:
            assert (await client.post("/x", content=chunks())).status_code == 200

    asyncio.run(check())
    assert [payload for _, _, payload, _ in receiver.seen] == ["", "UNSIGNED-PAYLOAD", ""]


def test_streamed_bodies_are_not_signed_unless_they_are_read(receiver: Receiver) -> None:
    with httpx.Client(base_url=receiver.url) as client:
        for signer in (auth(), auth(read_streams=True), auth(sign_payload=False)):
            assert client.post("/x", content=iter([b"one", b"two"]), auth=signer).status_code == 200
            assert client.post("/x", files={"file": b"data"}, auth=signer).status_code == 200
    unsigned = "UNSIGNED-PAYLOAD"
    assert [payload for _, _, payload, _ in receiver.seen] == [unsigned, unsigned, "", "", unsigned, unsigned]


def test_what_is_changed_on_the_way_is_refused(receiver: Receiver) -> None:
    """The receiver does check."""
    signed = next(auth().sync_auth_flow(httpx.Request("POST", f"{receiver.url}/x?a=1", content=b"body")))
    other = httpx.Headers(signed.headers)
    other["Host"] = "other"
    changed = [
        httpx.Request("POST", f"{receiver.url}/x?a=2", headers=signed.headers, content=b"body"),
        httpx.Request("POST", f"{receiver.url}/y?a=1", headers=signed.headers, content=b"body"),
        httpx.Request("POST", f"{receiver.url}/x?a=1", headers=signed.headers, content=b"BODY"),
        httpx.Request("POST", f"{receiver.url}/x?a=1", headers=other, content=b"body"),
    ]
    with httpx.Client() as client:
        assert client.send(signed).status_code == 200
        assert [client.send(request).status_code for request in changed] == [403] * 4


def test_new_credentials_of_a_role_are_used(receiver: Receiver) -> None:
    receiver.keys, receiver.token = {"KEY1": "secret1"}, "token1"
    session = Session(token="token1")
    signer = SigV4Auth("execute-api", session=session)

    async def check() -> None:
        async with httpx.AsyncClient(auth=signer, base_url=receiver.url) as client:
            assert (await client.get("/1")).status_code == 200
            assert (await client.get("/2")).status_code == 200
            receiver.keys, receiver.token = {"KEY2": "secret2"}, "token2"
            session.next, session.stale = SimpleNamespace(access_key="KEY2", secret_key="secret2", token="token2"), True
            assert (await client.get("/3")).status_code == 200

    asyncio.run(check())
    assert len(session.threads) == 2
    assert threading.current_thread().name not in session.threads


def test_a_token_that_has_gone_is_not_sent_again(receiver: Receiver) -> None:
    receiver.token = "token1"
    session = Session(token="token1")
    signer = SigV4Auth("execute-api", session=session)
    request = httpx.Request("GET", f"{receiver.url}/x")
    with httpx.Client(auth=signer) as client:
        assert client.send(request).status_code == 200
        receiver.token = ""
        session.next, session.stale = SimpleNamespace(access_key="KEY1", secret_key="secret1", token=None), True
        assert client.send(request).status_code == 200


def test_replaced_keys_are_found_after_a_refusal(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = SigV4Auth("execute-api")

    def use(key: str, secret: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)

    use("KEY1", "secret1")
    with httpx.Client(auth=signer, base_url=receiver.url) as client:
        assert client.get("/1").status_code == 200
        receiver.keys = {"KEY2": "secret2"}
        use("KEY2", "secret2")
        assert client.get("/2").status_code == 403
        assert client.get("/3").status_code == 200


def test_a_redirected_request_is_signed_anew(receiver: Receiver) -> None:
    with httpx.Client(auth=auth(), base_url=receiver.url, follow_redirects=True) as client:
        assert client.post("/moved/moved/x?a=1", content=b"body").status_code == 200
        assert client.get("/moved/x").status_code == 200
    assert ("POST", "/x?a=1", "", 200) in receiver.seen
    assert ("GET", "/x", "", 200) in receiver.seen


def test_a_request_to_another_origin_is_not_signed(receiver: Receiver) -> None:
    elsewhere = receiver.url.replace("127.0.0.1", "localhost")

    def redirect(request: httpx.Request) -> httpx.Response:
        if request.url.host == "127.0.0.1":
            return httpx.Response(302, headers={"Location": f"{elsewhere}/x"})
        assert "Authorization" not in request.headers
        return httpx.Response(403)

    with httpx.Client(auth=auth(), transport=httpx.MockTransport(redirect), follow_redirects=True) as client:
        assert client.get(receiver.url).status_code == 403


def test_a_meshclient_client_signs_for_the_name_in_the_url(receiver: Receiver) -> None:
    """Passed through, or resolved: the signature is for the Host header, which is the same on the wire."""
    address = receiver.url.removeprefix("http://")
    with meshclient.Client(resolver=f"static://?orders={address}", auth=auth("vpc-lattice-svcs")) as client:
        assert client.get(f"{receiver.url}/plain").status_code == 200
        assert client.get("http://orders/named?b=1&a=2").status_code == 200
    assert receiver.hosts == [address, "orders"]


def test_without_credentials_or_region_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:9/")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigError, match="no region to sign a request to execute-api for"):
        next(SigV4Auth("execute-api").sync_auth_flow(request))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(AwsDenied, match="no AWS credentials"):
        next(SigV4Auth("execute-api", region="us-east-1").sync_auth_flow(request))


def test_the_region_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of either name, which boto3 alone does not read."""
    for name, other in (("AWS_REGION", "AWS_DEFAULT_REGION"), ("AWS_DEFAULT_REGION", "AWS_REGION")):
        monkeypatch.setenv(name, "eu-west-3")
        monkeypatch.delenv(other)
        request = httpx.Request("GET", "http://127.0.0.1/")
        next(SigV4Auth("execute-api").sync_auth_flow(request))
        assert "/eu-west-3/execute-api/" in request.headers["authorization"]
        monkeypatch.setenv(other, "eu-west-3")
