"""Django behind the middleware of its setting, by WSGI and by ASGI, with views of either kind."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from integration.service_process import ServiceProcess
from meshclient.core.balance.load_report import HEADER, LoadReport
from servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 60.0
TRACE = "0af7651916cd43dd8448eb211c80319c"
HEADERS = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "mesh-timeout": "9S"}
NOTHING = [None, False]
PROBLEM = "application/problem+json"


class Project:
    """The project while it is served."""

    def __init__(self, kind: str, url: str, gate: Path) -> None:
        self.kind = kind
        self.gate = gate
        self.http = httpx.Client(base_url=url, timeout=BOUND)

    def view(self, name: str) -> str:
        """The view of this name that suits."""
        return f"/a{name}" if self.kind == "uvicorn" else f"/{name}"

    def mark(self, name: str) -> Path:
        """What a view leaves."""
        return self.gate.with_name(f"{self.gate.name}.{name}")


@pytest.fixture(scope="module", params=["wsgiref", "uvicorn"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("django")
    app = "django_views:asgi" if request.param == "uvicorn" else "django_views:wsgi"
    inbound = {"limit": 1, "load_report": True, "critical": ["/tell"]}
    told = {"INBOUND": json.dumps(inbound), "GATE": str(folder / "gate")}
    with ServiceProcess(request.param, app, Path(__file__).parent, folder, **told) as process:
        project = Project(request.param, process.url, folder / "gate")
        with project.http:
            yield project


@pytest.fixture
def project(served: Project) -> Project:
    for name in ("inside", "cancelled"):
        served.mark(name).unlink(missing_ok=True)
    served.gate.unlink(missing_ok=True)
    return served


@pytest.mark.parametrize("view", ["tell", "atell"])
def test_views_of_both_kinds_continue_their_request_and_no_other(project: Project, view: str) -> None:
    assert project.http.get(f"/{view}", headers=HEADERS).json() == [TRACE, True]
    assert project.http.get(f"/{view}").json() == NOTHING


@pytest.mark.parametrize("view", ["stream", "astream"])
# Django says that a body of the other kind is collected first.
@pytest.mark.filterwarnings("ignore")
def test_so_do_their_streams(project: Project, view: str) -> None:
    if view == "astream" or project.kind != "uvicorn":
        for headers, expected in ((HEADERS, [TRACE, True]), ({}, NOTHING)):
            lines = project.http.get(f"/{view}", headers=headers).text.splitlines()
            assert [json.loads(line) for line in lines] == [expected] * 2


@pytest.mark.parametrize("view", ["fail", "tell", "stream", "missing"])
def test_every_ending_gives_the_place_back(project: Project, view: str) -> None:
    statuses = {project.http.get(f"/{view}").status_code for _ in range(3)}
    assert statuses == {{"fail": 500, "missing": 404}.get(view, 200)}


def test_overload(project: Project) -> None:
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(project.http.get, project.view("hold"))
        wait_until(project.mark("inside").exists, BOUND, "one inside")
        refused = project.http.get(project.view("hold"))
        assert (refused.status_code, refused.headers["content-type"]) == (503, PROBLEM)
        assert refused.headers["retry-after"] == "1"
        assert project.http.get("/tell").status_code == 200
        assert project.http.get("/readyz").json() == {"status": "ready"}
        project.gate.touch()
        assert held.result().text == "held"
    assert project.http.get(project.view("hold")).text == "held"


def test_what_has_no_time_is_not_begun_and_what_runs_out_is_given_up(project: Project) -> None:
    over = project.http.get("/fail", headers={"mesh-timeout": "0m"})
    assert (over.status_code, over.headers["content-type"]) == (504, PROBLEM)
    # Of a view in a thread the call ends, of one on the loop the view.
    late = project.http.get("/late", headers={"mesh-timeout": "100m"})
    assert (late.status_code, late.headers["content-type"]) == (504, PROBLEM)
    assert project.http.get("/late").status_code == 500
    if project.kind == "uvicorn":
        assert project.http.get("/ahold", headers={"mesh-timeout": "200m"}).status_code == 504
        wait_until(project.mark("cancelled").exists, BOUND, "the end of the view")
        assert project.http.get("/atell").status_code == 200


def test_the_load_is_told(project: Project) -> None:
    wait_until(lambda: HEADER in project.http.get("/tell").headers, BOUND, "a report")
    report = LoadReport.parse(project.http.get("/tell").headers[HEADER])
    assert report is not None
    assert report.named["capacity"] == 1
    assert report.rate > 0
    assert ("loop_lag" in report.named) == (project.kind == "uvicorn")


def test_probes(project: Project) -> None:
    assert project.http.get("/healthz").json() == {"status": "ok"}
    assert project.http.head("/readyz").status_code == 200
    assert project.http.head("/readyz").content == b""
