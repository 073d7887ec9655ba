"""The WSGI middleware without a server: its contract with one (PEP 3333)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from meshclient.errors import DeadlineExceeded
from meshclient.http.ambient import AMBIENT, NOTHING
from meshclient.integrations.wsgi import MeshMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

SHORT = 0.02


class Served:
    """What a server got from an application, for a request with these headers."""

    def __init__(self, app: Any, timeout: str | None = None) -> None:
        environ: dict[str, Any] = {"QUERY_STRING": ""}
        setup_testing_defaults(environ)
        if timeout is not None:
            environ["HTTP_MESH_TIMEOUT"] = timeout
        self.heads: list[tuple[str, list[tuple[str, str]], Any]] = []
        # The standard library's own judge of both sides.
        iterable = validator(MeshMiddleware(app))(environ, self._start)
        try:
            self.body = b"".join(iterable)
        finally:
            iterable.close()  # type: ignore[attr-defined]

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        assert not self.heads or exc_info
        self.heads.append((status, headers, exc_info))
        return lambda _: None

    @property
    def status(self) -> str:
        return self.heads[-1][0]


class App:
    """Yields a body; `work` is done before its head or before its second part."""

    def __init__(self, work: Callable[[], object], *, late: bool = False) -> None:
        self._work = work
        self._late = late
        self.closed = 0

    def __call__(self, _: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._start = start_response
        if not self._late:
            self._work()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        if self._late:
            self._work()
        yield b"second"

    def close(self) -> None:
        self.closed += 1


def patience() -> None:
    """A call whose time ends with that of the request."""
    assert AMBIENT.get() is not NOTHING
    time.sleep(2 * SHORT)
    raise DeadlineExceeded("no time is left")


def test_a_response_is_handed_on_and_closed() -> None:
    seen: list[object] = []
    app = App(lambda: seen.append(AMBIENT.get()), late=True)
    served = Served(app, "9S")
    assert (served.status, served.body, app.closed) == ("200 OK", b"firstsecond", 1)
    # The body is made in the context of its request, and nobody else's.
    assert seen[0] is not NOTHING
    assert AMBIENT.get() is NOTHING


def test_without_a_header_the_applications_own_iterable_is_returned() -> None:
    app = App(lambda: None)
    environ: dict[str, Any] = {}
    assert MeshMiddleware(app)(environ, lambda *_: lambda _: None) is app


def test_what_is_over_already_is_not_begun() -> None:
    served = Served(App(pytest.fail), "0m")
    assert served.status == "504 Gateway Timeout"
    assert json.loads(served.body)["status"] == 504


def test_a_time_that_ends_in_a_call_becomes_a_504() -> None:
    served = Served(App(patience), f"{SHORT * 1000:.0f}m")
    assert served.status == "504 Gateway Timeout"
    assert dict(served.heads[-1][1])["Content-Type"] == "application/problem+json"


def test_after_the_head_the_server_decides_whether_it_can_still_be_one() -> None:
    app = App(patience, late=True)
    served = Served(app, f"{SHORT * 1000:.0f}m")
    assert [status for status, _, _ in served.heads] == ["200 OK", "504 Gateway Timeout"]
    assert served.heads[-1][2][0] is DeadlineExceeded
    assert app.closed == 1


@pytest.mark.parametrize("late", [False, True])
def test_other_errors_and_deadlines_of_the_applications_own_are_its_own(*, late: bool) -> None:
    def fail() -> None:
        raise DeadlineExceeded("a call's own")

    with pytest.raises(DeadlineExceeded, match="a call's own"):
        Served(App(fail, late=late), "9S")
