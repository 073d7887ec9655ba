"""What the published tests of HTTP caches say about the cache of `AsyncClient`.

    python benchmarks/cache_corpus.py CHECKOUT [--kind shared] [--serve-stale] [--road client] [--test ID]

CHECKOUT is a checkout of https://github.com/http-tests/cache-tests, which is not part of this project, with what its
package.json names (`npm install`); Node has to be on the PATH. The tests speak to a reverse proxy, here a thin one:
each request goes through one client to the tests' own backend, and comes back as the client gave it. Between them is
nothing but what a proxy does on its own account: the fields of one connection are taken away, no cookies are kept.

Repeats, ejection and the throttle are off, since the backend counts. Tests that count only where a stale response
stands in for a connection that closes need ``--serve-stale``; without it their own dependencies take them out.

Prints how many tests of each kind went which way, and those that did not pass. README.md says why those do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack, suppress
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import meshclient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HOP = frozenset(
    {
        "connection", "content-length", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
BODILESS = frozenset({204, 304})
SECONDS = 600
# By the corpus's own rules: which results count, and which depend on others.
TALLY = """
import { pathToFileURL } from 'url'
import fs from 'fs'
const at = name => pathToFileURL(`${process.argv[1]}/${name}`).href
const suites = (await import(at('tests/index.mjs'))).default
const { determineTestResult, resultTypes } = await import(at('test-engine/lib/results.mjs'))
const found = JSON.parse(fs.readFileSync(process.argv[2]))
const all = suites.flatMap(suite => suite.tests).map(test => {
  const result = determineTestResult(suites, test.id, found)
  const name = Object.keys(resultTypes).find(key => resultTypes[key] === result)
  return { id: test.id, kind: test.kind || 'required', name, said: found[test.id] }
})
console.log(JSON.stringify(all))
"""

Head = list[tuple[str, str]]


class Proxy:
    """Answers on one port what a client brings from another.

    Args:
        get: sends a request through the cache.
        direct: sends one that is none of the cache's: how the tests tell their backend what to say.
        origin: of the backend.
    """

    def __init__(self, get: Callable[..., Awaitable[httpx.Response]], direct: httpx.AsyncClient, origin: str) -> None:
        self._get = get
        self._direct = direct
        self._origin = origin

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.rstrip().split("\r\n")
                method, target, _ = line.split(" ", 2)
                fields = [(name, value.strip(" \t")) for name, _, value in (each.partition(":") for each in rest)]
                content = await _content(reader, {name.lower(): value for name, value in fields})
                writer.write(await self._answer(method, target, _own(fields), content))
                await writer.drain()
        writer.close()

    async def _answer(self, method: str, target: str, fields: Head, content: bytes) -> bytes:
        ours = target.startswith("/test/")
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        try:
            if ours:
                response = await self._get(method, f"http://corpus{target}", headers=headers, content=content)
            else:
                response = await self._direct.request(method, self._origin + target, headers=headers, content=content)
        except httpx.TransportError:
            return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        back = _own([(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw])
        lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}", *(f"{n}: {v}" for n, v in back)]
        body = b"" if method == "HEAD" or response.status_code in BODILESS else response.content
        length = response.headers.get("content-length") if method == "HEAD" else str(len(body))
        if length is not None and response.status_code not in BODILESS:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _own(fields: Head) -> Head:
    """Without those of one connection."""
    listed = {name.strip().lower() for key, value in fields if key.lower() == "connection" for name in value.split(",")}
    return [(name, value) for name, value in fields if name.lower() not in HOP | listed]


async def _content(reader: asyncio.StreamReader, fields: dict[str, str]) -> bytes:
    if "chunked" not in fields.get("transfer-encoding", "").lower():
        return await reader.readexactly(int(fields.get("content-length", "0")))
    content = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        content += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return content


def service(origin: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The corpus's backend, of which nothing is asked twice."""
    cache = {"kind": arguments.kind, "serve_stale": arguments.serve_stale, "targeted": ["cdn-cache-control"]}
    off = dict.fromkeys(("retry", "ejection", "throttle"), False)
    return {"corpus": {"endpoints": [origin], "deadline": "60s", "cache": cache, **off}}


async def run(arguments: argparse.Namespace, origin: str) -> str:
    """What the corpus says, as JSON; of one test, as text."""
    async with AsyncExitStack() as stack:
        given = service(origin, arguments)
        client: httpx.AsyncClient
        if arguments.road == "client":
            client = meshclient.AsyncClient(services=given)
        else:
            mesh = stack.enter_context(meshclient.Mesh(services=given))
            client = httpx.AsyncClient(transport=meshclient.AsyncMeshTransport(mesh), timeout=60)
        # A proxy has no cookies: one test's would tell the others apart.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        await stack.enter_async_context(client)
        direct = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        proxy = Proxy(client.request, direct, origin)
        server = await stack.enter_async_context(await asyncio.start_server(proxy.serve, "127.0.0.1", 0))
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        tests = await asyncio.create_subprocess_exec(
            "node", "--no-warnings", str(arguments.checkout / "test-engine" / "cli.mjs"),
            env=os.environ | {"npm_config_base": base, "npm_config_id": arguments.test, "npm_package_config_id": ""},
            stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(tests.communicate(), SECONDS)
        finally:
            if tests.returncode is None:
                tests.kill()
        return said.decode()


def start_backend(stack: ExitStack, checkout: Path, folder: Path, port: int) -> str:
    """The corpus's own."""
    process = subprocess.Popen(
        ["node", str(checkout / "test-engine" / "server" / "server.mjs")],
        env=os.environ
        | {"npm_config_protocol": "http", "npm_config_port": str(port), "npm_config_pidfile": str(folder / "pid")},
        stdout=subprocess.PIPE,
        text=True,
    )
    stack.callback(process.wait, 10)
    stack.callback(process.kill)
    assert process.stdout is not None
    if "Listening" not in process.stdout.readline():
        sys.exit(f"the corpus's backend does not begin: is port {port} free?")
    return f"http://127.0.0.1:{port}"


def report(checkout: Path, results: Path) -> None:
    """The numbers, and what did not pass."""
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", TALLY, str(checkout.resolve()), str(results)],
        check=True,
        capture_output=True,
        text=True,
    )
    tests = [test for test in json.loads(done.stdout) if test["name"] != "untested"]
    for kind in ("required", "optimal", "check"):
        names = [test["name"] for test in tests if test["kind"] == kind]
        counts = {name: names.count(name) for name in sorted(set(names))}
        print(f"{kind}: {counts.get('pass', counts.get('yes', 0))} of {len(names)} {counts}")
    for test in tests:
        if test["kind"] != "check" and test["name"] != "pass":
            print(f"  {test['kind']:8} {test['name']:15} {test['id']}: {test['said']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--kind", choices=("shared", "private"), default="shared")
    parser.add_argument("--serve-stale", action="store_true")
    parser.add_argument("--road", choices=("client", "httpx"), default="client", help="client: with the short road")
    parser.add_argument("--port", type=int, default=7391, help="for the corpus's backend")
    parser.add_argument("--test", default="", metavar="ID", help="this one only, with what is said on the wire")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        origin = start_backend(stack, arguments.checkout, folder, arguments.port)
        said = asyncio.run(run(arguments, origin))
        if arguments.test:
            print(said)
            return
        results = folder / "results.json"
        results.write_text(said)
        report(arguments.checkout, results)


if __name__ == "__main__":
    os.environ.pop("MESHCLIENT_CONFIG", None)
    main()
