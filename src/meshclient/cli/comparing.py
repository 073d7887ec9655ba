"""How two registries' lists of a service compare. Pure.

Addresses pair the endpoints, as in ``migrate(a, b)``; of several at one address, those with the same id go together. Of
what is left over on either side, those with the same id, or else alone on the same host, are one instance whose address
differs.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from meshclient.cli.difference import differences
from meshclient.cli.listing import endpoint_document
from meshclient.discovery.migration import compared
from meshclient.model.events import MigrationDiffers
from meshclient.model.snapshot import Failed, Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterator, Sequence

    from meshclient.cli.difference import Difference
    from meshclient.cli.inquiry import Reply
    from meshclient.model.endpoint import Endpoint


class Pair(NamedTuple):
    """One instance in both registries, and in what they differ."""

    a: Endpoint
    b: Endpoint
    fields: Sequence[Difference]


class Verdict(NamedTuple):
    """How the two lists of a service compare.

    Args:
        service: its name.
        result: ``equal``, ``different``, ``unknown`` where neither has such a service, or ``unavailable``.
        only_in_a: endpoints that the second does not list.
        only_in_b: endpoints that the first does not list.
        differing: what both list, and differently.
        same: how many both list alike.
        causes: why a side cannot tell, by ``a`` and ``b``.
    """

    service: str
    result: str
    only_in_a: Sequence[Endpoint] = ()
    only_in_b: Sequence[Endpoint] = ()
    differing: Sequence[Pair] = ()
    same: int = 0
    causes: Sequence[tuple[str, str]] = ()

    def document(self) -> dict[str, object]:
        """JSON-ready data."""
        causes = dict(self.causes)
        return {
            "service": self.service,
            "result": self.result,
            "same": self.same,
            "only_in_a": [endpoint_document(each) for each in self.only_in_a],
            "only_in_b": [endpoint_document(each) for each in self.only_in_b],
            "differing": [
                {
                    "a": endpoint_document(pair.a),
                    "b": endpoint_document(pair.b),
                    "fields": [{"field": each.field, "a": each.before, "b": each.after} for each in pair.fields],
                }
                for pair in self.differing
            ],
            "cause_a": causes.get("a"),
            "cause_b": causes.get("b"),
        }


def verdict_on(a: Reply, b: Reply, ignored: Collection[str]) -> Verdict:
    """The verdict on two answers for the same service, but for the fields that are `ignored`."""
    troubles = [(side, why) for side, reply in (("a", a), ("b", b)) if (why := _trouble(reply))]
    one, other = a.snapshot, b.snapshot
    if troubles or isinstance(one, Pending | Failed) or isinstance(other, Pending | Failed):
        return Verdict(a.service, "unavailable", causes=troubles)
    if one.state == other.state == "empty" and not (one.exists or other.exists):  # type: ignore[union-attr]
        return Verdict(a.service, "unknown")
    report = compared(a.service, one, other)
    left_a, left_b = list(one.endpoints), list(other.endpoints)
    pairs = _in_step(left_a, left_b, lambda endpoint: (endpoint.authority, endpoint.id))
    pairs += _in_step(left_a, left_b, lambda endpoint: endpoint.authority)
    if isinstance(report, MigrationDiffers):
        pairs += _paired(left_a, left_b, lambda endpoint: endpoint.id)
        pairs += _paired(left_a, left_b, lambda endpoint: endpoint.host)
    told = [Pair(mine, theirs, differences(mine, theirs, ignored)) for mine, theirs in pairs]
    differing = [pair for pair in told if pair.fields]
    result = "different" if left_a or left_b or differing else "equal"
    return Verdict(a.service, result, left_a, left_b, differing, len(pairs) - len(differing))


def _trouble(reply: Reply) -> str:
    if reply.late:
        return reply.late
    return reply.snapshot.cause if isinstance(reply.snapshot, Failed) else ""


def _in_step(
    mine: list[Endpoint], theirs: list[Endpoint], key: Callable[[Endpoint], Hashable]
) -> list[tuple[Endpoint, Endpoint]]:
    """The first that a key names with the first on the other side, and so on; they are taken out of both."""
    waiting: dict[Hashable, deque[Endpoint]] = {}
    for each in theirs:
        waiting.setdefault(key(each), deque()).append(each)
    pairs, alone = [], []
    for each in mine:
        if others := waiting.get(key(each)):
            pairs.append((each, others.popleft()))
        else:
            alone.append(each)
    mine[:] = alone
    theirs[:] = [each for others in waiting.values() for each in others]
    return pairs


def _paired(
    mine: list[Endpoint], theirs: list[Endpoint], key: Callable[[Endpoint], str]
) -> list[tuple[Endpoint, Endpoint]]:
    """Those that one key names on either side, and no other has; they are taken out of both."""
    once = _named_once(mine, key) & _named_once(theirs, key)
    found = {key(each): each for each in theirs if key(each) in once}
    pairs = [(each, found[key(each)]) for each in mine if key(each) in once]
    mine[:] = [each for each in mine if key(each) not in once]
    theirs[:] = [each for each in theirs if key(each) not in once]
    return pairs


def _named_once(endpoints: Sequence[Endpoint], key: Callable[[Endpoint], str]) -> set[str]:
    return {name for name, times in Counter(map(key, endpoints)).items() if name and times == 1}


def rows(verdict: Verdict) -> Iterator[tuple[str, str, str]]:
    """The endpoint, what is the matter with it (``only in A``, ``only in B``, ``differs``), and in what it differs."""
    for each in verdict.only_in_a:
        yield each.url, "only in A", ""
    for each in verdict.only_in_b:
        yield each.url, "only in B", ""
    for pair in verdict.differing:
        yield pair.a.url, "differs", "; ".join(map(str, pair.fields))
