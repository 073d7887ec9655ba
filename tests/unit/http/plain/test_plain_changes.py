"""A client that is changed between two calls, by whomever and however, is noticed."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
import pytest

from meshclient.http.plain.request import PlainRequests
from unit.http.plain.roads import Answer, road, short

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "http://orders/v1/42?a=b"


def _set(name: str, value: Any) -> Callable[[Any], None]:
    return lambda client: setattr(client, name, value)


CHANGES: dict[str, tuple[Callable[[Any], Any], bytes]] = {
    "a header": (lambda client: client.headers.update({"x-a": "b"}), b"x-a: b\r\n"),
    "one header's value": (lambda client: client.headers.__setitem__("Accept", "c"), b"Accept: c\r\n"),
    "all headers": (_set("headers", {"d": "e"}), b"d: e\r\n"),
    "parameters": (_set("params", {"own": "f"}), b"?own=f HTTP"),
    "the base URL": (_set("base_url", "http://other"), b"Host: other\r\n"),
}


@pytest.mark.parametrize(("change", "seen"), CHANGES.values(), ids=CHANGES)
def test_what_is_changed_in_a_client_is_in_the_next_call(change: Callable[[Any], Any], seen: bytes) -> None:
    made = road(base_url="http://base")
    ours = PlainRequests(made.client)
    for _ in range(2):
        before = ours.prepare("GET", "/x")
        assert before is not None
        assert seen not in before.head
    change(made.client)
    for _ in range(2):
        after = ours.prepare("GET", "/x")
        assert after is not None
        assert seen in after.head


def test_timeouts_of_a_client_are_those_of_its_next_call() -> None:
    made = road(timeout=1)
    ours = PlainRequests(made.client)
    seen = []
    for change in (_set("max_redirects", 1), _set("timeout", 2), lambda client: setattr(client.timeout, "read", 3)):
        change(made.client)
        call = ours.prepare("GET", URL)
        assert call is not None
        seen.append((call.timeouts["connect"], call.timeouts["read"]))
    assert seen == [(1, 1), (2, 2), (2, 3)]


BUSY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "auth": (_set("auth", ("a", "b")), _set("auth", None)),
    "a hook": (
        lambda client: client.event_hooks["request"].append(print),
        lambda client: client.event_hooks["request"].clear(),
    ),
    "other hooks": (_set("event_hooks", {"response": [print]}), _set("event_hooks", {})),
    "a cookie": (lambda client: client.cookies.set("a", "b"), lambda client: client.cookies.delete("a")),
    "a jar of one's own": (_set("cookies", mock.MagicMock()), _set("cookies", {})),
    "a method of one's own": (_set("send", print), lambda client: delattr(client, "send")),
    "a header that frames": (
        lambda client: client.headers.update({"Content-Length": "1"}),
        lambda client: client.headers.pop("Content-Length"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("begin", "end"), BUSY.values(), ids=BUSY)
def test_a_client_that_has_more_to_do_makes_no_plain_calls_meanwhile(
    begin: Callable[[Any], Any], end: Callable[[Any], Any]
) -> None:
    made = road()
    ours = PlainRequests(made.client)
    assert ours.prepare("GET", URL) is not None
    begin(made.client)
    assert ours.prepare("GET", URL) is None
    assert ours.prepare("GET", URL) is None
    end(made.client)
    assert ours.prepare("GET", URL) is not None


@pytest.mark.parametrize("name", ["send", "build_request", "_send_single_request"])
def test_a_class_with_a_method_of_its_own_is_asked(name: str) -> None:
    own = type("Own", (httpx.Client,), {name: lambda self, *_: None})
    client = own(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    assert PlainRequests(client).prepare("GET", URL) is None


def test_a_patched_class_is_noticed_by_clients_in_use() -> None:
    made = road()
    ours = PlainRequests(made.client)
    assert ours.prepare("GET", URL) is not None
    with mock.patch.object(httpx.Client, "send"):
        assert ours.prepare("GET", URL) is None
    assert ours.prepare("GET", URL) is not None


def _wrapped(method: Callable[..., Any]) -> Any:
    @wraps(method)
    def traced(*arguments: Any, **keywords: Any) -> Any:
        return method(*arguments, **keywords)

    return traced


class _Proxy:
    """As tracing libraries make them: to whoever asks, it is what it stands for."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def __get__(self, client: Any, kind: Any) -> Any:
        return _Proxy(self._method.__get__(client, kind))


@pytest.mark.parametrize("trace", [_wrapped, _Proxy])
@pytest.mark.parametrize("name", ["send", "build_request", "_send_single_request"])
def test_a_method_that_is_traced_is_asked(monkeypatch: pytest.MonkeyPatch, name: str, trace: Any) -> None:
    monkeypatch.setattr(httpx.Client, name, trace(getattr(httpx.Client, name)))
    assert PlainRequests(road().client).prepare("GET", URL) is None


def test_a_closed_client_makes_no_calls() -> None:
    made = road()
    ours = PlainRequests(made.client)
    assert ours.prepare("GET", URL) is not None
    made.client.close()
    assert ours.prepare("GET", URL) is None
    with pytest.raises(RuntimeError, match="has been closed"):
        short(made, ours, "GET", URL)


def test_a_client_that_sent_something_cannot_be_opened() -> None:
    made = road()
    made.answers = [Answer()]
    short(made, PlainRequests(made.client), "GET", URL)
    with pytest.raises(RuntimeError, match="more than once"), made.client:
        pass


def test_a_call_that_httpx_refuses_leaves_a_client_unopened() -> None:
    made = road()
    with pytest.raises(httpx.InvalidURL):
        short(made, PlainRequests(made.client), "GET", "http://300.1.1.1/")
    with made.client:
        pass


class _Late(dict[str, str]):
    """Where a thread looks after it has looked at the client; another one changes that meanwhile, and makes a call."""

    def __init__(self, ours: PlainRequests, client: Any) -> None:
        super().__init__(GET="GET")
        self._ours = ours
        self._client = client

    def get(self, key: str, default: Any = None) -> Any:
        self._client.headers["x-new"] = "1"
        assert self._ours.prepare("GET", "http://orders/other") is not None
        return super().get(key, default)


def test_a_thread_that_is_late_leaves_no_old_settings_behind() -> None:
    made = road()
    ours = PlainRequests(made.client)
    assert ours.prepare("GET", URL) is not None

    old = ours._groundwork
    assert old is not None
    old._methods = _Late(ours, made.client)
    late = ours.prepare("GET", "http://orders/late")
    again = ours.prepare("GET", "http://orders/late")
    assert late is not None
    assert again is not None
    assert b"x-new" not in late.head
    assert b"x-new" in again.head
