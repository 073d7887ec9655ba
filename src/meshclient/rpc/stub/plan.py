"""One method of a stub, ready to be called: all that does not depend on a call's arguments is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshclient.http.ambient import AMBIENT

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.rpc.codec.records import Records
    from meshclient.rpc.stub.request_writer import RequestWriter
    from meshclient.rpc.stub.status_error import StatusError


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call does, of either colour.

    Args:
        verb: of the request.
        write: makes URL, headers and content of arguments.
        read: makes the method's value of a successful response.
        error: makes the exception of any other, or None where the caller wants the response whatever it is.
        given: the mesh's options for each call, as httpx takes them, or None. Always the same object, so that what was
            made of it may be remembered.
        records: reads a stream's body; None where it is passed on in pieces, or is no stream.
    """

    verb: str
    write: RequestWriter
    read: Callable[[httpx.Response], object]
    error: Callable[[httpx.Response], StatusError] | None
    given: dict[str, Any] | None
    records: Records | None = None

    def extensions(self) -> dict[str, Any] | None:
        """For httpx. What `meshclient.override` says in a block around the call is stronger than the decorators."""
        given = self.given
        if given is None:
            return None
        around = AMBIENT.get().options
        return {"mesh": {**given["mesh"], **around}} if around else given
