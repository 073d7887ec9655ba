"""Whatever happens to calls, nothing that they hold is lost: no place, no probe, no permit, no token.

`benchmarks/resilience.py --schedules 1000000` runs as many.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshclient.core.balance.pick import Pick
from meshclient.core.limit.place import Place
from meshclient.model.outcome import CANCELLED, Outcome
from meshclient.testing.simulate.chaos import aftermath


@pytest.mark.parametrize("seeds", [range(first, first + 10) for first in range(0, 30, 10)], ids=str)
def test_nothing_is_lost(seeds: range) -> None:
    assert {seed: found.losses for seed in seeds if (found := aftermath(seed)).losses} == {}


def lose(monkeypatch: pytest.MonkeyPatch, which: Callable[[Pick, Outcome], bool]) -> None:
    """Let some picks never be handed back."""
    done = Pick.done

    def keep(self: Pick, outcome: Outcome, now: float) -> None:
        if which(self, outcome):
            self._ledger = None
        done(self, outcome, now)

    monkeypatch.setattr(Pick, "done", keep)


def test_a_place_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, lambda _, outcome: outcome is CANCELLED)
    assert any("in flight" in loss for loss in aftermath(1).losses)


def test_a_probe_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, lambda pick, _: pick.probe)
    assert any("is still probing" in loss for seed in range(5) for loss in aftermath(seed).losses)


def test_a_turn_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "leave", lambda *_: None)
    assert any("the limit counts" in loss for seed in range(8) for loss in aftermath(seed).losses)
