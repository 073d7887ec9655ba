"""Whether httpx is as it is known here: the same exchange on both roads, compared attribute by attribute."""

from __future__ import annotations

import logging
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import httpx

from meshclient.http.plain.response import respond

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_URL: Final = "http://soundness.invalid:81/a%20b?c=d"
_HEADERS: Final = [(b"Content-Type", b"text/plain; charset=latin-1"), (b"X-Twice", b"1"), (b"x-twice", b"\xe4")]
_BODY: Final = b"\xe4"
_EXTENSIONS: Final[dict[str, Any]] = {"http_version": b"HTTP/1.1", "reason_phrase": b"Made"}
# All that a client can be told. One that knows more may do more with a request.
_SETTINGS: Final = frozenset((
    "_auth", "_base_url", "_cookies", "_default_encoding", "_event_hooks", "_headers", "_mounts", "_params", "_state",
    "_timeout", "_transport", "_trust_env", "follow_redirects", "max_redirects",
))  # fmt: skip
_SAME: Final = ("auth", "base_url", "cookies", "event_hooks", "headers", "params", "timeout")
# Streams are of another kind, `elapsed` is measured, and a decoder that has done its work is not needed again.
_OWN: Final = frozenset(("_decoder", "_elapsed", "stream"))


class _Verdict:
    sound: bool | None = None


def sound(prepared: Callable[[httpx.Client], Any]) -> bool:
    """Whether plain calls can be made with this version of httpx; found out once.

    Args:
        prepared: makes what prepares a client's calls, without asking this again.
    """
    if _Verdict.sound is None:
        _Verdict.sound = examine(prepared)
    return _Verdict.sound


def examine(prepared: Callable[[httpx.Client], Any]) -> bool:
    """`sound`, found out now."""
    mute = _Mute()
    logger = logging.getLogger("httpx")
    logger.addFilter(mute)
    try:
        return _alike_on_both_roads(prepared)
    except Exception:  # noqa: BLE001 - whatever went wrong, httpx is not what is known here
        return False
    finally:
        logger.removeFilter(mute)


class _Mute(logging.Filter):
    """httpx tells of every request; those made here are nobody's business."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread


class _Body(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield _BODY


def _alike_on_both_roads(prepared: Callable[[httpx.Client], Any]) -> bool:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(201, headers=_HEADERS, stream=_Body(), extensions=_EXTENSIONS)

    transport = httpx.MockTransport(answer)
    headers = {"X-Own": "1"}
    judge = httpx.Client(transport=transport, headers=headers, timeout=3.0, trust_env=False)
    client = httpx.Client(transport=transport, headers=headers, timeout=3.0, trust_env=False)
    other = httpx.AsyncClient(transport=transport, trust_env=False)
    if not all(vars(known).keys() == _SETTINGS and _told(known) for known in (client, other)):
        return False
    theirs = judge.post(_URL, json={"e": "f"}, headers={"Accept": "g"})
    call = prepared(client).prepare("post", _URL, json={"e": "f"}, headers={"Accept": "g"})
    ours = respond(call, 201, b"Made", "1.1", _HEADERS, _BODY, 0.0, None, client)
    return _alike(ours, theirs) and vars(client)["_state"] is vars(judge)["_state"]


def _told(client: httpx.Client | httpx.AsyncClient) -> bool:
    """Whether what is read in private is what is told in public."""
    return all(getattr(client, name) is vars(client)[f"_{name}"] for name in _SAME)


def _alike(ours: object, theirs: object) -> bool:
    if isinstance(theirs, httpx.Response | httpx.Request | httpx.Headers | httpx.URL):
        if not isinstance(ours, type(theirs)):
            return False
        one, two = _facts(ours), _facts(theirs)
        return one.keys() == two.keys() and all(_alike(one[name], two[name]) for name in two)
    return type(ours) is type(theirs) and ours == theirs


def _facts(value: object) -> dict[str, Any]:
    if isinstance(value, httpx.Response):
        facts: dict[str, Any] = value.__getstate__() | {"extensions": value.extensions, "is_closed": value.is_closed}
    else:
        if isinstance(value, httpx.Headers):
            # Found out on first use, by versions that have not had to use it yet.
            _ = value.encoding
        facts = vars(value)
    return {name: fact for name, fact in facts.items() if name not in _OWN}
