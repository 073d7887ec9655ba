"""From a response to what a method returns."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING

import httpx

from meshclient.rpc.codec.document import Document
from meshclient.rpc.codec.types import bare, shown
from meshclient.rpc.stub.reply import Reply
from meshclient.rpc.stub.stub_error import StubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.rpc.codec.codec import Codec
    from meshclient.rpc.stub.declaration import Declaration

    Read = Callable[[httpx.Response], object]

ANYTHING = "*/*"


def response_reader(declaration: Declaration, verb: str, codec: Codec, service: str) -> tuple[Read, str]:
    """What makes the method's value of a successful response, and what to accept.

    Raises StubError for a type that cannot be read.
    """
    where, kind = declaration.where, bare(declaration.returns)
    read = _raw(kind)
    # Who wants no body gets one all the same where there is an error.
    accept = codec.media_type if read is None or read is _nothing else ANYTHING
    if read is None:
        if verb == "HEAD":
            msg = (
                f"{where} returns {shown(kind)}, and the answer to HEAD has no body: "
                "write -> None, Reply[None] or httpx.Response"
            )
            raise StubError(msg)
        if complaint := codec.complaint(declaration.returns):
            msg = f"{where} returns a type of which {codec.name} knows no form: {complaint}"
            raise StubError(msg)
        read = Document(declaration.returns, codec, service, where).read
    return (_wrapped(read) if declaration.wrapped else read), accept


def is_raw_response(declaration: Declaration) -> bool:
    """Whether the method gives its caller the response as it is, of whatever status."""
    return bare(declaration.returns) is httpx.Response and not declaration.wrapped


def _raw(kind: object) -> Read | None:
    if kind is httpx.Response:
        return _response
    if kind is bytes:
        return _content
    if kind is str:
        return _text
    return _nothing if kind is None or kind is NoneType else None


def _response(response: httpx.Response) -> object:
    return response


def _content(response: httpx.Response) -> object:
    return response.content


def _text(response: httpx.Response) -> object:
    return response.text


def _nothing(response: httpx.Response) -> object:  # noqa: ARG001 - as all of them
    return None


def _wrapped(read: Read) -> Read:
    def wrapped(response: httpx.Response) -> object:
        return Reply(read(response), response)

    return wrapped
