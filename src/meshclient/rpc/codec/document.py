"""A body that is one value of a known type, read by whatever format it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.rpc.codec.errors import DecodeError
from meshclient.rpc.codec.media_type import content_type, media_type
from meshclient.rpc.codec.registry import codec_reading
from meshclient.rpc.codec.types import is_optional

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.rpc.codec.codec import Codec

# Servers send one or two; what they might send beyond that is not remembered.
_REMEMBERED = 8


class Document:
    """Reads values of one type.

    Args:
        kind: the type, of which `codec` has no complaint.
        codec: what was asked for; it also reads an answer that does not say what it is.
        service: for errors: the service's name.
        method: for errors: the stub's method.
    """

    def __init__(self, kind: object, codec: Codec, service: str, method: str = "") -> None:
        self._kind = kind
        self._codec = codec
        self._service = service
        self._method = method
        self._optional = is_optional(kind)
        decode = codec.decoder(kind)
        # By the whole Content-Type field, so that usually nothing is parsed; whether no bytes are a value is told too.
        self._decoders = {"": (decode, False), codec.media_type: (decode, codec.has_empty)}

    def read(self, response: httpx.Response) -> object:
        """The value, or None for no body at all where the type has None; raises DecodeError."""
        body = response.content
        known = self._decoders.get(content_type(response))
        try:
            decode, has_empty = known or self._decoder(response)
            if body or has_empty:
                return decode(body)
        except (ValueError, RecursionError) as exc:
            raise DecodeError(str(exc), response, body, self._service, self._method) from exc
        if self._optional:
            return None
        raise DecodeError("it is empty", response, body, self._service, self._method)

    def _decoder(self, response: httpx.Response) -> tuple[Callable[[bytes], object], bool]:
        given = content_type(response)
        codec = codec_reading(media_type(given))
        if codec is None or codec.complaint(self._kind):
            if not response.content:
                return self._decoders[""]
            msg = f"it is {given}, not {self._codec.media_type}"
            raise ValueError(msg)
        entry = codec.decoder(self._kind), codec.has_empty
        if len(self._decoders) < _REMEMBERED:
            self._decoders[given] = entry
        return entry
