"""JSON, by msgspec; a pydantic model that is a whole document is read by pydantic itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meshclient.rpc.codec.hooks import read_model, reading_model, write_model
from meshclient.rpc.codec.types import is_pydantic, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

_ENCODER = msgspec.json.Encoder(enc_hook=write_model)


class JsonCodec:
    """RFC 8259. Values are taken for what they are: ``"1"`` is no int."""

    name = "json"
    media_type = "application/json"
    media_types = frozenset({"application/json", "text/json"})
    has_empty = False

    def complaint(self, kind: object) -> str:
        """See `Codec`."""
        return unreadable(kind)

    def encoder(self, kind: object) -> Callable[[object], bytes]:
        """See `Codec`."""
        del kind
        return _ENCODER.encode

    def decoder(self, kind: object) -> Callable[[bytes], object]:
        """See `Codec`."""
        if is_pydantic(kind):
            return reading_model(kind)
        return msgspec.json.Decoder(kind, dec_hook=read_model).decode
