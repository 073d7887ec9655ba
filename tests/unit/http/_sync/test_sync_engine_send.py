# Generated from tests/unit/http/_async/test_async_engine_send.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The seam that the driver of a call uses: `send` to a target, with a trail, and with limits that change on the way."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient.engine.blocking.engine import Engine
from meshclient.engine.limits import PoolLimits
from meshclient.engine.target import Target
from meshclient.http._sync.engine_transport import EngineTransport
from meshclient.http.trail import Trail
from meshclient.http.waiting import pause
from servers.process import wait_until
from unit.http.playing import play
from unit.http.rawserver import OK, Connection, RawServer, always, refusing

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUND = 60.0
LIMITS: Mapping[str, float | None] = dict.fromkeys(("connect", "read", "write", "pool"), BOUND)


def request(method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Request:
    return httpx.Request(method, "http://orders/v1?x=1", headers=headers)


def target(server: RawServer) -> Target:
    return Target("127.0.0.1", server.port)


def trail() -> Trail:
    return Trail(time.monotonic, None)


def test_a_request_goes_to_the_target_as_it_is() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            transport = EngineTransport()
            asked, way = request(), trail()
            response = transport.send(asked, target(server), "orders", httpx.ByteStream(b""), LIMITS, way)
            assert response.status_code == 200
            assert server.requests[0].head == "GET /v1?x=1 HTTP/1.1\r\nHost: orders"
            transport.close()

    play(scenario)


def test_marks_are_added_or_take_the_place_of_what_is_there() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            transport = EngineTransport()
            asked = request(headers={"Mesh-Timeout": "9S", "X-Own": "1"})
            marks = {"mesh-timeout": "100m", "mesh-attempt": "2"}
            stream = httpx.ByteStream(b"")
            transport.send(asked, target(server), "", stream, LIMITS, trail(), marks)
            said = server.requests[0]
            assert (said.header("mesh-timeout"), said.header("mesh-attempt")) == ("100m", "2")
            assert said.head.lower().count("mesh-timeout") == 1
            assert said.header("x-own") == "1"
            assert asked.headers["mesh-timeout"] == "9S"
            transport.close()

    play(scenario)


def test_the_trail_says_how_far_it_came() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            transport = EngineTransport()
            for number in (1, 2):
                before, way = time.monotonic(), trail()
                transport.send(request(), target(server), "", httpx.ByteStream(b""), LIMITS, way)
                assert way.began is not None
                assert way.wrote is not None
                assert before <= way.began <= way.wrote <= time.monotonic()
                assert way.connected is (number == 1)
            transport.close()

    play(scenario)


def test_the_trail_of_a_connection_that_is_not_made() -> None:
    def scenario() -> None:
        transport = EngineTransport()
        port = int(refusing().rpartition(":")[2])
        way = trail()
        with pytest.raises(httpx.ConnectError):
            transport.send(request(), Target("127.0.0.1", port), "", httpx.ByteStream(b""), LIMITS, way)
        assert way.connected
        assert way.began is not None
        assert way.wrote is None
        transport.close()

    play(scenario)


def test_the_trail_of_a_stream_and_of_what_cannot_be_written() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            transport = EngineTransport()
            way = trail()
            long = request("POST", {"transfer-encoding": "chunked"})
            transport.send(long, target(server), "", httpx.ByteStream(b"a"), LIMITS, way)
            assert way.wrote is not None
            assert server.requests[0].body == b"a"
            way = trail()
            wrong = request("POST", {"content-length": "x"})
            with pytest.raises(httpx.LocalProtocolError):
                transport.send(wrong, target(server), "", httpx.ByteStream(b"a"), LIMITS, way)
            assert (way.began, way.wrote) == (None, None)
            transport.close()

    play(scenario)


def test_the_limit_of_a_read_may_change_after_the_head() -> None:
    sent = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        sent.wait(BOUND)

    def scenario() -> None:
        with RawServer(rule) as server:
            transport = EngineTransport()
            timeouts = dict(LIMITS)
            response = transport.send(request(), target(server), "", httpx.ByteStream(b""), timeouts, trail())
            timeouts["read"] = 0.1
            with pytest.raises(httpx.ReadTimeout):
                response.read()
            sent.set()
            transport.close()

    play(scenario)


def test_a_full_pool_is_waited_for_as_long_as_allowed() -> None:
    done = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        done.wait(BOUND)
        connection.send(b"0123456789")
        connection.request()
        connection.send(OK)
        connection.request()

    def scenario() -> None:
        with RawServer(rule) as server:
            transport = EngineTransport(pool=PoolLimits(per_endpoint=1))
            first = transport.send(request(), target(server), "", httpx.ByteStream(b""), LIMITS, trail())
            timeouts, way, before = {**LIMITS, "pool": 0.1}, trail(), time.monotonic()
            with pytest.raises(httpx.PoolTimeout):
                transport.send(request(), target(server), "", httpx.ByteStream(b""), timeouts, way)
            assert time.monotonic() - before < BOUND / 2
            assert (way.began, way.connected) == (None, False)
            done.set()
            assert first.read() == b"0123456789"
            second = transport.send(request(), target(server), "", httpx.ByteStream(b""), timeouts, way)
            assert second.read() == b"ok"
            assert server.connections == 1
            transport.close()

    play(scenario)


def test_no_patience_with_the_pool_leaves_time_to_connect() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            transport = EngineTransport(pool=PoolLimits(total=5))
            timeouts = {**LIMITS, "pool": 0.0}
            response = transport.send(request(), target(server), "", httpx.ByteStream(b""), timeouts, trail())
            assert response.read() == b"ok"
            transport.close()

    play(scenario)


def test_an_engine_is_shared_and_not_closed_by_one_of_its_users() -> None:
    def scenario() -> None:
        with RawServer(always(OK)) as server:
            engine = Engine()
            first, second = EngineTransport(engine), EngineTransport(engine)
            for transport in (first, second):
                transport.handle_request(httpx.Request("GET", server.url))
            first.close()
            second.handle_request(httpx.Request("GET", server.url))
            assert server.connections == 1
            engine.close()

    play(scenario)


def test_a_response_that_is_forgotten_gives_its_connection_back() -> None:
    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        connection.request()

    def scenario() -> None:
        with RawServer(rule) as server:
            transport = EngineTransport(pool=PoolLimits(per_endpoint=1))
            for number in (1, 2, 3):
                asked = httpx.Request("GET", server.url, extensions={"timeout": LIMITS})
                response = transport.handle_request(asked)
                assert (response.status_code, server.connections) == (200, number)
                del response
                gc.collect()
                pause(0.0)
            transport.close()

    play(scenario)


def test_connections_are_closed_with_the_transport() -> None:
    ended = threading.Event()

    def rule(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        if connection.request() is None:
            ended.set()

    def scenario() -> None:
        with RawServer(rule) as server:
            with EngineTransport() as transport:
                transport.handle_request(httpx.Request("GET", server.url))
            wait_until(ended.is_set, BOUND, "the end of the connection")

    play(scenario)
