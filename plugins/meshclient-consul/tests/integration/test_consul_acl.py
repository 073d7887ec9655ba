"""Access rules: a token that is refused, granted, replaced, and never shown."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty, Ready

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.consul import Consul

pytestmark = pytest.mark.registry("consul", "faults")


def fresh() -> str:
    return f"web-{secrets.token_hex(4)}"


def grant(consul: Consul, token: str) -> None:
    consul.call("PUT", "/v1/acl/token", {"SecretID": token, "Policies": [{"Name": "meshclient-read"}]})


def test_a_refused_token_works_once_it_is_granted(kit: Kit, consul_acl: Consul) -> None:
    name, token = fresh(), str(uuid.uuid4())
    instance = consul_acl.register(name, 8001)

    async def check() -> None:
        async with kit.watch(f"consul://127.0.0.1:{consul_acl.port}?token={token}", name) as watch:
            failed = await watch.failed("ConsulDenied", "403", "option token", f"service:read on '{name}'", "node:read")
            assert token not in failed.cause
            assert token not in failed.source
            await asyncio.to_thread(grant, consul_acl, token)
            await watch.ready(instance)

    asyncio.run(check())


def test_a_rotated_token_file_is_read_again(kit: Kit, consul_acl: Consul, tmp_path: Path) -> None:
    """The old token dies, the new one is in the file: not one failure in between."""
    name, old, new = fresh(), str(uuid.uuid4()), str(uuid.uuid4())
    first = consul_acl.register(name, 8001)
    file = tmp_path / "token"
    grant(consul_acl, old)
    grant(consul_acl, new)
    file.write_text(f"{old}\n")

    def rotate() -> None:
        accessor = consul_acl.request("GET", "/v1/acl/token/self", token=old).json["AccessorID"]
        file.write_text(f"{new}\n")
        consul_acl.call("DELETE", f"/v1/acl/token/{accessor}")

    async def check() -> None:
        uri = f"consul://127.0.0.1:{consul_acl.port}?token_file={file}&wait=200ms"
        async with kit.watch(uri, name) as watch:
            await watch.ready(first)
            await asyncio.to_thread(rotate)
            second = await asyncio.to_thread(consul_acl.register, name, 8002)
            await watch.ready(first, second)
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_missing_token_file_is_named(kit: Kit, consul_acl: Consul, tmp_path: Path) -> None:
    name = fresh()
    instance = consul_acl.register(name, 8001)
    file = tmp_path / "token"

    async def check() -> None:
        async with kit.watch(f"consul://127.0.0.1:{consul_acl.port}?token_file={file}", name) as watch:
            await watch.failed(f"token_file={file}", "No such file")
            file.write_text(consul_acl.tokens["read"])
            await watch.ready(instance)

    asyncio.run(check())


def test_the_token_of_the_environment_is_sent(kit: Kit, consul_acl: Consul) -> None:
    name = fresh()
    instance = consul_acl.register(name, 8001)
    environ = {"CONSUL_HTTP_ADDR": consul_acl.url, "CONSUL_HTTP_TOKEN": consul_acl.tokens["read"]}

    async def check() -> None:
        async with kit.watch(kit.resolver("consul://", environ), name) as watch:
            answer = await watch.ready(instance)
            assert answer.source == f"consul://127.0.0.1:{consul_acl.port}"
        # Consul 1.8 hides what a token may not read without a word; later versions say so in a header.
        async with kit.watch(f"consul://127.0.0.1:{consul_acl.port}", name) as watch:
            assert isinstance(await watch.next(), Empty)

    asyncio.run(check())


def test_registering_needs_a_policy_that_the_error_names(kit: Kit, consul_acl: Consul) -> None:
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName
    from meshclient.registration.registrar import Registration
    from meshclient_consul.errors import ConsulDenied

    token = consul_acl.tokens["read"]
    registrar = kit.registrar(f"consul://127.0.0.1:{consul_acl.port}?token={token}")
    registration = Registration(ServiceName(fresh()), Endpoint("127.0.0.1", 8001, id="one"))
    with pytest.raises(ConsulDenied) as caught:
        asyncio.run(registrar.register(registration))
    assert f"service:write on '{registration.service}'" in str(caught.value)
    assert "'one'" in str(caught.value)
    assert token not in str(caught.value)
