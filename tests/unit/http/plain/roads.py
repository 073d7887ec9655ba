"""Both roads of a call side by side: httpx's own over a transport that answers, and the short one.

What is asked of both comes back as plain values that can be compared, errors too.
"""

from __future__ import annotations

import asyncio
import copy
import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h11
import httpx

from meshclient.http import innards
from meshclient.http.plain.request import PlainRequests
from meshclient.http.plain.response import respond

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from meshclient.http.plain.call import PlainCall

SECONDS = 0.25


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as it comes off the wire: of no bytes, nothing comes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        if self.content:
            yield self.content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.content:
            yield self.content


@dataclass
class Answer:
    """A response as the wire brings it."""

    status: int = 200
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    reason: bytes = b"OK"
    version: str = "1.1"

    def response(self) -> httpx.Response:
        extensions = {"http_version": b"HTTP/" + self.version.encode(), "reason_phrase": self.reason}
        return httpx.Response(self.status, headers=list(self.headers), stream=Body(self.body), extensions=extensions)


@dataclass
class Road:
    """One client, and what it sent."""

    client: Any
    answers: list[Answer] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def run(self, value: Any) -> Any:
        return driven(value) if isinstance(self.client, httpx.AsyncClient) and asyncio.iscoroutine(value) else value

    def ask(self, method: str, url: Any, **arguments: Any) -> Any:
        return self.run(self.client.request(method, url, **arguments))


