"""What a call through a channel takes: httpx's own keywords, and the mesh's options beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, TypedDict

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from httpx._client import UseClientDefault
    from httpx._types import (
        AuthTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestFiles,
        TimeoutTypes,
    )

# What each colour's `stream` gives; named so that the one source is the other's in every word.
AsyncStreaming = AbstractAsyncContextManager[httpx.Response]
Streaming = AbstractContextManager[httpx.Response]


class CallArguments(TypedDict, total=False):
    """The options of one call, as in ``extensions["mesh"]``; `docs/resilience.md` explains them.

    Args:
        deadline: seconds for the whole call, or text such as ``"500ms"``; None for no end.
        attempt_timeout: likewise, for an attempt until the response head.
        retry: whether it may be repeated, or a table of ``attempts``, ``wait``, ``stop``, ``retry``.
        hedge: whether a second attempt may be sent beside a late one.
        hash_key: what a consistent hash goes by.
        idempotent: whether the request may be executed twice.
        priority: importance where not all calls find room, 0 first.
    """

    deadline: float | str | None
    attempt_timeout: float | str | None
    retry: bool | Mapping[str, object]
    hedge: bool
    hash_key: str
    idempotent: bool
    priority: int


class RequestArguments(CallArguments, total=False):
    """Of every request through a channel: the call's options, httpx's keywords, and a body for the channel's codec.

    Args:
        body: an object that the channel's codec writes, with its content type.
    """

    body: object
    params: QueryParamTypes | None
    headers: HeaderTypes | None
    content: RequestContent | None
    data: RequestData | None
    files: RequestFiles | None
    json: object
    cookies: CookieTypes | None
    auth: AuthTypes | UseClientDefault | None
    follow_redirects: bool | UseClientDefault
    timeout: TimeoutTypes | UseClientDefault
    extensions: Mapping[str, object] | None


CALL_OPTIONS = frozenset(CallArguments.__annotations__)


# Two colours of reading a body, under names that differ as all others do.


def async_pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The decoded body of a streamed response, as it comes."""
    return response.aiter_bytes()


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """The decoded body of a streamed response, as it comes."""
    return response.iter_bytes()


def async_whole(response: httpx.Response) -> Awaitable[bytes]:
    """The rest of the body, kept in the response."""
    return response.aread()


def whole(response: httpx.Response) -> bytes:
    """The rest of the body, kept in the response."""
    return response.read()
