"""What Envoy has counted, by service and for the listener, under names of ours.

Envoy counts from zero whenever it is started; here counters go on.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from meshclient.sidecar.envoy.vocabulary import OUTBOUND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Envoy's names of what only grows, and of what stands now.
_CALLS = {
    "upstream_rq_total": "attempts",
    "upstream_rq_retry": "retries",
    "upstream_rq_retry_overflow": "retries_refused",
    "upstream_rq_timeout": "timeouts",
    "upstream_rq_per_try_timeout": "attempt_timeouts",
    "upstream_cx_total": "connections",
    "upstream_cx_connect_fail": "connect_failures",
    "upstream_rq_active_overflow": "overloaded",
    "upstream_rq_pending_overflow": "overloaded",
    "admission_control.rq_rejected": "circuit_open",
    "lb_healthy_panic": "panic",
    "outlier_detection.ejections_enforced_total": "ejections",
}
_CALLS_NOW = {
    "upstream_rq_active": "active",
    "upstream_cx_active": "open",
    "outlier_detection.ejections_active": "ejected",
}
_LISTENER = {
    "downstream_cx_total": "connections",
    "downstream_rq_total": "requests",
    "downstream_cx_rx_bytes_total": "received_bytes",
    "downstream_cx_tx_bytes_total": "sent_bytes",
}
_LISTENER_NOW = {
    "downstream_cx_active": "open",
    "downstream_rq_active": "active",
    "downstream_cx_upgrades_active": "tunnels",
}
_ESCAPED = "|".join(map(re.escape, (*_CALLS, *_CALLS_NOW)))
_SERVICE = re.compile(rf"cluster\.(.+?)\.({_ESCAPED}|upstream_rq_[1-5][0-9][0-9])")
_OURS = "|".join(map(re.escape, (*_LISTENER, *_LISTENER_NOW)))
_FRONT = re.compile(rf"http\.{OUTBOUND}\.({_OURS}|downstream_rq_[1-5]xx)")
# For Envoy, which tells of those only.
PATTERN = f"^({_SERVICE.pattern}|{_FRONT.pattern})$"
_CLASSES = tuple(f"{digit}xx" for digit in range(1, 6))
# The listener's own, beside services.
_HERE = ""
_STATUS = "status "


class Ledger:
    """Of one Envoy, as often as it is started."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._starts = 0
        self._totals: Counter[tuple[str, str]] = Counter()
        self._now: dict[tuple[str, str], int] = {}

    def enter(self, stats: Mapping[str, str], services: Iterable[str], starts: int = 0) -> Counter[tuple[str, str]]:
        """Take over what Envoy says of these services; by how much each of their counters has grown.

        `starts` is another number when it has been started again: its counters may be beyond the old ones by then.
        """
        if starts != self._starts:
            self._starts = starts
            self._before.clear()
        known = set(services)
        grown: Counter[tuple[str, str]] = Counter()
        self._now = {}
        for name, text in stats.items():
            if found := _FRONT.fullmatch(name):
                service, what = _HERE, found[1]
                counted, current = _LISTENER.get(what), _LISTENER_NOW.get(what)
            elif (found := _SERVICE.fullmatch(name)) and found[1] in known:
                service, what = found[1], found[2]
                counted, current = _CALLS.get(what), _CALLS_NOW.get(what)
            else:
                continue
            if current:
                self._now[service, current] = int(text)
                continue
            value, before = int(text), self._before.get(name, 0)
            self._before[name] = value
            # One that has become less has begun anew, as those of a service that was away for a while.
            grown[service, counted or _STATUS + what.rpartition("_")[2]] += value - (before if value >= before else 0)
        self._totals.update(grown)
        return grown

    def services(self) -> dict[str, dict[str, object]]:
        """What was counted of each service that anything is known of, ready for JSON."""
        return {name: self._of(name) for name in sorted({name for name, _ in (*self._totals, *self._now)} - {_HERE})}

    def listener(self) -> dict[str, object]:
        """The same of the listener, in the shape of the built-in proxy's."""
        said = self._statuses(_HERE)
        found: dict[str, object] = {each: self._now.get((_HERE, each), 0) for each in _LISTENER_NOW.values()}
        found |= {each: self._totals[_HERE, each] for each in _LISTENER.values()}
        return found | {"statuses": {each: said.get(each, 0) for each in _CLASSES}, "refused": {}}

    def calls(self, service: str) -> tuple[int, int]:
        """How many calls of a service were answered, and how many of those with an error."""
        said = self._statuses(service)
        return sum(said.values()), sum(count for status, count in said.items() if status >= "400")

    def _of(self, service: str) -> dict[str, object]:
        found: dict[str, object] = {"statuses": self._statuses(service)}
        found |= {each: self._totals[service, each] for each in dict.fromkeys(_CALLS.values())}
        return found | {each: self._now.get((service, each), 0) for each in _CALLS_NOW.values()}

    def _statuses(self, service: str) -> dict[str, int]:
        return {
            what.removeprefix(_STATUS): count
            for (name, what), count in sorted(self._totals.items())
            if name == service and what.startswith(_STATUS)
        }
