"""What happened to services in a test, in order, and what a test asks of it.

>>> from meshclient.testing import FakeEndpoint, FakeMesh
>>> events = MeshEvents()
>>> instance = FakeEndpoint(script=[503], json={"id": 42})
>>> with FakeMesh({"orders": instance}, observers=[events]) as mesh, mesh.client() as http:
...     http.get("http://orders/v1/orders/42").status_code
200
>>> events.assert_sequence("picked", "retrying", "picked")
>>> [event.outcome.status for event in events.of("picked")]
[503, 200]
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, overload

from meshclient.model import events as told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshclient.model.events import Event

    E = TypeVar("E", bound=Event)

# Shorter names for what tests ask for most; every class also has its own in snake case.
_SHORT: Mapping[str, type] = MappingProxyType(
    {
        "picked": told.AttemptFinished,
        "retrying": told.RetryScheduled,
        "hedging": told.HedgeStarted,
        "rejected": told.CallRejected,
        "listed": told.SnapshotUpdated,
        "ejected": told.EndpointEjected,
        "restored": told.EndpointRestored,
    }
)


class MeshEvents:
    """Give it to a mesh among its ``observers``; it may be called from any thread.

    Each event is of a kind, which is its class (`meshclient.model.events`) or the name of that in snake case, such as
    ``registry_lost``. Short names: ``picked`` (an endpoint was picked, and the attempt there has ended:
    `AttemptFinished`), ``retrying``, ``hedging``, ``rejected``, ``listed``, ``ejected``, ``restored``.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []

    def __call__(self, event: Event) -> None:
        """It happened."""
        self._events.append(event)

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))

    def __len__(self) -> int:
        return len(self._events)

    def clear(self) -> None:
        """Forget what happened so far."""
        self._events.clear()

    @overload
    def of(self, kind: type[E]) -> list[E]: ...
    @overload
    def of(self, kind: str) -> list[Any]: ...

    def of(self, kind: type | str) -> list[Any]:
        """The events of one kind, in order. Raises ValueError for a kind that does not exist."""
        wanted = _class(kind)
        return [event for event in self if isinstance(event, wanted)]

    def assert_sequence(self, *kinds: type | str) -> None:
        """Exactly these happened, in this order; kinds that are not named here are left out of the comparison.

        Raises AssertionError with everything that happened, ValueError for a kind that does not exist.
        """
        __tracebackhide__ = True
        wanted = [_class(kind) for kind in kinds]
        happened = [type(event) for event in self if type(event) in wanted]
        if happened != wanted:
            names = [_name(cls, kinds) for cls in happened]
            msg = (
                f"expected {', '.join(map(str, kinds)) or 'nothing'}\n but got {', '.join(names) or 'nothing'}\n{self}"
            )
            raise AssertionError(msg)

    def __str__(self) -> str:
        return "\n".join(
            ["what happened:", *(f"  {_line(event)}" for event in self)] if self._events else ["(nothing)"]
        )


def _class(kind: type | str) -> type:
    known = _kinds()
    if isinstance(kind, type) and kind in known.values():
        return kind
    if isinstance(kind, str) and kind in known:
        return known[kind]
    close = get_close_matches(str(kind), known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    msg = f"no event is a {kind!r}; {hint}"
    raise ValueError(msg)


@cache
def _kinds() -> Mapping[str, type]:
    own = {re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(): cls for cls in get_args(told.Event)}
    return MappingProxyType({**_SHORT, **own})


def _name(cls: type, asked: tuple[type | str, ...]) -> str:
    """As whoever asked would call it."""
    names = [name for name, known in _kinds().items() if known is cls]
    return next((name for name in names if name in asked), names[0])


def _line(event: Event) -> str:
    name = _name(type(event), ())
    match event:
        case told.AttemptFinished():
            outcome = event.outcome
            ended = " ".join(map(str, filter(None, (outcome.kind, outcome.status, outcome.detail or outcome.injected))))
            return f"{name}: {event.service} at {event.endpoint.url}, attempt {event.number}: {ended}"
        case told.SnapshotUpdated():
            urls = [endpoint.url for endpoint in event.snapshot.endpoints]
            return f"{name}: {event.service} at {', '.join(urls) or 'no endpoint'}"
        case told.RegistryLost():
            return f"{name}: {event.service}: {event.snapshot.cause}"
        case told.EndpointEjected() | told.EndpointRestored():
            return f"{name}: {event.service} at {event.endpoint.url}"
        case told.RetryScheduled():
            return f"{name}: {event.service} after {event.delay:.3g}s, since {event.reason}"
        case told.RetryRefused() | told.CallRejected():
            return f"{name}: {event.service}: {event.reason}"
        case _:
            return f"{name}: {event}"
