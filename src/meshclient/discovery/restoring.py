"""What a list from disk does to the course of a registry that fails, or says nothing, at the start. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.model.snapshot import Failed, Pending, Ready

if TYPE_CHECKING:
    from meshclient.discovery.course import Course
    from meshclient.discovery.state_folder import Found
    from meshclient.model.snapshot import Empty


# Seconds without a word after which a list from disk is better than none. Registries answer within a fraction of one;
# one that is cut off says nothing for as long as its resolver waits, while calls run out of time.
SILENCE = 2.0


def wants_stored(course: Course, answer: Ready | Empty | Failed) -> bool:
    """Whether `answer` is a failure before anything was known."""
    return isinstance(answer, Failed) and answer.last is None and isinstance(course.snapshot, Pending)


def restored(course: Course, answer: Failed, found: Found, now: float) -> Course:
    """The step that `answer` makes with what was `found` on disk; the list keeps its true age.

    Where there was something that cannot be used, the cause says so.
    """
    if not found.endpoints:
        cause = f"{answer.cause}; {found.why}" if found.why else answer.cause
        return course.step(replace(answer, cause=cause), now, None)
    return course.restored(replace(answer, last=Ready(found.endpoints, source=answer.source, at=now - found.age)))
