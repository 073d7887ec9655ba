"""From the list of a registry to the endpoints that are drawn: which rule takes how many out, and why. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.balance.locality import SMALLEST_SERVICE, SMALLEST_ZONE
from meshclient.model.endpoint import Health

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.cli.explain.trial import Share, Trial
    from meshclient.config.shape import ServiceConfig
    from meshclient.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Step:
    """A rule on the way.

    Args:
        name: ``variant``, ``subset``, ``health``, ``ejection``, ``priority``, ``zone``.
        state: ``on``, ``off``, or ``idle`` for one that is on and changes nothing here.
        left: endpoints after it.
        taken: how many it took out.
        why: in words.
    """

    name: str
    state: str
    left: int
    taken: int
    why: str


def steps(listed: Sequence[Endpoint], part: int | None, trial: Trial, config: ServiceConfig, zone: str) -> list[Step]:
    """Every rule, in the order in which they apply.

    Args:
        listed: the registry's list.
        part: how many of them the variant of the call has; None where there are no variants.
        trial: what the balancer made of the rest.
        config: of the service.
        zone: of this process, empty where it is not known.
    """
    found: list[Step] = []
    left = len(listed)

    def step(name: str, after: int, why: str, *, off: bool = False) -> None:
        nonlocal left
        state = "off" if off else "idle" if after == left else "on"
        found.append(Step(name, state, after, left - after, why))
        left = after

    if part is None:
        step("variant", left, "no traffic policy", off=True)
    else:
        step("variant", part, "the endpoints of the variant that the call goes to")
    in_view = len(trial.shares)
    subset = config.subset
    if subset is None:
        step("subset", in_view, "all endpoints are used", off=True)
    elif left < subset.fleet:
        step("subset", in_view, f"begins at {subset.fleet} endpoints (subset.fleet)")
    else:
        how = f"position {subset.position} of {subset.peers} peers" if subset.peers else "chosen at random"
        step("subset", in_view, f"{in_view} of {left}, {how}")
    step("health", *_health(trial, left))
    step("ejection", left, "nobody yet: this process has called nobody", off=config.ejection is None)
    step("priority", sum(share.turns for share in trial.shares), _levels(trial))
    drawn = sum(share.expected > 0 for share in trial.shares)
    step("zone", drawn, *_zone(trial.shares, config, zone), off=not (zone and config.zone_aware))
    return found


def _health(trial: Trial, left: int) -> tuple[int, str]:
    shares = trial.shares
    out = [each for each in shares if each.status.state == "excluded" and not each.turns]
    words = ", ".join(f"{count} {health}" for health, count in _counted(out))
    if trial.rotation.panic:
        draining = sum(each.status.endpoint.health is Health.DRAINING for each in shares)
        usable = trial.rotation.usable
        return left - draining, f"panic: only {usable} of {left} usable, so all that do not drain are used"
    return left - len(out), f"the registry says {words}" if out else "the registry refuses none"


def _counted(shares: Sequence[Share]) -> Iterator[tuple[str, int]]:
    yield from sorted(Counter(str(share.status.endpoint.health) for share in shares).items())


def _levels(trial: Trial) -> str:
    shares, sizes = trial.rotation.shares, trial.rotation.sizes
    if len(sizes) < 2:
        return "all have the same priority"
    return ", ".join(f"level {each}: {shares.get(each, 0):.0%} of the calls" for each in sizes)


def _zone(shares: Sequence[Share], config: ServiceConfig, zone: str) -> tuple[str]:
    if not config.zone_aware:
        return ("zone_aware is false",)
    if not zone:
        return ("the zone of this process is not known (zone)",)
    here = sum(share.status.endpoint.zone == zone for share in shares)
    kept = sum(share.expected for share in shares if share.status.endpoint.zone == zone)
    if here < SMALLEST_ZONE or len(shares) < SMALLEST_SERVICE:
        why = (
            f"needs {SMALLEST_SERVICE} endpoints, {SMALLEST_ZONE} of them in {zone!r}: there are {len(shares)}, {here}"
        )
        return (why,)
    return (f"{kept:.0%} of the calls stay in {zone!r}, which has {here} of {len(shares)} endpoints",)
