"""How strongly events speak for one of two streams having more of them, at any moment and without a plan.

Each call goes to the canary with a known chance. Were the canary no worse, a call that fails would have failed in the
other version too, and so each failure is the canary's with just that chance, whatever the failure rate is and however
it changes over the day. Only the events count, then, and their likelihood ratio against "no worse" is a wealth that
bets cannot raise on average: it reaches ``1 / alpha`` with probability alpha at most, however often one looks (Ville's
inequality). Sources: M. Lindon and A. Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022), which
tests canaries by counting events so; A. Ramdas et al., "Game-Theoretic Statistics and Safe Anytime-Valid Inference"
(Statistical Science 38(4), 2023).

How much worse the canary is, and since when, is not known: the wealth is spread over several ratios, and over all
moments at which it may have become worse. The latter with the weights 1 / (n (n + 1)), so that a fault which comes late
costs the logarithm of the events before it and not all that was lost on them (the mixture over starting times of
J. Shin, A. Ramdas and A. Rinaldo, "E-detectors", NEJSDS 2024, with weights that sum to one).
"""

from __future__ import annotations

# How many times as often as the rest; beyond the last one a bet on it wins nearly as fast as the right one would.
RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)


class Evidence:
    """Against a canary, from events of one kind. O(1) for each.

    Args:
        tolerance: how many times as often as the rest the canary may have events; 1 for no more than they.

    Attributes:
        value: the wealth; ``1 / alpha`` or more refutes that the canary is tolerable, at the level alpha.
    """

    __slots__ = ("_events", "_rates", "_tolerance", "_wealth", "value")

    def __init__(self, tolerance: float = 1.0) -> None:
        self._tolerance = tolerance
        self._rates = [tolerance * ratio for ratio in RATIOS]
        self._wealth = [0.0] * len(RATIOS)
        self._events = 0
        self.value = 1.0

    def event(self, share: float, *, canary: bool) -> float:
        """One more event; the wealth after it.

        Args:
            share: the chance that its call had of going to the canary, within (0, 1).
            canary: whether it went there.
        """
        self._events = number = self._events + 1
        fresh = 1.0 / (number * (number + 1))
        tolerated = share * self._tolerance + 1.0 - share
        total = 0.0
        for at, rate in enumerate(self._rates):
            ratio = tolerated / (share * rate + 1.0 - share)
            if canary:
                ratio *= rate / self._tolerance
            self._wealth[at] = wealth = (self._wealth[at] + fresh) * ratio
            total += wealth
        self.value = total / len(RATIOS) + 1.0 / (number + 1)
        return self.value
