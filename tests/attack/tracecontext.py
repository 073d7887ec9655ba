"""The W3C working group's own tests of Trace Context against the middleware and the clients, end to end.

    git clone https://github.com/w3c/trace-context
    PYTHONPATH=tests python -m attack.tracecontext trace-context [--python OTHER] [NAME ...]

Its harness asks a service by POST to call back, and looks at the headers that come. Services are the usual ones: an
ASGI application under uvicorn with an `AsyncClient`, and a WSGI one with a `Client`, each with the middleware around it
and nothing written by hand; they call back once as a service of the mesh and once as a host that is none. The harness
needs aiohttp, which nothing here does: `--python` is an interpreter that has it. Nothing of the harness is kept here
(its licence is the W3C's); `NAME` is one of its tests, by default all, at level 2 of the specification and strictly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import meshclient
from integration.hop import asgi_server, wsgi_server
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware
from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any
    from wsgiref.types import StartResponse, WSGIEnvironment

    from meshclient.integrations.asgi import Message, Receive, Send

SERVICE = "harness"
ROADS = (SERVICE, "passthrough")
COLOURS = ("asgi", "wsgi")
# Seconds for all of its tests.
BOUND = 300


def wanted(body: bytes, origin: str, road: str) -> Iterator[tuple[str, Any]]:
    """What is to be called, and with what, for a request of the harness at `origin`."""
    for action in json.loads(body):
        url: str = action["url"]
        yield url.replace(origin, f"http://{SERVICE}") if road == SERVICE else url, action.get("arguments", [])


@contextmanager
def asgi(mesh: meshclient.Mesh, origin: str, road: str) -> Iterator[str]:
    """The URL of a service that serves on a loop and calls with an `AsyncClient`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")  # type: ignore[operator]
            more = bool(message.get("more_body"))
        async with meshclient.AsyncClient(mesh=mesh) as client:
            calls = [client.post(url, json=arguments) for url, arguments in wanted(body, origin, road)]
            await asyncio.gather(*calls)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    with asgi_server(MeshMiddleware(app)) as url:
        yield url


@contextmanager
def wsgi(mesh: meshclient.Mesh, origin: str, road: str) -> Iterator[str]:
    """The URL of one that serves in threads and calls with a `Client`."""
    with meshclient.Client(mesh=mesh) as client:

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            for url, arguments in wanted(body, origin, road):
                client.post(url, json=arguments)
            start_response("200 OK", [("Content-Length", "2")])
            return [b"{}"]

        with wsgi_server(WsgiMiddleware(app)) as url:
            yield url


def run(harness: Path, python: str, colour: str, road: str, names: Sequence[str]) -> int:
    """How many of its tests failed."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    levels = {"SPEC_LEVEL": "2", "STRICT_LEVEL": "2", "HARNESS_PORT": str(port)}
    with ExitStack() as stack:
        services = {SERVICE: {"endpoints": [origin]}}
        mesh = meshclient.Mesh.from_config(services=services, sets=["propagate_passthrough=true"])
        stack.enter_context(mesh)
        url = stack.enter_context((asgi if colour == "asgi" else wsgi)(mesh, origin, road))
        argv = [python, "test.py", f"{url}/test", *names]
        done = subprocess.run(argv, cwd=harness, env={**os.environ, **levels}, check=False, timeout=BOUND)
    return done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkout", type=Path, help="of https://github.com/w3c/trace-context")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a test, such as TraceContextTest.test_both")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has aiohttp")
    arguments = parser.parse_args()
    harness = (arguments.checkout / "test").resolve()
    if not (harness / "test.py").exists():
        parser.error(f"{arguments.checkout} is no checkout of trace-context: it has no test/test.py")
    if subprocess.run([arguments.python, "-c", "import aiohttp"], capture_output=True, check=False).returncode:
        parser.error(f"{arguments.python} has no aiohttp, which the harness needs: give another with --python")
    failed: dict[str, int] = {}
    for colour in COLOURS:
        for road in ROADS:
            print(f"\n{colour}, calls to a {'service' if road == SERVICE else 'host that is none'}", flush=True)
            failed[f"{colour}, {road}"] = run(harness, arguments.python, colour, road, arguments.names)
    print()
    for which, count in failed.items():
        print(f"{which}: {f'{count} failed' if count else 'all passed'}")
    sys.exit(any(failed.values()))


if __name__ == "__main__":
    main()
