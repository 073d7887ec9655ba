"""What one registry lets us know of a name, and where that comes from: a snapshot with its past. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from meshclient.discovery.crest import Crests, followed, largest
from meshclient.discovery.hold import Hold, withhold
from meshclient.discovery.transition import advance
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot


class Basis(StrEnum):
    """Where a list comes from."""

    REGISTRY = "registry"
    MEMORY = "memory"  # from before the name was released, and not confirmed since
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Course:
    """A step in the life of a watch.

    Args:
        snapshot: what calls go by.
        basis: where its list comes from.
        hold: the mass removal that is not believed yet, if any.
        crests: the larger lists that it had a moment ago.
    """

    snapshot: Snapshot
    basis: Basis = Basis.REGISTRY
    hold: Hold | None = None
    crests: Crests = ()

    @property
    def settled(self) -> Ready | None:
        """The list where it is the registry's own, whole and latest word, and so worth keeping for worse days."""
        return self.snapshot if isinstance(self.snapshot, Ready) and self.hold is None and self._confirmed else None

    @property
    def _confirmed(self) -> bool:
        return self.basis is Basis.REGISTRY

    def step(self, answer: Ready | Empty | Failed, now: float, period: float | None) -> Course:
        """What follows from the registry's `answer` at `now`.

        A mass removal, in one answer or in steps, is held for `period` seconds (None: never) in which the registry
        answers: what it says first after an outage is as doubtful as what it said before it. A list that the registry
        has not told in this watch, from disk or from before a release, is no measure for the first it tells.
        """
        if isinstance(answer, Failed):
            return self._failed(answer, now, period)
        if period is None:
            return Course(advance(self.snapshot, answer))
        listed, crest = self._measure(), largest(self.crests, now)
        used, hold = withhold(listed, self._hold(now, period), answer, now, period, crest=crest)
        # What a hold was about is settled by its end, and is no measure any more.
        crests = () if hold or self.hold else followed(self.crests, listed, answer.endpoints, now)
        return Course(advance(self.snapshot, used), hold=hold, crests=crests)

    def _failed(self, answer: Failed, now: float, period: float | None) -> Course:
        if not isinstance(answer.last, Ready):
            return replace(self, snapshot=advance(self.snapshot, answer))
        hold = None
        if period is not None:
            # The list of what still answers in a union that we do not follow ourselves; or what a registry said before
            # it fell silent, which is not saying it once more: no time is up.
            moment = -inf if self.hold else now
            last, hold = withhold(self._measure(), self.hold, answer.last, moment, period)
            answer = replace(answer, last=last)
        return Course(advance(self.snapshot, answer), hold=hold, crests=() if hold else self.crests)

    def restored(self, answer: Failed) -> Course:
        """The course where `answer` brings along a list from disk."""
        return Course(advance(self.snapshot, answer), Basis.DISK)

    def expire(self, now: float, period: float | None) -> Course:
        """The course once the time of its hold is up: the same, or with the registry's last word believed."""
        if self.hold is None or now < self.hold.until or isinstance(self.snapshot, Failed):
            return self
        return self.step(self.hold.said, now, period)

    def _hold(self, now: float, period: float) -> Hold | None:
        """The hold that stands, without the time of an outage that is over `now`."""
        if self.hold is None or not isinstance(self.snapshot, Failed):
            return self.hold
        silence = now - max(self.snapshot.at, self.hold.until - period)
        return replace(self.hold, until=self.hold.until + silence)

    def _measure(self) -> tuple[Endpoint, ...]:
        """The endpoints of which an answer may not remove too many at once."""
        known = self.snapshot.last if isinstance(self.snapshot, Failed) else self.snapshot
        return known.endpoints if isinstance(known, Ready) and self._confirmed else ()


def remarks(service: str, before: Course, after: Course, now: float) -> list[Event]:
    """What an observer is told of the step from `before` to `after` beside what the snapshots tell."""
    if before.hold is after.hold is None and (after.basis is not Basis.DISK or before.basis is Basis.DISK):
        return []
    # Imported where there is something to tell: most commands end without.
    from meshclient.model.events import MassRemovalHeld, MassRemovalReleased, StoredListServed

    told: list[Event] = []
    snapshot, source = after.snapshot, after.snapshot.source
    if after.basis is Basis.DISK and before.basis is not Basis.DISK and isinstance(snapshot, Failed) and snapshot.last:
        told.append(StoredListServed(service, source, len(snapshot.endpoints), now - snapshot.last.at))
    old, new = _partial(before), _partial(after)
    if new is not None:
        if old is None or old.missing != new.missing:
            told.append(MassRemovalHeld(service, source, len(snapshot.endpoints), len(new.missing), new.until))
    elif old is not None and after.hold is None:
        left = {endpoint.key for endpoint in snapshot.endpoints}
        gone = sum(endpoint.key not in left for endpoint in old.missing)
        told.append(MassRemovalReleased(service, source, gone, len(old.missing) - gone))
    return told


def _partial(course: Course) -> Hold | None:
    # Of an empty answer observers hear by EmptyListHeld.
    known = course.snapshot.last if isinstance(course.snapshot, Failed) else course.snapshot
    return None if isinstance(known, Empty) else course.hold
