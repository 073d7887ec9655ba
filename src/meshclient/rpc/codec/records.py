"""A body that is many values, one after another, read while it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.rpc.codec import events, lines
from meshclient.rpc.codec.errors import DecodeError
from meshclient.rpc.codec.events import Events, ServerSentEvent
from meshclient.rpc.codec.lines import Lines
from meshclient.rpc.codec.media_type import content_type, media_type
from meshclient.rpc.codec.registry import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx


class Records:
    """Reads streams of values of one type.

    Args:
        kind: a type that JSON has; text is taken as it is, and `ServerSentEvent` is the whole event.
        service: for errors: the service's name.
        method: for errors: the stub's method.
    """

    def __init__(self, kind: object, service: str, method: str) -> None:
        self._decode = _decoder(kind)
        self._kind = kind
        self._service = service
        self._method = method
        self.accept = f"{lines.MEDIA_TYPE}, {events.MEDIA_TYPE}"
        if kind is ServerSentEvent:
            self.accept = events.MEDIA_TYPE
        elif kind is str:
            self.accept += ", text/plain"

    def reading(self, response: httpx.Response) -> Reading:
        """The reader of one response's body, by its content type; raises DecodeError for one that is no stream."""
        given = media_type(content_type(response))
        cut: Lines | Events
        if given == events.MEDIA_TYPE:
            cut = Events()
        elif self._kind is not ServerSentEvent and self._is_lines(given):
            cut = Lines()
        else:
            msg = f"it is {given or 'of no content type'}, and this stream has to be {self.accept}"
            raise self.error(msg, response, b"")
        return Reading(cut, self._decode, self, response)

    def _is_lines(self, given: str) -> bool:
        return not given or given in lines.MEDIA_TYPES or (self._kind is str and given.startswith("text/"))

    def error(self, fault: str, response: httpx.Response, record: bytes) -> DecodeError:
        """What the reader of `response` is told of."""
        return DecodeError(fault, response, record, self._service, self._method)


class Reading:
    """Reads one body."""

    def __init__(
        self,
        cut: Lines | Events,
        decode: Callable[[bytes | ServerSentEvent], object],
        of: Records,
        response: httpx.Response,
    ) -> None:
        self._cut = cut
        self._decode = decode
        self._of = of
        self._response = response
        self._count = 0

    def feed(self, data: bytes) -> Iterator[object]:
        """The values that end within `data`; raises DecodeError, after those before it."""
        try:
            records = self._cut.feed(data)
        except ValueError as exc:
            raise self._of.error(str(exc), self._response, data) from exc
        return self._decoded(records)

    def end(self) -> Iterator[object]:
        """The values that end with the body; raises DecodeError."""
        return self._decoded(self._cut.end())

    def _decoded(self, records: Iterable[bytes | ServerSentEvent]) -> Iterator[object]:
        for record in records:
            self._count += 1
            try:
                value = self._decode(record)
            except (ValueError, RecursionError) as exc:
                data = record if isinstance(record, bytes) else record.data.encode()
                raise self._of.error(f"record {self._count}: {exc}", self._response, data) from exc
            yield value


def _decoder(kind: object) -> Callable[[bytes | ServerSentEvent], object]:
    if kind is ServerSentEvent:
        return _as_it_is
    if kind is str:
        return _text
    decode = JSON.decoder(kind)

    def record(each: bytes | ServerSentEvent) -> object:
        return decode(each if isinstance(each, bytes) else each.data.encode())

    return record


def _as_it_is(record: bytes | ServerSentEvent) -> object:
    return record


def _text(record: bytes | ServerSentEvent) -> object:
    return record.decode("utf-8", "replace") if isinstance(record, bytes) else record.data
