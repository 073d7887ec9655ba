"""The HTTP instances behave as they are told to."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.backend import Backend
from servers.errors import ServerError
from servers.process import start_time, wait_until
from servers.rest import call

if TYPE_CHECKING:
    from servers.backend import Backends


def test_an_instance_says_who_it_is(backends: Backends) -> None:
    a, b = backends(2)
    assert [call("GET", backend.url).json["instance"] for backend in (a, b)] == ["b0", "b1"]
    assert call("GET", a.url + "/some/path").json["path"] == "/some/path"
    assert call("GET", a.url).json["pid"] == a.pid


def test_echo_returns_the_request(backends: Backends) -> None:
    (backend,) = backends()
    reply = call("PUT", backend.url + "/echo?q=1", b"\x00\xff", headers={"X-One": "two"})
    assert (reply.json["method"], reply.json["target"]) == ("PUT", "/echo?q=1")
    assert ["X-One", "two"] in reply.json["headers"]
    assert reply.json["body"].encode("latin-1") == b"\x00\xff"


def test_mirror_streams_the_body_back(backends: Backends) -> None:
    (backend,) = backends()
    connection = http.client.HTTPConnection(backend.host, backend.port, timeout=5)
    connection.putrequest("POST", "/mirror")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"5\r\nfirst\r\n")
    assert connection.sock is not None
    seen = b""
    while b"first" not in seen:
        piece = connection.sock.recv(4096)
        assert piece, "the answer begins before the request ends"
        seen += piece
    connection.close()
    large = os.urandom(300_000)
    assert call("POST", backend.url + "/mirror", large).raw == large


def test_stream_sends_chunks_and_can_be_cut(backends: Backends) -> None:
    (backend,) = backends()
    assert call("GET", backend.url + "/stream?chunks=3&size=2&delay=0.01").raw == b"aabbcc"
    with pytest.raises(ConnectionError):
        call("GET", backend.url + "/stream?chunks=3&size=2&cut=1")


def test_reply_answers_what_it_is_told(backends: Backends) -> None:
    (backend,) = backends()
    reply = call("GET", backend.url + "/reply?status=302&header=Location:/echo&header=Set-Cookie:a%3Db&body=gone")
    assert (reply.status, reply.headers["Location"], reply.headers["Set-Cookie"]) == (302, "/echo", "a=b")
    assert reply.text == "gone"


def test_connections_are_kept_alive_until_told_otherwise(backends: Backends) -> None:
    (backend,) = backends()
    connection = http.client.HTTPConnection(backend.host, backend.port, timeout=5)
    for method in ("GET", "HEAD", "POST", "GET"):
        connection.request(method, "/", b"body" if method == "POST" else None)
        connection.getresponse().read()
    connection.close()
    counts = backend.stats()
    assert counts["connections"] == 2, "one of them for the counts"
    backend.control(disconnect=True)
    assert call("GET", backend.url).headers["Connection"] == "close"


def test_counts_leave_control_requests_out(backends: Backends) -> None:
    (backend,) = backends()
    backend.control(status=503, times=1)
    assert [call("GET", backend.url + "/a").status for _ in range(2)] == [503, 200]
    call("POST", backend.url + "/b")
    counts = backend.stats()
    assert (counts["requests"], counts["faulted"]) == (3, 1)
    assert counts["paths"] == {"/a": 2, "/b": 1}
    assert counts["methods"] == {"GET": 2, "POST": 1}


def test_a_share_of_the_requests_fails_evenly(backends: Backends) -> None:
    (backend,) = backends(status=500, fail_ratio=0.25)
    assert [call("GET", backend.url).status for _ in range(8)] == [200, 200, 200, 500] * 2
    backend.control()
    assert {call("GET", backend.url).status for _ in range(8)} == {200}


def test_faults_of_the_connection(backends: Backends) -> None:
    (backend,) = backends()
    backend.control(close=True)
    with pytest.raises(ConnectionError, match="RemoteDisconnected"):
        call("GET", backend.url)
    backend.control(reset=True)
    with pytest.raises(ConnectionResetError):
        call("GET", backend.url)
    backend.control(hang=True)
    with pytest.raises(TimeoutError):
        call("GET", backend.url, timeout=0.2)
    backend.control(delay=30)
    with pytest.raises(TimeoutError):
        call("GET", backend.url, timeout=0.2)
    backend.control(delay=0.01)
    assert call("GET", backend.url).status == 200


def test_an_unknown_behaviour_is_refused(backends: Backends) -> None:
    (backend,) = backends()
    assert call("POST", backend.url + "/_control", {"latency": 1}).status == 400


def test_killed_and_started_again_on_its_port(backends: Backends) -> None:
    (backend,) = backends()
    port = backend.port
    backend.kill()
    assert not backend.alive
    with pytest.raises(ConnectionRefusedError):
        call("GET", backend.url)
    backend.start()
    assert backend.port == port
    assert call("GET", backend.url).json["served"] == 1
    with pytest.raises(ServerError, match="already runs"):
        backend.start()


def test_a_paused_instance_accepts_and_does_not_answer(backends: Backends) -> None:
    (backend,) = backends()
    backend.pause()
    with pytest.raises(TimeoutError):
        call("GET", backend.url, timeout=0.2)
    backend.resume()
    assert call("GET", backend.url).status == 200
    backend.pause()
    backend.stop()
    assert not backend.alive


def test_a_taken_port_is_reported(backends: Backends) -> None:
    (backend,) = backends()
    with pytest.raises(ServerError, match="address already in use"):
        Backend(port=backend.port).start()


def test_an_instance_ends_with_its_life() -> None:
    with Backend(life=0.1) as backend:
        assert wait_until(lambda: not backend.alive, 5, "the end of its life")


@pytest.mark.parametrize("paused", [False, True])
def test_an_instance_ends_with_its_parent(*, paused: bool) -> None:
    program = "from servers.backend import Backend\nb = Backend().start()\nprint(b.pid, flush=True)\n"
    program += ("b.pause()\n" if paused else "") + "import time\nprint('ready', flush=True)\ntime.sleep(60)"
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.stdout.readline()
        started = start_time(pid)
        assert started is not None
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: start_time(pid) != started, 5, "the end of the orphan")
