"""One way in which a registry can fail, and what a person must be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from servers.faults import HttpFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servers.faults import Fault


@dataclass(frozen=True, slots=True)
class Case:
    """Faults that act together, and words that the cause of the failure they make must have."""

    faults: tuple[Fault, ...]
    says: tuple[str, ...] = ()


def case(*faults: Fault, says: Sequence[str] = ()) -> Case:
    """Short for a case."""
    return Case(faults, tuple(says))


def replaced(body: str) -> HttpFault:
    """The registry's own answer with another body, which is not compressed."""
    return HttpFault(body=body, set_headers={"Content-Encoding": None})
