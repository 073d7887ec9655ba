"""What a balancer keeps and does not tell, and what is done to it by hand.

Everything of the balancer's own that administration touches is touched here: its lock and its notes, which are read
under it as the balancer itself would; the attempts it has counted, and its ejections.
"""

from __future__ import annotations

from bisect import insort
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from meshclient.core.outlier import Change
from meshclient.sidecar.admin.answers import Remembering, forgetful, remembering

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshclient.core.balance.balancer import Balancer
    from meshclient.core.balance.node import Key, Node

# Answers that are remembered at all endpoints of a service, and at one of them: 25 KB for an endpoint at most, and
# 2 MB for a service of thousands.
_ALL = 20_000
_MOST, _FEWEST = 256, 16


class Entry(NamedTuple):
    """What is counted of an endpoint.

    Args:
        attempts: that ended, since it was first listed.
        failures: of them.
        latencies: seconds to the head of each answer since some time, where they are remembered.
    """

    attempts: int
    failures: int
    latencies: tuple[float, ...]


def entries(balancer: Balancer, since: float) -> dict[Key, Entry]:
    """Of each endpoint; latencies of answers that came after `since` on the service's clock."""
    found: dict[Key, Entry] = {}
    with _held(balancer) as nodes:
        for key, node in nodes.items():
            ewma = node.ewma
            kept = tuple(ewma.since(since)) if isinstance(ewma, Remembering) else ()
            found[key] = Entry(node.record.good + node.record.bad, node.record.bad, kept)
    return found


def attempts(balancer: Balancer) -> dict[Key, int]:
    """How many ended at each endpoint; quickly, since nobody may have asked for it."""
    with _held(balancer) as nodes:
        return {key: node.record.good + node.record.bad for key, node in nodes.items()}


def carried(balancer: Balancer, counts: Mapping[Key, tuple[int, int]]) -> None:
    """Take down how many attempts went well and how many failed, where somebody else makes them."""
    with _held(balancer) as nodes:
        for key, (good, bad) in counts.items():
            if (node := nodes.get(key)) is not None:
                node.record.good, node.record.bad = good, bad


def remember(balancer: Balancer, *, on: bool) -> None:
    """Have the answers of its endpoints remembered from now on, or no longer."""
    if on and all(type(node.ewma) is Remembering for node in list(balancer._nodes.values())):  # noqa: SLF001
        return
    with _held(balancer) as nodes:
        many = max(_FEWEST, min(_MOST, _ALL // max(1, len(nodes))))
        for node in nodes.values():
            node.ewma = remembering(node.ewma, many) if on else forgetful(node.ewma)


def eject(balancer: Balancer, key: Key, seconds: float, now: float, failures: int = 0) -> bool:
    """Take an endpoint out for so long, after which one probe decides; False where nothing is ever ejected.

    `failures` in a row are why, where it is not by hand.
    As an ejection for failures, it is told as an event, and the balancer fails open where too few are left.
    """
    if balancer._outlier is None:  # noqa: SLF001
        return False
    with _held(balancer) as nodes:
        node = nodes.get(key)
        if node is not None:
            _dismiss(balancer, node)
            standing = node.standing
            standing.until = now + seconds
            standing.ejections += 1
            standing.failures = failures or standing.failures
            insort(balancer._ejections.queue, (standing.until, next(balancer._ejections._order), node))  # noqa: SLF001
            balancer._changed(node, Change.EJECTED, None, now)  # noqa: SLF001
    return True


def restore(balancer: Balancer, now: float, key: Key | None = None) -> list[Node]:
    """Let an ejected endpoint back in without a probe, or all of them; those that were out."""
    back: list[Node] = []
    with _held(balancer) as nodes:
        for each, node in nodes.items():
            standing = node.standing
            if standing.until is None or key not in {None, each}:
                continue
            _dismiss(balancer, node)
            standing.until = None
            standing.failures = standing.streak = standing.ejections = 0
            standing.returned = now
            balancer._failing.discard(each)  # noqa: SLF001
            balancer._changed(node, Change.RESTORED, None, now)  # noqa: SLF001
            back.append(node)
    return back


def _dismiss(balancer: Balancer, node: Node) -> None:
    """Whatever probe was planned, or is under way, decides nothing any more."""
    ejections = balancer._ejections  # noqa: SLF001
    ejections.queue = [entry for entry in ejections.queue if entry[2] is not node]
    node.standing.probing = False


@contextmanager
def _held(balancer: Balancer) -> Iterator[Mapping[Key, Node]]:
    # As the balancer's own methods do: an ending that comes meanwhile, on this very thread from the garbage collector,
    # is noted and read afterwards, and events are told without the lock.
    with balancer._lock:  # noqa: SLF001
        balancer._held = True  # noqa: SLF001
        try:
            balancer._count()  # noqa: SLF001
            yield balancer._nodes  # noqa: SLF001
        finally:
            balancer._held = False  # noqa: SLF001
    balancer._tell()  # noqa: SLF001
