"""What is known of a service's endpoints at one moment.

Four answers that must never be confused (after Finagle's Addr: Pending, Bound, Neg, Failed): nobody has answered yet,
here is the list, there is none, and cannot tell. A resolver yields them without times; the runtime that runs it stamps
`at` and `version`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.model.endpoint import Endpoint


class LeftOut(NamedTuple):
    """A record that a registry has and that its answer does not list, for whoever asks why.

    Args:
        label: the instance's id, or its place among the records.
        reason: ``critical``, ``draining``, ``no_weight`` or ``malformed``.
        detail: the same in words for a person, with what the registry says.
        endpoint: where it would be, as far as that is known.
    """

    label: str
    reason: str
    detail: str
    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """No answer yet. Calls wait for one, up to their deadline.

    Args:
        source: the resolver asked, as a URI without secrets.
        at: seconds on the runtime's monotonic clock when the question was put.
    """

    source: str = ""
    at: float = 0.0
    version: int = 0
    state: ClassVar[str] = "pending"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Nothing to call yet."""
        return ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The list, never empty (an empty list is `Empty`).

    Args:
        endpoints: sorted and free of duplicates when made by `listing`.
        source: the resolver that answered, as a URI without secrets.
        ttl: seconds after which the source wants to be asked again, or None where it does not say.
        at: seconds on the runtime's monotonic clock when this was last confirmed.
        version: grows by one with each change seen in this process.
        left_out: what the registry has beside, where its resolver tells; two answers that differ in nothing else are
            the same.
    """

    endpoints: tuple[Endpoint, ...]
    source: str = ""
    ttl: float | None = None
    at: float = 0.0
    version: int = 0
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False, repr=False)
    state: ClassVar[str] = "ready"

    def __post_init__(self) -> None:
        if not self.endpoints:
            msg = "a Ready snapshot needs at least one endpoint; say Empty when there is none"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Empty:
    """The registry answered: no endpoints.

    Args:
        exists: whether the registry knows the service at all.
        last: the list before it became empty; calls may be held on it while one of its endpoints still answers.
        left_out: as of `Ready`.
    """

    exists: bool = True
    source: str = ""
    ttl: float | None = None
    last: Ready | None = None
    at: float = 0.0
    version: int = 0
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False, repr=False)
    state: ClassVar[str] = "empty"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The list held over from before, or nothing."""
        return self.last.endpoints if self.last else ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The registry cannot be asked. Calls go on with the last good list, if there ever was one.

    Args:
        cause: what went wrong, in words for a person.
        last: the last answer, with its own `at`, so that its age can be told.
        at: seconds on the runtime's monotonic clock when the outage began (not its latest failure).
    """

    cause: str
    source: str = ""
    last: Ready | Empty | None = None
    at: float = 0.0
    version: int = 0
    state: ClassVar[str] = "failed"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The last good list, or nothing."""
        return self.last.endpoints if self.last else ()


Snapshot = Pending | Ready | Empty | Failed


def listing(
    endpoints: Iterable[Endpoint],
    *,
    source: str,
    exists: bool = True,
    ttl: float | None = None,
    left_out: Iterable[LeftOut] = (),
) -> Ready | Empty:
    """The answer made of `endpoints`: Ready, sorted and without duplicates, or Empty when there are none.

    Where two endpoints share an identity the first one stands. `exists` matters for an empty list only.
    """
    unique: dict[tuple[str, str, int, str], Endpoint] = {}
    for endpoint in endpoints:
        unique.setdefault(endpoint.key, endpoint)
    if not unique:
        return Empty(exists=exists, source=source, ttl=ttl, left_out=tuple(left_out))
    ordered = sorted(unique.values(), key=lambda e: (e.priority, e.zone, e.host, e.port, e.scheme, e.id))
    return Ready(tuple(ordered), source=source, ttl=ttl, left_out=tuple(left_out))
