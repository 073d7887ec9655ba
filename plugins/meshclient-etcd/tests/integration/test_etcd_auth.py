"""Users: a token that expires, a password that is wrong, missing, replaced, and never shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Ready
from meshclient.registration.registrar import Registration
from meshclient_etcd.errors import EtcdDenied

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Kit

    from servers.etcd import Etcd

pytestmark = pytest.mark.registry("etcd", "faults")


def make_user(etcd: Etcd, user: str, password: str) -> None:
    etcd.call("/v3/auth/user/add", {"name": user, "password": password})
    etcd.call("/v3/auth/user/grant", {"user": user, "role": "reader"})


def test_an_expired_token_is_replaced(kit: Kit, etcd_auth: Etcd) -> None:
    """The member's tokens end a second after their last use, when it next looks: not one failure comes of it."""
    name = kit.fresh()
    etcd_auth.register(name, "a", 8001)
    resolver = kit.resolver(kit.uri(etcd_auth, "user=reader&password=pw&wait=2300ms"))

    async def check() -> None:
        async with kit.watch(resolver, name) as watch:
            await watch.ready("a")
            token = resolver._connection._token
            await watch.until(lambda _: resolver._connection._token not in (None, token), "another token")
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_restart_forgets_tokens(kit: Kit, etcd_auth: Etcd) -> None:
    name = kit.fresh()
    etcd_auth.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_auth, "user=reader&password=pw"), name) as watch:
            await watch.ready("a")
            await asyncio.to_thread(etcd_auth.restart)
            await asyncio.to_thread(etcd_auth.register, name, "b", 8002)
            await watch.ready("a", "b")

    asyncio.run(check())


def test_a_wrong_password_is_named_and_not_shown(kit: Kit, etcd_auth: Etcd) -> None:
    name, user = kit.fresh(), kit.fresh("user")
    etcd_auth.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_auth, f"user={user}&password=hunter2"), name) as watch:
            failed = await watch.failed("EtcdDenied", "authentication failed", f"user '{user}'", "password")
            assert "hunter2" not in failed.cause
            assert "hunter2" not in failed.source
            await asyncio.to_thread(make_user, etcd_auth, user, "hunter2")
            await watch.ready("a")

    asyncio.run(check())


def test_a_replaced_password_is_read_from_its_file(kit: Kit, etcd_auth: Etcd, tmp_path: Path) -> None:
    """etcd forgets the tokens of a user whose password changes; the file has the new one: not one failure."""
    name, user, file = kit.fresh(), kit.fresh("user"), tmp_path / "password"
    etcd_auth.register(name, "a", 8001)
    make_user(etcd_auth, user, " old ")  # blanks count, the end of the line does not
    file.write_text(" old \n")

    async def check() -> None:
        uri = kit.uri(etcd_auth, f"user={user}&password_file={file}&wait=300ms")
        async with kit.watch(uri, name) as watch:
            await watch.ready("a")
            file.write_text("new\n")
            change = {"name": user, "password": "new"}
            await asyncio.to_thread(etcd_auth.call, "/v3/auth/user/changepw", change)
            await watch.next()
            await watch.next()
            assert all(isinstance(answer, Ready) for answer in watch.seen), watch.seen
            await asyncio.to_thread(etcd_auth.call, "/v3/auth/user/changepw", change | {"password": "newer"})
            failed = await watch.failed("EtcdDenied", "authentication failed")
            assert failed.endpoints
            file.write_text("newer\n")
            await watch.ready("a")

    asyncio.run(check())


def test_a_missing_password_file_is_named(kit: Kit, etcd_auth: Etcd, tmp_path: Path) -> None:
    name, file = kit.fresh(), tmp_path / "password"
    etcd_auth.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_auth, f"user=reader&password_file={file}"), name) as watch:
            await watch.failed(str(file), "No such file", "user 'reader'")
            file.write_text("\n")
            await watch.failed(str(file), "empty")
            file.write_text("pw\n")
            await watch.ready("a")

    asyncio.run(check())


def test_without_a_user_etcd_says_what_is_missing(kit: Kit, etcd_auth: Etcd) -> None:
    async def check() -> None:
        async with kit.watch(kit.uri(etcd_auth), "web") as watch:
            await watch.failed("EtcdDenied", "user name is empty", "give user=")

    asyncio.run(check())


def test_a_role_that_may_not_read_is_told_what_it_needs(kit: Kit, etcd_auth: Etcd) -> None:
    async def check() -> None:
        uri = f"etcd://127.0.0.1:{etcd_auth.port}/elsewhere?user=reader&password=pw"
        async with kit.watch(uri, "web") as watch:
            await watch.failed("EtcdDenied", "403", "user 'reader'", "READ on keys that begin with 'elsewhere/web/'")

    asyncio.run(check())


def test_a_role_for_one_service_is_enough(kit: Kit, etcd_auth: Etcd) -> None:
    """It may not look for other spellings of a name, and that is no failure."""
    name, user = kit.fresh(), kit.fresh("user")
    etcd_auth.call("/v3/auth/user/add", {"name": user, "password": "pw"})
    etcd_auth.call("/v3/auth/role/add", {"name": user})
    etcd_auth.call("/v3/auth/user/grant", {"user": user, "role": user})
    permission = {"permType": "READ", **etcd_auth.below(f"svc/{name}/")}
    etcd_auth.call("/v3/auth/role/grant", {"name": user, "perm": permission})

    async def check() -> None:
        async with kit.watch(kit.uri(etcd_auth, f"user={user}&password=pw"), name) as watch:
            await watch.until(lambda a: a.state == "empty", "Empty")
            await asyncio.to_thread(etcd_auth.register, name, "a", 8001)
            await watch.ready("a")
            assert not any(answer.state == "failed" for answer in watch.seen), watch.seen

    asyncio.run(check())


def test_a_user_where_nobody_asks_for_one(kit: Kit, each_etcd: Etcd) -> None:
    name = kit.fresh()
    each_etcd.register(name, "a", 8001)

    async def check() -> None:
        async with kit.watch(kit.uri(each_etcd, "user=reader&password=pw"), name) as watch:
            assert isinstance(await watch.next(), Ready)

    asyncio.run(check())


def test_registering_needs_a_permission_that_the_error_names(kit: Kit, etcd_auth: Etcd) -> None:
    registrar = kit.registrar(kit.uri(etcd_auth, "user=reader&password=pw"))
    registration = Registration(ServiceName(kit.fresh()), Endpoint("127.0.0.1", 8001, id="one"))
    with pytest.raises(EtcdDenied) as caught:
        asyncio.run(registrar.register(registration))
    assert f"READWRITE on keys that begin with 'svc/{registration.service}/'" in str(caught.value)
    assert "'one'" in str(caught.value)
