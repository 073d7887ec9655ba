"""Whether an answer loses most of a list at once, and what is kept of it for a while. Pure.

A registry that restarts without its data, or whose health checks fail together, tells of an outage that is its own.
Source: the self-preservation of Netflix Eureka, which stops to believe in expiries once too many come together, moved
to the reader's side, where it protects from every kind of registry; Synapse keeps its last endpoints for the same
reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.model.endpoint import Endpoint

# Of fewer endpoints, most may go in an ordinary deployment: one of two, two of three.
LEAST = 4


@dataclass(frozen=True, slots=True)
class Hold:
    """A mass removal that is not believed yet.

    Args:
        listed: the list before it.
        said: the registry's own latest answer.
        until: seconds on the runtime's clock after which an answer is believed again.
    """

    listed: tuple[Endpoint, ...]
    said: Ready | Empty
    until: float

    @property
    def missing(self) -> tuple[Endpoint, ...]:
        """The endpoints that the registry lists no more, and that are kept."""
        return lost(self.listed, self.said.endpoints)


def withhold(
    listed: Sequence[Endpoint],
    hold: Hold | None,
    answer: Ready | Empty,
    now: float,
    period: float,
    *,
    crest: Sequence[Endpoint] = (),
) -> tuple[Ready | Empty, Hold | None]:
    """The answer to use in place of `answer`, and the hold that stands after it.

    An `Empty` is passed on as it is, since it keeps the whole list anyway and until no endpoint answers (ADR 6); its
    hold says against which list the answers that follow are measured. What an answer adds is never kept back.

    Args:
        listed: the endpoints in use.
        hold: the one that stands, if any.
        answer: what the registry says.
        now: seconds on the runtime's clock.
        period: how long a mass removal is held.
        crest: the largest list of the last moments, where that is not `listed`; a loss in steps is measured by it.
    """
    before = hold.listed if hold else tuple(listed)
    if hold is None and has_dwindled(crest, answer.endpoints):
        before = tuple(crest)
    if (hold and now >= hold.until) or not is_mass_removal(before, answer.endpoints):
        return answer, None
    held = Hold(before, answer, hold.until if hold else now + period)
    if isinstance(answer, Empty):
        return answer, held
    whole = listing([*answer.endpoints, *held.missing], source=answer.source)
    return replace(answer, endpoints=whole.endpoints), held


def is_mass_removal(before: Sequence[Endpoint], after: Sequence[Endpoint]) -> bool:
    """Whether more than half of at least `LEAST` endpoints go, or all there are.

    An answer with as many endpoints as before is none, however few of them are known: the whole fleet was replaced, or
    each answer shows another part of it, as large DNS names do. That is no loss, and the old addresses may be
    somebody else's by now.
    """
    if not after:
        return bool(before)
    counted = _counted(before)
    return len(counted) >= LEAST and len(after) < len(counted) and 2 * len(lost(before, after)) > len(counted)


def has_dwindled(crest: Sequence[Endpoint], after: Sequence[Endpoint]) -> bool:
    """Whether fewer than half of at least `LEAST` endpoints are left after a number of steps.

    Only the number counts: instances that are replaced one by one leave nothing of the list before, and lose nothing.
    """
    counted = len(_counted(crest))
    return counted >= LEAST and 2 * len(after) < counted


def lost(before: Sequence[Endpoint], after: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints of `before`, of those that count, that `after` has no more."""
    kept = {endpoint.key for endpoint in after}
    return tuple(endpoint for endpoint in _counted(before) if endpoint.key not in kept)


def _counted(before: Sequence[Endpoint]) -> Sequence[Endpoint]:
    # What the registry called critical or draining went with notice. Where that was most of the list, its checks are
    # as likely to be what is broken.
    usable = [endpoint for endpoint in before if endpoint.usable]
    return usable if 2 * len(usable) >= len(before) else before
