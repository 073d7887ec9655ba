"""Where each call of a service goes: by the first rule that matches, else by the split less what a guard has closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.traffic.match import matched
from meshclient.core.traffic.sticky import Sticky

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from meshclient.core.traffic.canary import Guard
    from meshclient.core.traffic.head import Head
    from meshclient.core.traffic.match import Rule
    from meshclient.core.traffic.split import Split
    from meshclient.model.events import CanaryTripped


BY_CALL = Sticky()


@dataclass(frozen=True, slots=True)
class Choice:
    """Where a call goes.

    Args:
        variant: its name; empty for what no variant holds.
        share: the chance it had of going to the guarded variant; None where a rule decided.
        key: what the split went by, or None for chance.
    """

    variant: str
    share: float | None = None
    key: str | None = None


class Plan:
    """The traffic policy of one service.

    Args:
        rules: in order.
        split: of all other calls; None where they are not divided.
        sticky: where their key is.
        guard: over one of the variants, or None.
        enforced: whether a tripped guard takes the variant out of the split.
    """

    __slots__ = ("_enforced", "_rules", "_split", "_sticky", "guard")

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        split: Split | None = None,
        sticky: Sticky = BY_CALL,
        guard: Guard | None = None,
        *,
        enforced: bool = True,
    ) -> None:
        self._enforced = enforced
        self._rules = tuple(rules)
        self._split = split
        self._sticky = sticky
        self.guard = guard

    def choose(self, head: Head, key: str | None, chance: float, absent: Collection[str] = ()) -> Choice:
        """Where a call goes.

        Args:
            head: of the request.
            key: the call's own, or None.
            chance: uniform in [0, 1).
            absent: variants of the split that have no endpoint at present.
        """
        rule = matched(self._rules, head) if self._rules else None
        if rule is not None:
            return Choice(rule.to)
        if self._split is None:
            return Choice("")
        guard, own = self.guard, self._sticky.key(head, key)
        closed = (guard.variant,) if guard is not None and guard.tripped is not None and self._enforced else ()
        without = (*absent, *closed)
        variant = self._split.pick(own, chance, without)
        if variant is not None:
            return Choice(variant, None if guard is None else self._split.share(guard.variant, without), own)
        # A bad version is better than nobody; where nobody is there, the call goes where its error is to be expected.
        return Choice(self._split.pick(own, chance, absent) or self._split.pick(own, chance) or "")

    def ended(self, choice: Choice, *, failed: bool, latency: float) -> CanaryTripped | None:
        """A call that went by `choice` is over; what this tells of the guarded variant, if it trips the guard.

        Args:
            choice: what `choose` said.
            failed: whether its first attempt failed: a repeat that mends it mends no version.
            latency: seconds until that attempt's response head.
        """
        if self.guard is None or choice.share is None:
            return None
        canary = choice.variant == self.guard.variant
        return self.guard.ended(choice.share, canary=canary, failed=failed, latency=latency, key=choice.key)
