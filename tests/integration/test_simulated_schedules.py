"""Whatever happens to calls, nothing that they hold is lost: no place, no probe, no permit, no token.

`benchmarks/resilience.py --schedules 1000000` runs as many.
"""

from __future__ import annotations

import pytest

from meshclient.core.balance.pick import Pick
from meshclient.core.outlier import Change, Outlier
from meshclient.model.outcome import CANCELLED, Outcome
from meshclient.testing.simulate.chaos import aftermath


@pytest.mark.parametrize("seeds", [range(first, first + 10) for first in range(0, 30, 10)], ids=str)
def test_nothing_is_lost(seeds: range) -> None:
    assert {seed: found.losses for seed in seeds if (found := aftermath(seed)).losses} == {}


def test_what_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pick that a cancelled call keeps for itself."""
    done = Pick.done

    def keep(self: Pick, outcome: Outcome, now: float) -> None:
        if outcome is CANCELLED:
            self._ledger = None
        done(self, outcome, now)

    monkeypatch.setattr(Pick, "done", keep)
    assert any("in flight" in loss for loss in aftermath(1).losses)


def test_a_probe_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is out and has its probe taken by a call that never says how it ended."""
    monkeypatch.setattr(Outlier, "_record_probe", lambda *_: Change.NONE)
    assert any("is still" in loss for seed in range(8) for loss in aftermath(seed).losses)
