"""Credentials that are missing, expire and are rotated while a watch runs."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Empty
from servers.rest import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudmap.conftest import Space
    from conftest import Kit

    from servers.aws import Aws

pytestmark = pytest.mark.registry("cloudmap", "faults")


class Gate(ThreadingHTTPServer):
    """Stands before the emulated AWS, which takes any key, and refuses those that have expired."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.upstream = upstream
        self.expired: set[str] = set()
        self.used: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Keeper(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Gate

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers["Authorization"].partition("Credential=")[2].partition("/")[0]
        self.server.used.append(key)
        if key in self.server.expired:
            refusal = {"__type": "ExpiredTokenException", "message": "The security token is expired"}
            status, answer = 400, json.dumps(refusal).encode()
        else:
            headers = {name: self.headers[name] for name in ("Authorization", "X-Amz-Target", "Content-Type")}
            reply = call("POST", self.server.upstream, body, headers=headers)
            status, answer = reply.status, reply.raw
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def gate(aws: Aws) -> Iterator[Gate]:
    server = Gate(aws.url)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared credentials file in place of the environment's keys."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    return path


def write(path: Path, key: str) -> None:
    path.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret-of-{key}\n")


def test_rotated_keys_are_read_when_the_old_ones_expire(kit: Kit, space: Space, gate: Gate, key_file: Path) -> None:
    space.put("orders", "a", "10.0.0.1")
    write(key_file, "OLD")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=20ms", url=gate.url), "orders") as watch:
            await watch.ready("a")
            assert set(gate.used) == {"OLD"}
            write(key_file, "NEW")
            gate.expired.add("OLD")
            failed = await watch.failed("refused", "ExpiredTokenException", "credentials", "service 'orders'")
            assert [endpoint.id for endpoint in failed.endpoints] == ["a"]
            assert "secret-of" not in failed.cause
            await asyncio.to_thread(space.put, "orders", "b", "10.0.0.2")
            await watch.ready("a", "b")
            assert gate.used[-1] == "NEW"
            assert not any(isinstance(seen, Empty) for seen in watch.seen)

    asyncio.run(check())


def test_missing_credentials_are_found_once_they_are_there(kit: Kit, space: Space, gate: Gate, key_file: Path) -> None:
    space.put("orders", "a", "10.0.0.1")

    async def check() -> None:
        async with kit.watch(space.resolver("interval=20ms", url=gate.url), "orders") as watch:
            await watch.failed("was not sent", "Unable to locate credentials")
            assert not gate.used
            write(key_file, "LATE")
            await watch.ready("a")
            assert set(gate.used) == {"LATE"}

    asyncio.run(check())
