"""Protocol Buffers, by Google's package, which is imported by those who have message classes of it."""

from __future__ import annotations

import sys
from types import NoneType
from typing import TYPE_CHECKING, Any, cast, get_args

from meshclient.rpc.codec.types import bare, is_union, shown

if TYPE_CHECKING:
    from collections.abc import Callable


class ProtobufCodec:
    """Its types are generated Message classes; a document is one message, without a length before it."""

    name = "protobuf"
    media_type = "application/x-protobuf"
    media_types = frozenset({"application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"})
    # A message whose fields all have their defaults.
    has_empty = True

    def complaint(self, kind: object) -> str:
        """See `Codec`."""
        if is_message(_message(kind)):
            return ""
        return f"{shown(kind)} is no Protocol Buffers message: give a generated Message class, or another codec"

    def encoder(self, kind: object) -> Callable[[object], bytes]:
        """See `Codec`."""
        return cast("Callable[[object], bytes]", cast("Any", _message(kind)).SerializeToString)

    def decoder(self, kind: object) -> Callable[[bytes], object]:
        """See `Codec`."""
        from google.protobuf.message import DecodeError

        read: Callable[[bytes], object] = cast("Any", _message(kind)).FromString

        def decode(data: bytes) -> object:
            try:
                return read(data)
            except DecodeError as exc:
                raise ValueError(str(exc)) from exc

        return decode


def is_message(kind: object) -> bool:
    """Whether it is a generated Message class; false where the package was not imported, and so has none."""
    package: Any = sys.modules.get("google.protobuf.message")
    return package is not None and isinstance(kind, type) and issubclass(kind, package.Message)


def _message(kind: object) -> object:
    """The class in ``Message | None``."""
    kind = bare(kind)
    if is_union(kind):
        parts = [part for part in get_args(kind) if part is not NoneType]
        return bare(parts[0]) if len(parts) == 1 else kind
    return kind
