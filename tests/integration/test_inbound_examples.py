"""The examples of services, each in a process of its own, and the Lambda function in the hands of a runtime."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import meshclient
from integration.hop import BOUND, Seen, asgi_app, asgi_server
from integration.service_process import ServiceProcess
from meshclient.core.balance.load_report import HEADER, LoadReport
from meshclient.http.ambient import parse_timeout
from meshclient.integrations.asgi import MeshMiddleware
from servers.ports import free_port
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.consul import Consul

FOLDER = Path(__file__).parents[2] / "examples" / "inbound"
SERVICES = {
    "FastAPI": ("uvicorn", "fastapi_service:app", "/cart"),
    "ASGI": ("uvicorn", "asgi_service:app", "/cart"),
    "Flask": ("flask", "flask_service.py", "/cart"),
    "Django, sync": ("wsgiref", "django_service:wsgi", "/cart"),
    "Django, sync views by ASGI": ("uvicorn", "django_service:asgi", "/cart"),
    "Django, async": ("uvicorn", "django_service:asgi", "/async-cart"),
}
PROBLEM = "application/problem+json"


class Orders:
    """The service that is called; it answers at once while `open`."""

    def __init__(self) -> None:
        self.seen = Seen()
        self.open = threading.Event()
        self.open.set()
        self.app = asgi_app(self.seen, self._work)

    async def _work(self) -> int:
        while not self.open.is_set():  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)
        return 200


@pytest.fixture
def orders() -> Orders:
    return Orders()


@pytest.fixture
def endpoint(orders: Orders) -> Iterator[str]:
    with asgi_server(MeshMiddleware(orders.app)) as url:
        yield url
        orders.open.set()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py")))
def test_a_program_is_short_and_runs_here(name: str) -> None:
    text = (FOLDER / name).read_text("utf-8")
    assert len(text.splitlines()) < 45
    assert ast.get_docstring(ast.parse(text))
    assert name.removesuffix(".py") in Path(__file__).read_text("utf-8")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service(name: str, orders: Orders, endpoint: str, tmp_path: Path) -> None:
    kind, app, path = SERVICES[name]
    told = {"MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": endpoint}
    with ServiceProcess(kind, app, FOLDER, tmp_path, **told) as service, httpx.Client(base_url=service.url) as http:
        wait_until(lambda: http.get("/readyz").status_code == 200, BOUND, "readiness")
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {"mesh-timeout": "4S", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        answer = http.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        assert "ok" in answer.text
        [seen] = orders.seen.headers
        assert seen["traceparent"].startswith(f"00-{trace}-")
        assert seen["x-amzn-trace-id"].startswith(f"Root=1-{trace[:8]}-{trace[8:]};Parent=")
        assert 3 < (parse_timeout(seen["mesh-timeout"]) or 0) < 4
        assert http.get("/other").status_code == 404

        over = http.get(path, headers={"mesh-timeout": "0m"})
        assert (over.status_code, over.headers["content-type"]) == (504, PROBLEM)
        assert len(orders.seen.headers) == 1

        orders.open.clear()
        late = http.get(path, headers={"mesh-timeout": "300m"})
        assert (late.status_code, late.headers["content-type"]) == (504, PROBLEM), late.text
        wait_until(lambda: not orders.seen.under_way, BOUND, "the end of all work")
        orders.open.set()

        wait_until(lambda: HEADER in http.get(path).headers, BOUND, "a load report")
        report = LoadReport.parse(http.get(path).headers[HEADER])
        assert report is not None
        assert report.named["capacity"] in {32, 256}
        assert report.rate > 0


# What AWS's runtime does, as far as a function sees it: a context, an environment, one call after another.
RUNTIME = """
import json, os, sys, time
import lambda_function

class Context:
    def __init__(self, seconds):
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self):
        return int((self._ends - time.monotonic()) * 1000)

import threading
for number, seconds in enumerate(json.loads(sys.argv[1])):
    os.environ["_X_AMZN_TRACE_ID"] = f"Root=1-6721a0b5-{number + 1:024x};Parent=53995c3f42cd8ad8;Sampled=1"
    began = time.monotonic()
    answer = lambda_function.handler({"order": "42"}, Context(seconds))
    print(json.dumps({**answer, "took": time.monotonic() - began, "threads": threading.active_count()}), flush=True)
"""


def test_the_lambda_function(orders: Orders, endpoint: str) -> None:
    paths = [str(FOLDER), *(entry for entry in sys.path if entry)]
    told = {"PYTHONPATH": os.pathsep.join(paths), "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": endpoint}

    def invoke(*seconds: float) -> list[dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", RUNTIME, json.dumps(seconds)],
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    said = invoke(5, 3)
    answers = [line for line in said if "_aws" not in line]
    assert [(answer["statusCode"], answer["body"], answer["threads"]) for answer in answers] == [(200, "ok", 1)] * 2
    left = [parse_timeout(seen["mesh-timeout"]) or 0 for seen in orders.seen.headers]
    assert [round(each + 0.25) for each in left] == [5, 3]
    metrics = [line for line in said if "_aws" in line]
    assert [(line["Service"], line["meshclient.client.call.count"]) for line in metrics] == [("orders", 1)] * 2
    traces = [seen["x-amzn-trace-id"].split(";")[0] for seen in orders.seen.headers]
    assert traces == [f"Root=1-6721a0b5-{number:024x}" for number in (1, 2)]
    orders.open.clear()
    *_, late = invoke(0.8)
    assert late["statusCode"] == 504
    assert float(str(late["took"])) < 0.8


def test_a_registered_service_is_found_until_it_is_told_to_end(endpoint: str, consul: Consul, tmp_path: Path) -> None:
    variables = {
        "MESHCLIENT_RESOLVER": f"consul://127.0.0.1:{consul.port}",
        "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": endpoint,
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
    }
    with ServiceProcess("uvicorn", "registered_service:app", FOLDER, tmp_path, **variables):
        wait_until(lambda: listed(consul, "cart"), BOUND, "the instance in Consul")
        with meshclient.Client(f"consul://127.0.0.1:{consul.port}") as http:
            assert http.get("http://cart/cart").status_code == 200


def listed(consul: Consul, service: str) -> list[object]:
    found: list[object] = consul.call("GET", f"/v1/health/service/{service}?passing=1")
    return found
