"""The content type of a response (RFC 9110 section 8.3.1), without its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.http.filled import FilledResponse

if TYPE_CHECKING:
    import httpx

_NAME = b"content-type"
_LENGTH = len(_NAME)


def content_type(response: httpx.Response) -> str:
    """The Content-Type field as it is; "" where there is none."""
    if type(response) is FilledResponse and "headers" not in response.__dict__:
        # Making the whole of its headers would cost more than everything else that a stub does.
        for name, octets in response._raw:  # noqa: SLF001 - our own class, in a module that has only its like
            if len(name) == _LENGTH and name.lower() == _NAME:
                return octets.rstrip(b" \t").decode("latin-1")
        return ""
    value: str = response.headers.get("content-type", "")
    return value


def media_type(value: str) -> str:
    """The type in a Content-Type field, in lower case."""
    return value.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type says JSON, by itself or by its suffix (RFC 6839 section 3.1)."""
    return kind in ("application/json", "text/json") or kind.endswith("+json")
