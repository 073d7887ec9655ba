"""What is known of a name: the courses of all registries that are asked for it, and the snapshot made of them. Pure.

Each registry of a composition has a course of its own, so that the list on disk, the measure of a mass removal and the
time that stands still in an outage are its own too, whatever the others do (ADR 14).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshclient.discovery.composition import Word
from meshclient.discovery.course import Basis, Course
from meshclient.discovery.course import remarks as of_one
from meshclient.discovery.transition import advance
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshclient.discovery.hold import Hold
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.model.snapshot import Snapshot

    Join = Callable[[Iterator[Word | None]], Word | None]


@dataclass(frozen=True, slots=True)
class Confluence:
    """A step in the life of a name.

    Args:
        snapshot: what calls go by.
        courses: of each registry, from left to right.
        join: makes one word of theirs; not asked where there is one course only.
    """

    snapshot: Snapshot
    courses: tuple[Course, ...]
    join: Join = next

    @classmethod
    def begun(cls, pending: Pending, sources: Sequence[str], join: Join, resumed: Ready | None = None) -> Confluence:
        """The beginning, with the list from before the name was released, if there is one."""
        courses = tuple(Course(replace(pending, source=source)) for source in sources)
        if resumed is not None and len(courses) == 1:
            courses = (Course(resumed, Basis.MEMORY),)
        return cls(resumed or pending, courses, join)

    @property
    def hold(self) -> Hold | None:
        """Of the removals that are not believed yet, that which is held longest."""
        return max(self.holds, key=lambda hold: hold.until, default=None)

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Every removal that is not believed yet."""
        return tuple(course.hold for course in self.courses if course.hold is not None)

    @property
    def basis(self) -> Basis:
        """Where its list comes from: from disk where a part of it does."""
        if len(self.courses) == 1:
            return self.courses[0].basis
        disk = any(course.basis is Basis.DISK and self._uses(course) for course in self.courses)
        return Basis.DISK if disk else Basis.REGISTRY

    @property
    def due(self) -> float | None:
        """When a hold is over next; None where none stands, or time stands still for all."""
        ends = [c.hold.until for c in self.courses if c.hold is not None and not isinstance(c.snapshot, Failed)]
        return min(ends, default=None)

    def step(self, number: int, answer: Ready | Empty | Failed, now: float, period: float | None) -> Confluence:
        """What follows from the answer of a registry at `now`; as `Course.step`."""
        return self.changed(number, self.courses[number].step(answer, now, period))

    def expire(self, now: float, period: float | None) -> Confluence:
        """What follows once the time of a hold is up; as `Course.expire`."""
        courses = tuple(course.expire(now, period) for course in self.courses)
        unchanged = all(new is old for new, old in zip(courses, self.courses, strict=True))
        return self if unchanged else self._joined(courses)

    def changed(self, number: int, course: Course) -> Confluence:
        """The same with another course in one place."""
        return self._joined((*self.courses[:number], course, *self.courses[number + 1 :]))

    def suffices(self, heard: Sequence[bool]) -> bool:
        """Whether the courses that were `heard` are enough to answer by, though the others were not."""
        words = [_word(course) if fresh else None for course, fresh in zip(self.courses, heard, strict=True)]
        return self.join(iter(words)) is not None

    def _joined(self, courses: tuple[Course, ...]) -> Confluence:
        if len(courses) == 1:
            return replace(self, snapshot=courses[0].snapshot, courses=courses)
        word = self.join(iter([_word(course) for course in courses]))
        if word is None:
            return replace(self, courses=courses)
        used = {endpoint.key for endpoint in self.snapshot.endpoints}
        kept = [each for course in courses for each in _kept(course) if each.key in used]
        return replace(self, snapshot=advance(self.snapshot, _with(word.answer, kept)), courses=courses)

    def _uses(self, course: Course) -> bool:
        used = {endpoint.key for endpoint in self.snapshot.endpoints}
        return any(endpoint.key in used for endpoint in course.snapshot.endpoints)

    def _seen(self) -> tuple[Course, ...]:
        """The courses as they show in the whole: nothing of those that calls do not go by."""
        known = self.snapshot.last if isinstance(self.snapshot, Failed) else self.snapshot
        if len(self.courses) == 1 or isinstance(known, Empty):
            return self.courses
        return tuple(_shown(course) if self._uses(course) else _silent(course) for course in self.courses)


def remarks(service: str, before: Confluence, after: Confluence, now: float) -> list[Event]:
    """What an observer is told of the step from `before` to `after` beside what the snapshots tell."""
    steps = zip(before._seen(), after._seen(), strict=True)  # noqa: SLF001 - its other half
    return [event for old, new in steps for event in of_one(service, old, new, now)]


def _silent(course: Course) -> Course:
    return Course(Pending(source=course.snapshot.source))


def _shown(course: Course) -> Course:
    word, kept = _word(course), _kept(course)
    if kept:
        return replace(course, snapshot=Ready(tuple(kept), source=course.snapshot.source))
    return course if word is None else replace(course, snapshot=word.answer)


def _word(course: Course) -> Word | None:
    """What the course says, without what is only kept of it."""
    answer = course.snapshot
    if isinstance(answer, Pending):
        return None
    if isinstance(answer, Empty):
        return Word(replace(answer, last=None))
    if isinstance(answer, Failed) and isinstance(answer.last, Empty):
        return Word(replace(answer, last=replace(answer.last, last=None)))
    return Word(answer, stored=course.basis is Basis.DISK)


def _kept(course: Course) -> Sequence[Endpoint]:
    """What a course that became empty is not believed to have lost; in others it is part of the list."""
    word = _word(course)
    return course.hold.missing if course.hold is not None and word is not None and not word.answer.endpoints else ()


def _with(answer: Ready | Empty | Failed, kept: Sequence[Endpoint]) -> Ready | Empty | Failed:
    """`answer` with what is kept, unless it has no list to add to: then the one before stays as a whole."""
    known = answer.last if isinstance(answer, Failed) else answer
    if not kept or not isinstance(known, Ready):
        return answer
    whole = replace(known, endpoints=listing([*known.endpoints, *kept], source=known.source).endpoints)
    return replace(answer, last=whole) if isinstance(answer, Failed) else whole
