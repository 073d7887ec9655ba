"""One way of writing a trace down in headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from meshclient.telemetry.propagation.baggage import BaggageMember
    from meshclient.telemetry.propagation.context import TraceContext

# Names in any case. Servers' interfaces (ASGI) have them as bytes.
Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
# The values under each lower-case name, in their order.
Fields: TypeAlias = Mapping[str, list[str]]


# Not frozen: it is made for every request that comes, and nobody keeps it.
@dataclass(slots=True)
class Finding:
    """What the headers of one format say, which may be less than a whole context; the fields are those of that.

    Attributes:
        undecidable: whether an open decision looks like a negative one in that format.
    """

    trace_id: str = ""
    span_id: str = ""
    sampled: bool | None = None
    random: bool = False
    debug: bool = False
    state: tuple[tuple[str, str], ...] = ()
    baggage: tuple[BaggageMember, ...] = ()
    parent_id: str | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    xray: tuple[tuple[str, str], ...] = ()
    undecidable: bool = False


class Propagator(Protocol):
    """A format."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The headers it reads and writes, in lower case."""
        ...

    def extract(self, headers: Headers) -> TraceContext | None:
        """What `headers` say, or None where they say nothing that is valid. Never raises."""
        ...

    def inject(self, context: TraceContext) -> list[tuple[str, str]]:
        """The headers that say `context`; fewer, or none, where the format cannot."""
        ...
