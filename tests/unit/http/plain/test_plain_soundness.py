"""An httpx that is not as it is known here: it is found out, and every call takes httpx's own road."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from meshclient.http.plain import soundness
from meshclient.http.plain.request import PlainRequests, _trusting
from unit.http.plain.roads import Answer, road, short

if TYPE_CHECKING:
    from collections.abc import Callable


def examined() -> bool:
    return soundness.examine(_trusting)


def test_this_httpx_is_as_it_is_known() -> None:
    assert examined()


def _more(kind: type, name: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """What `kind` makes has something more."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        init = kind.__init__  # type: ignore[misc]

        def fuller(self: Any, *arguments: Any, **keywords: Any) -> None:
            init(self, *arguments, **keywords)
            setattr(self, name, value)

        monkeypatch.setattr(kind, "__init__", fuller)

    return patch


def _elsewhere(kind: type, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """What `kind` keeps under `name` is kept elsewhere; reading what has been kept still works."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        def write(self: Any, value: Any) -> None:
            vars(self)["moved"] = value

        monkeypatch.setattr(kind, name, property(lambda self: vars(self)["moved"], write), raising=False)

    return patch


def _less(monkeypatch: pytest.MonkeyPatch) -> None:
    init = httpx.Response.__init__

    def poorer(self: Any, *arguments: Any, **keywords: Any) -> None:
        init(self, *arguments, **keywords)
        del self.next_request

    monkeypatch.setattr(httpx.Response, "__init__", poorer)


def _told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.AsyncClient, "timeout", property(lambda self: httpx.Timeout(self._timeout)))


def _headers_in_other_order(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = httpx.Request._prepare

    def other(self: httpx.Request, default_headers: dict[str, str]) -> None:
        prepare(self, default_headers)
        self.headers = httpx.Headers(self.headers.raw[::-1])

    monkeypatch.setattr(httpx.Request, "_prepare", other)


def _other_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("httpx._content.json_dumps", lambda *_, **__: "{ }")


def _other_triples(monkeypatch: pytest.MonkeyPatch) -> None:
    _more(httpx.Headers, "_index", {})(monkeypatch)


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "a client that knows more": _more(httpx.Client, "_retries", 3),
    "an asynchronous client that knows more": _more(httpx.AsyncClient, "_retries", 3),
    "a response that has more": _more(httpx.Response, "trailers", None),
    "a request that has more": _more(httpx.Request, "_body", b""),
    "headers that are kept otherwise": _other_triples,
    "content that is kept elsewhere": _elsewhere(httpx.Response, "_content"),
    "a body that is kept elsewhere": _elsewhere(httpx.Request, "_content"),
    "a client's headers that are kept elsewhere": _elsewhere(httpx.Client, "_headers"),
    "a client's timeout that is kept elsewhere": _elsewhere(httpx.AsyncClient, "_timeout"),
    "a response that has less": _less,
    "a setting that is not what it is told to be": _told_otherwise,
    "another order of headers": _headers_in_other_order,
    "another encoding of JSON": _other_body,
}


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_another_httpx_is_found_out(
    monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None]
) -> None:
    with monkeypatch.context() as patched:
        break_it(patched)
        assert not examined()
    assert examined()


def test_with_another_httpx_calls_take_its_own_road(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness._Verdict, "sound", None)
    _more(httpx.Response, "trailers", ())(monkeypatch)
    ours = road()
    ours.answers = [Answer(201, [(b"a", b"b")], b"{}")]
    plain = PlainRequests(ours.client)
    assert plain.prepare("GET", "http://orders/") is None
    response = short(ours, plain, "GET", "http://orders/")
    assert type(response) is httpx.Response
    assert (response.status_code, response.json(), response.trailers) == (201, {}, ())  # type: ignore[attr-defined]


def test_it_is_found_out_once_and_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness._Verdict, "sound", None)
    looked: list[object] = []

    def look(prepared: object) -> bool:
        looked.append(prepared)
        return True

    monkeypatch.setattr(soundness, "examine", look)
    plain = [PlainRequests(road().client) for _ in range(3)]
    assert not looked
    assert all(each.prepare("GET", "http://orders/") for each in plain)
    assert len(looked) == 1


def test_nobody_hears_of_the_exchange(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert examined()
    assert not caplog.records


# Names that are private to httpx are not there when this is imported.
ANOTHER_VERSION = """
import httpx, httpx._client as inside
states = inside.ClientState
del inside.ClientState
from meshclient.http.plain.request import PlainRequests
inside.ClientState = states
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)), trust_env=False)
print(PlainRequests(client).prepare("GET", "http://orders/"), client.get("http://orders/").status_code)
"""


def test_what_is_missing_is_no_error_when_this_is_imported() -> None:
    command = [sys.executable, "-c", ANOTHER_VERSION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("None 200", "")
