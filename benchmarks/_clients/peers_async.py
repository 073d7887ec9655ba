"""The asynchronous peers, each as strong as its documentation makes it: no limit on connections, no proxy look-up.

A row is a function of a site and a workload that gives `one()`: a whole call, whose status and answer it returns. Peers
are imported here by name, since the environment of the tests does not have them.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _clients.workload import JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from _clients.site import Site
    from _clients.workload import Workload

    One = Callable[[], Awaitable[tuple[int, Any]]]


def calls(client: Any, base: str, work: Workload) -> One:  # noqa: ANN401 - of httpx, httpx2 or meshclient
    """A call through any client that has httpx's methods."""
    if work.body is None:
        url = base + work.path

        async def get() -> tuple[int, Any]:
            response = await client.get(url)
            return response.status_code, response.content

        return get

    async def post() -> tuple[int, Any]:
        path, body, headers = work.unique()
        response = await client.post(base + path, json=body, headers=headers)
        if response.headers["content-type"] != JSON:
            raise AssertionError(response.headers)
        return response.status_code, response.json()

    return post


def unlimited(module: Any) -> Any:  # noqa: ANN401 - httpx or httpx2
    """No bound on connections: by default 20 idle ones are kept, and new ones opened all the time."""
    return module.Limits(max_connections=None, max_keepalive_connections=None)


async def httpx(site: Site, work: Workload) -> One:
    module: Any = import_module("httpx")
    client = module.AsyncClient(limits=unlimited(module), verify=site.verify(), trust_env=False)
    return calls(client, site.origins[0], work)


async def httpx_involved(site: Site, work: Workload) -> One:
    module: Any = import_module("httpx")

    async def hook(_: object) -> None:
        pass

    hooks = {"request": [hook], "response": [hook]}
    client = module.AsyncClient(limits=unlimited(module), verify=site.verify(), trust_env=False, event_hooks=hooks,
                                auth=("user", "password"), cookies={"session": "1234567890"})  # fmt: skip
    return calls(client, site.origins[0], work)


async def httpx2(site: Site, work: Workload) -> One:
    module: Any = import_module("httpx2")
    client = module.AsyncClient(limits=unlimited(module), verify=site.verify(), trust_env=False)
    return calls(client, site.origins[0], work)


async def glued(site: Site, work: Workload) -> One:
    """What teams write: httpx + tenacity + pybreaker + round robin."""
    module: Any = import_module("httpx")
    pybreaker, tenacity = import_module("pybreaker"), import_module("tenacity")
    client = module.AsyncClient(limits=unlimited(module), verify=site.verify(), trust_env=False)
    endpoints = [
        (calls(client, origin, work), pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)) for origin in site.origins
    ]
    turn = 0

    retrying = tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_random_exponential(0.05, 1),
        retry=tenacity.retry_if_exception_type(module.HTTPError),
        reraise=True,
    )

    async def one() -> tuple[int, Any]:
        nonlocal turn
        turn += 1
        send, breaker = endpoints[turn % len(endpoints)]
        with breaker.calling():
            status, answer = await send()
            if status >= 500:
                raise module.HTTPError(str(status))
            return status, answer

    made: One = retrying(one)
    return made


async def aiohttp(site: Site, work: Workload, loads: Callable[[str], Any] | None = None, **options: object) -> One:
    module: Any = import_module("aiohttp")
    session = module.ClientSession(connector=module.TCPConnector(limit=0, ssl=site.verify()), **options)
    base = site.origins[0]
    decoding = {} if loads is None else {"loads": loads}
    if work.body is None:
        url = base + work.path

        async def get() -> tuple[int, Any]:
            async with session.get(url) as response:
                return response.status, await response.read()

        return get

    async def post() -> tuple[int, Any]:
        path, body, headers = work.unique()
        async with session.post(base + path, json=body, headers=headers) as response:
            if response.headers["content-type"] != JSON:
                raise AssertionError(response.headers)
            return response.status, await response.json(**decoding)

    return post


async def aiohttp_msgspec(site: Site, work: Workload) -> One:
    """The same with the JSON library that meshclient has; aiohttp wants text from it."""
    json: Any = import_module("msgspec").json
    return await aiohttp(site, work, json.decode, json_serialize=lambda value: json.encode(value).decode())


def qwest_options(site: Site) -> dict[str, Any]:
    """For pyqwest's transports, which keep two idle connections by default and would speak HTTP/2 over TLS."""
    http1 = import_module("pyqwest").HTTPVersion.HTTP1
    trusted = {"tls_ca_cert": Path(site.authority).read_bytes()} if site.authority else {}
    return {"enable_otel": False, "http_version": http1, "pool_max_idle_per_host": 4096, **trusted}


async def pyqwest(site: Site, work: Workload) -> One:
    module: Any = import_module("pyqwest")
    client = module.Client(module.HTTPTransport(**qwest_options(site)))
    base = site.origins[0]
    if work.body is None:
        url = base + work.path

        async def get() -> tuple[int, Any]:
            response = await client.get(url)
            return response.status, response.content

        return get

    async def post() -> tuple[int, Any]:
        path, body, headers = work.unique()
        response = await client.post(base + path, headers=headers, content=body)
        if response.headers["content-type"] != JSON:
            raise AssertionError(response.headers)
        return response.status, response.json()

    return post


ROWS = {
    "httpx": httpx,
    "httpx-involved": httpx_involved,
    "httpx2": httpx2,
    "aiohttp": aiohttp,
    "aiohttp-msgspec": aiohttp_msgspec,
    "pyqwest": pyqwest,
    "glued": glued,
}
