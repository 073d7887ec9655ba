"""Problem documents: how an HTTP service says in JSON what went wrong (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from meshclient.rpc.codec.media_type import content_type, media_type

if TYPE_CHECKING:
    import httpx

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """Its members, as section 3.1 has them; a member of a wrong type counts as absent (section 3.1)."""

    type: str = "about:blank"
    title: str = ""
    status: int | None = None
    detail: str = ""
    instance: str = ""

    @property
    def summary(self) -> str:
        """Title and detail in one line; "" where there are none."""
        return ": ".join(part for part in (self.title, self.detail) if part)


_KINDS = {"type": str, "title": str, "status": int, "detail": str, "instance": str}


def problem_of(response: httpx.Response) -> Problem | None:
    """The problem document that a response carries, or None where it has none."""
    if media_type(content_type(response)) != MEDIA_TYPE:
        return None
    try:
        members: dict[str, Any] = msgspec.json.decode(response.content, type=dict)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Problem(**{name: members[name] for name, kind in _KINDS.items() if type(members.get(name)) is kind})
