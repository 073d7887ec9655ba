"""The traffic policy of a service as the rest of the project reads it.

What only several values together can get wrong is checked here: a name that is described nowhere, or a description that
nothing uses, is a slip of the pen that would move production traffic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.core.traffic.subset import Subset
from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from meshclient.config.policy_shape import HashKey
    from meshclient.core.traffic.match import Rule


_ALL = Subset()


@dataclass(frozen=True, slots=True)
class VariantConfig:
    """What a variant is: another service, or a part of this one.

    Args:
        service: the other service; empty for a part of this one.
        subset: which part.
    """

    service: str = ""
    subset: Subset = _ALL


@dataclass(frozen=True, slots=True)
class MirrorConfig:
    """Calls that are copied, the answers to the copies being thrown away.

    Whatever their method: what a shadow writes it has to write elsewhere. Copies bear the header ``mesh-shadow: true``.

    Args:
        to: a variant, or else a service.
        share: copies per call; never more than that.
        limit: copies under way at once.
    """

    to: str
    share: float
    limit: int = 8


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """When a new version is given up.

    Args:
        variant: the new version; its calls in the split are compared with all others in the split.
        alpha: the probability, over the whole run, of giving up one that is not worse.
        tolerance: how many times as often as the rest it may fail, or be slow.
        latency: whether calls slower than the rest's 95th percentile count as well as failures.
    """

    variant: str
    alpha: float = 0.01
    tolerance: float = 1.0
    latency: bool = False


@dataclass(frozen=True, slots=True)
class TrafficConfig:
    """Where the calls of a service go. Raises ConfigError where names and descriptions do not fit together.

    Args:
        split: weights by variant; the shares are in proportion. One of them may be described nowhere: it is the rest,
            the endpoints that no variant has.
        variants: what each is.
        routes: rules that come before the split, the first that matches holds.
        sticky: what keeps a caller with one variant; None for the ``hash_key`` of the call, where it has one.
        mirror: the policy, or None for none.
        guard: the policy, or None for none.
    """

    split: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    variants: Mapping[str, VariantConfig] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    routes: tuple[Rule, ...] = ()
    sticky: HashKey | None = None
    mirror: MirrorConfig | None = None
    guard: GuardConfig | None = None

    def __post_init__(self) -> None:
        for complaint in (*self._of_names(), *self._of_guard()):
            raise ConfigError(complaint)

    def _of_names(self) -> Iterator[str]:
        undescribed = [name for name in self.split if name not in self.variants]
        if len(undescribed) > 1:
            yield (
                f"split names {' and '.join(undescribed)}, and variants describes neither: describe all but one, "
                "which gets the endpoints that no variant has"
            )
        if self.split and not any(self.split.values()):
            yield "split gives every variant nothing: give one a weight above zero"
        for rule in self.routes:
            if rule.to not in self.variants and rule.to not in self.split:
                yield f"a route leads to {rule.to!r}: describe it in variants, or name it in split"
        used = {*self.split, *(rule.to for rule in self.routes), *([self.mirror.to] if self.mirror else [])}
        for name in self.variants:
            if name not in used:
                yield f"nothing leads to variant {name!r}: name it in split, routes or mirror, or remove it"

    def _of_guard(self) -> Iterator[str]:
        guard = self.guard
        if guard is None:
            return
        if guard.variant not in self.split:
            yield f"guard watches {guard.variant!r}, which is not in split: name one that is"
        elif not any(weight for name, weight in self.split.items() if name != guard.variant):
            yield f"guard compares {guard.variant!r} with nothing: give another variant of split a weight above zero"
