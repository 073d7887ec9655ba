"""`meshclient.httpx2`: the same clients for httpx2, with nothing of httpx in between."""

from __future__ import annotations

import asyncio
import gzip
import logging
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

import meshclient.httpx2
from house.source import ROOT
from meshclient import Mesh, NoEndpoints, override
from meshclient.httpx2.plain.request import _trusting
from meshclient.httpx2.plain.soundness import examine
from meshclient.testing import FakeResolver

BODY = b"a body that is worth packing " * 9


class Orders(BaseHTTPRequestHandler):
    """Answers everything, packed where that is asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        packed = "gzip" in self.headers.get("accept-encoding", "")
        body = gzip.compress(BODY) if packed else BODY
        self.send_response(503 if self.path == "/503" else 200)
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def orders() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"static://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_twin_is_fresh() -> None:
    twin = runpy.run_path(str(ROOT / "scripts" / "twin.py"))["twin"](ROOT)
    assert len(twin) > 80
    stale = [str(path) for path, text in twin.items() if (ROOT / path).read_text("utf-8") != text]
    assert stale == [], "run `make sync`"


def test_blocking_calls(orders: str) -> None:
    with meshclient.httpx2.Client(orders) as http:
        assert isinstance(http, httpx2.Client)
        for encoding in ("gzip", "identity"):
            for _ in range(2):
                answer = http.get("http://orders/", headers={"Accept-Encoding": encoding})
                assert isinstance(answer, httpx2.Response)
                assert (answer.content, answer.url.host) == (BODY, "orders")
                assert [attempt.outcome.status for attempt in answer.extensions["mesh"].attempts] == [200]
        with http.stream("GET", "http://orders/") as streamed:
            assert b"".join(streamed.iter_bytes()) == BODY


def test_awaited_calls(orders: str) -> None:
    async def calls() -> None:
        async with meshclient.httpx2.AsyncClient(orders) as http:
            assert isinstance(http, httpx2.AsyncClient)
            for _ in range(2):
                assert (await http.get("http://orders/")).content == BODY
            async with http.stream("GET", "http://orders/") as streamed:
                assert b"".join([part async for part in streamed.aiter_bytes()]) == BODY

    asyncio.run(calls())


def test_your_own_client_of_httpx2(orders: str) -> None:
    with Mesh(orders) as mesh, httpx2.Client(transport=meshclient.httpx2.MeshTransport(mesh)) as http:
        with override(retry=False):
            answer = http.get("http://orders/503")
        assert (answer.status_code, len(answer.extensions["mesh"].attempts)) == (503, 1)


def test_errors_are_both_ours_and_those_of_httpx2() -> None:
    with meshclient.httpx2.Client(FakeResolver({"orders": []})) as http:
        with pytest.raises(httpx2.ConnectError) as caught:
            http.get("http://orders/")
        assert isinstance(caught.value, NoEndpoints)


def test_plain_calls_take_the_short_road() -> None:
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    assert examine(_trusting)


def test_nothing_of_httpx_is_in_the_twin_and_without_httpx2_it_says_what_to_install() -> None:
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'httpx2' else find(name, package)\n"
        "import meshclient.httpx2"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "needs httpx2: pip install 'meshclient[httpx2]'" in ended.stderr
    classes = [meshclient.httpx2.Client, meshclient.httpx2.AsyncClient]
    assert not any(base.__module__.startswith("httpx.") for cls in classes for base in cls.__mro__)
