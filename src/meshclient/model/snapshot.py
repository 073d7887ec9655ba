"""What is known of a service's endpoints at one moment.

Four answers that must never be confused (after Finagle's Addr: Pending, Bound, Neg, Failed): nobody has answered yet,
here is the list, there is none, and cannot tell. A resolver yields them without times; the runtime that runs it stamps
`at` and `version`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.model.endpoint import Endpoint


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
    """

    endpoints: tuple[Endpoint, ...]
    source: str = ""
    ttl: float | None = None
    at: float = 0.0
    version: int = 0
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
    """

    exists: bool = True
    source: str = ""
    ttl: float | None = None
    last: Ready | None = None
    at: float = 0.0
    version: int = 0
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
    endpoints: Iterable[Endpoint], *, source: str, exists: bool = True, ttl: float | None = None
) -> Ready | Empty:
    """The answer made of `endpoints`: Ready, sorted and without duplicates, or Empty when there are none.

    Where two endpoints share an identity the first one stands. `exists` matters for an empty list only.
    """
    unique: dict[tuple[str, str, int, str], Endpoint] = {}
    for endpoint in endpoints:
        unique.setdefault(endpoint.key, endpoint)
    if not unique:
        return Empty(exists=exists, source=source, ttl=ttl)
    ordered = sorted(unique.values(), key=lambda e: (e.priority, e.zone, e.host, e.port, e.scheme, e.id))
    return Ready(tuple(ordered), source=source, ttl=ttl)
