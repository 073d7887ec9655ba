"""The synchronous peers; see `peers_async`. aiohttp has no such client."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from _clients.peers_async import qwest_options, unlimited
from _clients.workload import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from _clients.site import Site
    from _clients.workload import Workload

    One = Callable[[], tuple[int, Any]]


def calls(client: Any, base: str, work: Workload) -> One:  # noqa: ANN401 - of httpx, httpx2 or meshclient
    """A call through any client that has httpx's methods."""
    if work.body is None:
        url = base + work.path

        def get() -> tuple[int, Any]:
            response = client.get(url)
            return response.status_code, response.content

        return get

    def post() -> tuple[int, Any]:
        path, body, headers = work.unique()
        response = client.post(base + path, json=body, headers=headers)
        if response.headers["content-type"] != JSON:
            raise AssertionError(response.headers)
        return response.status_code, response.json()

    return post


def httpx(site: Site, work: Workload) -> One:
    module: Any = import_module("httpx")
    client = module.Client(limits=unlimited(module), verify=site.verify(), trust_env=False)
    return calls(client, site.origins[0], work)


def httpx2(site: Site, work: Workload) -> One:
    module: Any = import_module("httpx2")
    client = module.Client(limits=unlimited(module), verify=site.verify(), trust_env=False)
    return calls(client, site.origins[0], work)


def glued(site: Site, work: Workload) -> One:
    """What teams write: httpx + tenacity + pybreaker + round robin."""
    module: Any = import_module("httpx")
    pybreaker, tenacity = import_module("pybreaker"), import_module("tenacity")
    client = module.Client(limits=unlimited(module), verify=site.verify(), trust_env=False)
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

    def one() -> tuple[int, Any]:
        nonlocal turn
        turn += 1
        send, breaker = endpoints[turn % len(endpoints)]
        with breaker.calling():
            status, answer = send()
            if status >= 500:
                raise module.HTTPError(str(status))
            return status, answer

    made: One = retrying(one)
    return made


def pyqwest(site: Site, work: Workload) -> One:
    module: Any = import_module("pyqwest")
    client = module.SyncClient(module.SyncHTTPTransport(**qwest_options(site)))
    base = site.origins[0]
    if work.body is None:
        url = base + work.path

        def get() -> tuple[int, Any]:
            response = client.get(url)
            return response.status, response.content

        return get

    def post() -> tuple[int, Any]:
        path, body, headers = work.unique()
        response = client.post(base + path, headers=headers, content=body)
        if response.headers["content-type"] != JSON:
            raise AssertionError(response.headers)
        return response.status, response.json()

    return post


ROWS = {"httpx": httpx, "httpx2": httpx2, "pyqwest": pyqwest, "glued": glued}
