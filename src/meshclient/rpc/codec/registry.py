"""Which codec goes by a name, and which reads a content type."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.rpc.codec.json import JsonCodec
from meshclient.rpc.codec.media_type import is_json
from meshclient.rpc.codec.msgpack import MsgpackCodec
from meshclient.rpc.codec.protobuf import ProtobufCodec

if TYPE_CHECKING:
    from meshclient.rpc.codec.codec import Codec

JSON = JsonCodec()
_CODECS: tuple[Codec, ...] = (JSON, MsgpackCodec(), ProtobufCodec())


def codec_named(name: str) -> Codec:
    """The codec of that name; raises ConfigError with what would be right."""
    for codec in _CODECS:
        if codec.name == name:
            return codec
    known = [codec.name for codec in _CODECS]
    close = get_close_matches(str(name), known, 1)
    msg = f"there is no codec {name!r}; {f'did you mean {close[0]!r}?' if close else 'known: ' + ', '.join(known)}"
    raise ConfigError(msg)


def codec_reading(media_type: str) -> Codec | None:
    """The codec of a media type in lower case, or None."""
    if is_json(media_type):
        return JSON
    return next((codec for codec in _CODECS if media_type in codec.media_types), None)
