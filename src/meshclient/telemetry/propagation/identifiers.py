"""The ids of traces and spans that begin here.

They come from a generator of this module's own: a program that seeds `random`, as tests and simulations do, would give
the same ids to each of its runs, and a process that forks would give its own to its child.
"""

from __future__ import annotations

import os
from random import Random
from typing import Protocol
from weakref import WeakSet

from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.propagator import Finding


class Randomness(Protocol):
    """A generator of random bits, such as `random.Random`."""

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        ...


class Keeper(Protocol):
    """Who makes ids ahead."""

    def bereave(self) -> None:
        """In a forked child: forget them, for they are its parent's."""
        ...


IDS = Random()
_KEEPERS: WeakSet[Keeper] = WeakSet()


def made_ahead_by(keeper: Keeper) -> None:
    """Have `keeper.bereave()` called in every forked child; it is held weakly."""
    _KEEPERS.add(keeper)


def _in_a_child() -> None:
    IDS.seed()
    for keeper in list(_KEEPERS):
        keeper.bereave()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)


def new_span_id(random: Randomness = IDS) -> str:
    """An id for a span; never all zero."""
    return (random.getrandbits(64) or 1).to_bytes(8).hex()


def new_trace_id(random: Randomness = IDS) -> str:
    """An id for a trace, all of it random; never all zero."""
    return (random.getrandbits(128) or 1).to_bytes(16).hex()


def new_trace(random: Randomness = IDS, *, sampled: bool | None = None) -> TraceContext:
    """A trace that begins here, in a span that nobody else knows."""
    return TraceContext(new_trace_id(random), new_span_id(random), sampled, random=True, known=False)


def completed(finding: Finding, random: Randomness = IDS) -> TraceContext:
    """What was found, with new ids for those that are missing."""
    known = bool(finding.trace_id and finding.span_id)
    return TraceContext(
        finding.trace_id or new_trace_id(random),
        (finding.span_id if known else "") or new_span_id(random),
        finding.sampled,
        random=finding.random if finding.trace_id else True,
        debug=finding.debug,
        state=finding.state,
        baggage=finding.baggage,
        parent_id=finding.parent_id if known else None,
        request_id=finding.request_id,
        correlation_id=finding.correlation_id,
        xray=finding.xray,
        known=known,
    )
