"""Endpoints with TLS behind the envoy data plane: which versions, whose names, whose certificates."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import trustme

from integration.envoyplane import client, plane, until
from integration.tlsdriver import Greeting, TlsServer
from unit.engine.tlspeers import Files, authority_file, serving

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    import pytest

ONCE = {"retry": False, "ejection": False}


def secured(server: TlsServer, **tls: Any) -> dict[str, Any]:
    return {"endpoints": [server.url], "tls": tls} | ONCE


async def outcome(calls: httpx.AsyncClient, service: str) -> tuple[int, str | None]:
    """The status, and the word for what went wrong."""
    reply = await calls.get("/", headers={"host": service})
    return reply.status_code, reply.headers.get("mesh-error")


def test_endpoints_are_verified_in_either_version_and_shown_a_certificate(tmp_path: Path) -> None:
    authority, strangers = trustme.CA(), trustme.CA()
    ours = authority_file(tmp_path, authority)
    shown = Files.write(tmp_path, authority.issue_cert("caller", common_name="caller"))
    older, newer = (
        serving(authority.issue_cert("orders.internal"), version=version)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    )
    mutual = serving(authority.issue_cert("mutual"), version=ssl.TLSVersion.TLSv1_3, clients=authority)
    foreign = serving(strangers.issue_cert("foreign"))
    with ExitStack() as stack:
        old, new, shy, odd = (stack.enter_context(TlsServer(each)) for each in (older, newer, mutual, foreign))
        services = {
            "old": secured(old, ca=ours, identity="Orders.Internal"),
            "new": secured(new, ca=ours, identity="orders.internal"),
            "mutual": secured(shy, ca=ours, cert=shown.cert, key=shown.key),
            "bare": secured(shy, ca=ours, identity="mutual"),
            "other": secured(new, ca=ours),
            "foreign": secured(odd, ca=ours),
            "unverified": secured(odd, verify=False),
        }

        async def run() -> None:
            async with plane(None, services=services) as made, client(made) as calls:
                for service in ("old", "new", "mutual", "unverified"):
                    assert await outcome(calls, service) == (200, None), service
                for service in ("other", "foreign"):
                    assert await outcome(calls, service) == (503, "connect_error"), service
                # With TLS 1.3 a client hears of its missing certificate after it has sent its request.
                status, word = await outcome(calls, "bare")
                assert (status in {502, 503}, word in {"disconnected", "connect_error"}) == (True, True)

        asyncio.run(run())
        assert [each.version for each in (*old.greetings, *new.greetings)] == ["TLSv1.2", "TLSv1.3"]
        assert shy.greetings == [Greeting("TLSv1.3", False, "caller")]
        assert [request.header("host") for request in old.requests] == ["old"]
        assert [request.header("host") for request in odd.requests] == ["unverified"]


def test_certificates_that_are_replaced_are_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshclient.sidecar.envoy.following._READ", 0.05)
    before, after = trustme.CA(), trustme.CA()
    authority = authority_file(tmp_path, before)
    shown = Files.write(tmp_path, before.issue_cert("caller", common_name="old"))

    async def run(server: TlsServer) -> None:
        services = {"orders": secured(server, ca=authority, cert=shown.cert, key=shown.key)}
        async with plane(None, services=services) as made, client(made) as calls:
            assert await outcome(calls, "orders") == (503, "connect_error")
            authority_file(tmp_path, after)

            async def trusting() -> bool:
                return (await outcome(calls, "orders"))[1] != "connect_error"

            await until(trusting)
            assert server.greetings == []
            Files.write(tmp_path, after.issue_cert("caller", common_name="new"))

            async def trusted() -> bool:
                return (await outcome(calls, "orders"))[0] == 200

            await until(trusted)

    with TlsServer(serving(after.issue_cert("orders"), version=ssl.TLSVersion.TLSv1_3, clients=after)) as server:
        asyncio.run(run(server))
        assert {each.client for each in server.greetings} == {"new"}
