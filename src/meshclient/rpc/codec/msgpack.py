"""MessagePack, by msgspec."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from meshclient.rpc.codec.hooks import read_model, write_model
from meshclient.rpc.codec.types import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

_ENCODER = msgspec.msgpack.Encoder(enc_hook=write_model)


class MsgpackCodec:
    """https://github.com/msgpack/msgpack/blob/master/spec.md; ``application/vnd.msgpack`` is its registered type."""

    name = "msgpack"
    # What most servers look for; the registered one is younger than they are.
    media_type = "application/msgpack"
    media_types = frozenset({"application/msgpack", "application/vnd.msgpack", "application/x-msgpack"})
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
        return msgspec.msgpack.Decoder(kind, dec_hook=read_model).decode
