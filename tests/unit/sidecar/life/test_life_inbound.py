"""Before the local application: where requests go, and which are let in."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from meshclient.engine.errors import StaleConnection
from meshclient.sidecar.inbound import Application, ToApplication, Turnstile, application_mesh
from meshclient.sidecar.proxy import Destination, ProxySettings, Refusal, RequestHead
from meshclient.sidecar.proxy.request_head import read_head


def head(*fields: str, method: str = "GET", target: str = "/", host: str = "orders") -> RequestHead:
    named = [f"Host: {host}"] if host else []
    block = "\r\n".join([f"{method} {target} HTTP/1.{1 if host else 0}", *named, *fields, "", ""]).encode()
    read = read_head(block, ProxySettings(), "127.0.0.1")
    assert isinstance(read, RequestHead)
    return read


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        ("/v1?a=b", b"/v1?a=b"),
        ("http://orders", b"/"),
        ("http://orders?x", b"/?x"),
        ("HTTP://orders/v1", b"/v1"),
    ],
)
def test_everything_goes_to_the_application(target: str, sent: bytes) -> None:
    assert ToApplication("127.0.0.1:8080")(head(target=target)) == Destination("app", sent, b"orders")


def test_without_a_host_it_is_asked_by_its_address() -> None:
    destination = ToApplication("127.0.0.1:8080")(head(host=""))
    assert isinstance(destination, Destination)
    assert destination.host == b"127.0.0.1:8080"


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("CONNECT", "a:1", 405),
        ("GET", "ftp://a/", 400),
        ("GET", "orders", 400),
        ("GET", "*", 400),
        ("GET", "http:///a", 400),
        ("GET", "http://evil@orders/a", 400),
        ("GET", "http://orders:x/a", 400),
    ],
)
def test_what_leads_elsewhere_is_refused_and_nothing_after_it_believed(method: str, target: str, status: int) -> None:
    block = f"{method} {target} HTTP/1.1\r\nHost: orders\r\n\r\n".encode()
    read = read_head(block, ProxySettings(), "")
    refused = read if isinstance(read, Refusal) else ToApplication("127.0.0.1:8080")(read)
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.close) == (status, True)


def test_options_may_be_of_the_application_itself_and_are_not_passed_on_for_ever() -> None:
    route = ToApplication("127.0.0.1:8080")
    for target in ("*", "http://orders"):
        assert route(head(method="OPTIONS", target=target)) == Destination("app", b"*", b"orders")
    refused = route(head("Max-Forwards: 0", method="OPTIONS"))
    assert isinstance(refused, Refusal)
    assert refused.status == 405


def test_the_application_is_asked_once_and_without_a_limit_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS", "5")
    mesh = application_mesh("unix:/run/app.sock")
    service = mesh.config.services["app"]
    assert service.endpoints[0].is_socket
    assert (service.deadline, service.attempt_timeout, service.ejection) == (None, None, None)
    assert service.retry is not None
    # With a strategy that is asked of successes too, each request would take the long road.
    assert service.retry.retry is None
    assert service.retry.stop is not None
    for ending, final in ((StaleConnection("closed"), False), (ConnectionRefusedError(), True), (None, True)):
        state: Any = SimpleNamespace(outcome=SimpleNamespace(exception=lambda ending=ending: ending))
        assert service.retry.stop(state) is final
    assert service.propagators == ()
    mesh.close()


class Fit(Application):
    """Says of itself what the test wants."""

    @property
    def fit(self) -> bool:
        return self.state

    state = True


def turnstile(limit: int = 0) -> tuple[Fit, Turnstile]:
    application = Fit("127.0.0.1:1", "/healthz", 1.0, lambda: None)
    return application, Turnstile(application, limit)


def test_so_many_are_let_in_at_once() -> None:
    _, gate = turnstile(2)
    permits = [gate.enter(head()) for _ in range(3)]
    assert gate.in_flight == 2
    refused = permits.pop()
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.error, refused.retry_after) == (503, "overloaded", 1.0)
    assert not isinstance(permits[0], Refusal)
    permits[0].leave(200)
    assert gate.in_flight == 1
    assert not isinstance(gate.enter(head()), Refusal)


def test_without_a_limit_all_are() -> None:
    _, gate = turnstile()
    assert not any(isinstance(gate.enter(head()), Refusal) for _ in range(1000))


@pytest.mark.parametrize("field", ["mesh-timeout: 0m", "grpc-timeout: 0S", "x-envoy-expected-rq-timeout-ms: 0"])
def test_what_comes_too_late_is_not_begun(field: str) -> None:
    _, gate = turnstile()
    refused = gate.enter(head(field))
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.error) == (504, "deadline_exceeded")
    assert gate.in_flight == 0
    assert not isinstance(gate.enter(head("mesh-timeout: 5S")), Refusal)


def test_only_its_health_is_asked_of_one_that_is_not_fit() -> None:
    application, gate = turnstile()
    application.state = False
    refused = gate.enter(head())
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.error) == (503, "app_unavailable")
    assert not isinstance(gate.enter(head(target="/healthz?x=1")), Refusal)
    assert isinstance(gate.enter(head(target="/healthzz")), Refusal)


def test_its_health_is_asked_of_one_that_is_full_and_takes_no_place() -> None:
    _, gate = turnstile(1)
    first = gate.enter(head())
    assert not isinstance(first, Refusal)
    checked = gate.enter(head(target="/healthz"))
    assert not isinstance(checked, Refusal)
    checked.leave(200)
    assert gate.in_flight == 1
    assert isinstance(gate.enter(head()), Refusal)


def test_a_look_that_fails_at_a_reload_is_no_news() -> None:
    async def scenario() -> None:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        before = Application(address, "", 60.0, lambda: None)
        await before.look()
        server.close()
        after, other = (Application(each, "", 60.0, lambda: None) for each in (address, "127.0.0.1:9"))
        for each in (after, other):
            await each.look()
            assert not each.fit
            each.go_on_from(before)
        assert (after.fit, after.reason) == (True, "")
        # Of another application nothing follows.
        assert not other.fit
        for _ in range(3):
            assert after.fit
            await after.look()
        assert not after.fit

    asyncio.run(scenario())


def test_three_failures_in_a_row_are_news_and_one_success() -> None:
    async def scenario() -> None:
        changes: list[bool] = []
        answers = iter([b"200", b"500", b"500", b"200", b"500", b"500", b"500", b"204"])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 %s X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % next(answers))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        application = Application(f"127.0.0.1:{port}", "/healthz", 60.0, lambda: changes.append(application.fit))
        assert not application.fit
        seen = []
        for _ in range(8):
            await application.look()
            seen.append(application.fit)
        assert seen == [True, True, True, True, True, True, False, True]
        assert changes == [True, False, True]
        server.close()

    asyncio.run(scenario())