def driven(coroutine: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def road(*, blocking: bool = True, **settings: Any) -> Road:
    """A client of httpx's, whose requests are written down and answered from `Road.answers`."""

    def answer(request: httpx.Request) -> httpx.Response:
        made.requests.append(request)
        made.sent.append(wire(request))
        return made.answers.pop(0).response()

    kind = httpx.Client if blocking else httpx.AsyncClient
    made = Road(kind(transport=httpx.MockTransport(answer), trust_env=False, **settings))
    return made


def wire(request: httpx.Request) -> bytes:
    """What h11, and so httpx, writes."""
    connection = h11.Connection(h11.CLIENT)
    try:
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        parts = [connection.send(head), connection.send(h11.Data(request.content)), connection.send(h11.EndOfMessage())]
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
    return b"".join(part for part in parts if part)


def short(road: Road, plain: PlainRequests, method: str, url: Any, **arguments: Any) -> Any:
    """The short road with httpx's for the rest, as our clients have it."""
    call = plain.prepare(method, url, **arguments)
    if call is None:
        return road.ask(method, url, **arguments)
    road.sent.append(call.head + b"\r\n" + call.content)
    return answered(road, call)


def answered(road: Road, call: PlainCall) -> httpx.Response:
    """The next answer to `call`."""
    answer = road.answers.pop(0)
    response = respond(
        call,
        answer.status,
        answer.reason,
        answer.version,
        list(answer.headers),
        answer.body,
        SECONDS,
        None,
        road.client,
    )
    if call.follow and response.next_request is not None:
        go_on: Any = innards.follow if call.blocking else innards.async_follow
        response = road.run(go_on(road.client, response))
    return response


def outcome(act: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What `act` returns or raises with these arguments, as plain values."""
    try:
        return facts(act(*arguments, **keywords))
    except Exception as error:
        request = None
        if isinstance(error, httpx.RequestError | httpx.HTTPStatusError):
            request = facts(error._request)
        # What other libraries raise, their arguments tell; what they wrap may carry an address.
        return "raised", type(error), str(error), request


def facts(value: Any) -> Any:
    """`value` in plain values."""
    if isinstance(value, httpx.Response):
        return "response", {name: outcome(probe, value) for name, probe in SHALLOW.items()}
    if isinstance(value, httpx.Request):
        streams = isinstance(value.stream, httpx.SyncByteStream), isinstance(value.stream, httpx.AsyncByteStream)
        content = value.read(), value.content, outcome(_collected, value.stream)
        return (
            type(value), repr(value), value.method, facts(value.url), facts(value.headers), content, value.extensions,
            streams,
        )  # fmt: skip
    if isinstance(value, httpx.Headers):
        return type(value), value.raw, value.encoding, repr(value), list(value.items()), len(value), vars(value)
    if isinstance(value, httpx.URL):
        return type(value), str(value), repr(value), tuple(value._uri_reference), value.path, value.query, value.params
    if isinstance(value, httpx.Cookies):
        # When they expire is counted from now.
        cookies = [vars(cookie) | {"expires": cookie.expires is None} for cookie in value.jar]
        return type(value), cookies, repr(value)
    if isinstance(value, list | tuple):
        return [facts(each) for each in value]
    return type(value), value


def _collected(iterator: Any) -> list[Any]:
    async def collect() -> list[Any]:
        return [each async for each in iterator]

    return driven(collect()) if hasattr(iterator, "__aiter__") else list(iterator)


def _named(response: httpx.Response) -> Any:
    response.raise_for_status()
    return "nothing raised"


def _assign_encoding(response: httpx.Response) -> None:
    response.encoding = "latin-1"


def _mutate(response: httpx.Response) -> Any:
    response.headers["x-mine"] = "1"
    response.headers.update({"x-other": "2"})
    return response.headers


SHALLOW: Mapping[str, Callable[[httpx.Response], Any]] = {
    "is a response": lambda r: isinstance(r, httpx.Response),
    "repr": repr,
    "bool": bool,
    "status_code": lambda r: r.status_code,
    "reason_phrase": lambda r: r.reason_phrase,
    "http_version": lambda r: r.http_version,
    "url": lambda r: r.url,
    "headers": lambda r: r.headers,
    "content": lambda r: r.content,
    "charset_encoding": lambda r: r.charset_encoding,
    "encoding": lambda r: r.encoding,
    "request": lambda r: r.request,
    "request twice": lambda r: r.request is r.request,
    "headers twice": lambda r: r.headers is r.headers,
    "history": lambda r: r.history,
    "history twice": lambda r: r.history is r.history,
    "next_request": lambda r: r.next_request,
    "extensions": lambda r: r.extensions,
    "elapsed": lambda r: type(r.elapsed),
    "is_closed": lambda r: r.is_closed,
    "is_stream_consumed": lambda r: r.is_stream_consumed,
    "default_encoding": lambda r: r.default_encoding,
    "num_bytes_downloaded": lambda r: r.num_bytes_downloaded,
}

# Of a response as a whole, in any order.
PROBES: Mapping[str, Callable[[httpx.Response], Any]] = {
    **SHALLOW,
    "text": lambda r: r.text,
    "json": lambda r: repr(r.json()),
    "json floats": lambda r: repr(r.json(parse_float=str)),
    "raise_for_status": _named,
    "cookies": lambda r: r.cookies,
    "links": lambda r: r.links,
    "is_informational": lambda r: r.is_informational,
    "is_success": lambda r: r.is_success,
    "is_redirect": lambda r: r.is_redirect,
    "is_client_error": lambda r: r.is_client_error,
    "is_server_error": lambda r: r.is_server_error,
    "is_error": lambda r: r.is_error,
    "has_redirect_location": lambda r: r.has_redirect_location,
    "read": lambda r: r.read(),
    "aread": lambda r: driven(r.aread()),
    "iter_bytes": lambda r: _collected(r.iter_bytes()),
    "iter_bytes by 2": lambda r: _collected(r.iter_bytes(2)),
    "iter_text": lambda r: _collected(r.iter_text()),
    "iter_text by 3": lambda r: _collected(r.iter_text(3)),
    "iter_lines": lambda r: _collected(r.iter_lines()),
    "iter_raw": lambda r: _collected(r.iter_raw()),
    "aiter_bytes": lambda r: _collected(r.aiter_bytes()),
    "aiter_text": lambda r: _collected(r.aiter_text()),
    "aiter_lines": lambda r: _collected(r.aiter_lines()),
    "aiter_raw": lambda r: _collected(r.aiter_raw()),
    "close": lambda r: r.close(),
    "aclose": lambda r: driven(r.aclose()),
    "kind of stream": lambda r: (
        isinstance(r.stream, httpx.SyncByteStream),
        isinstance(r.stream, httpx.AsyncByteStream),
    ),
    "set encoding": _assign_encoding,
    "change headers": _mutate,
    "no such thing": lambda r: r.nothing,  # type: ignore[attr-defined]
    "something of one's own": lambda r: setattr(r, "mine", 1),
    "pickled": lambda r: pickle.loads(pickle.dumps(r)),
    "pickled cookies": lambda r: pickle.loads(pickle.dumps(r)).cookies,
    "pickled stream": lambda r: _collected(pickle.loads(pickle.dumps(r)).iter_raw()),
    "copied": copy.copy,
    "state": lambda r: sorted(r.__getstate__()),
    "dir": lambda r: [name for name in dir(r) if not name.startswith("_")],
}
