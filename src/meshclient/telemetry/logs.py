"""A line for each change of state: structured, quiet unless somebody listens, and never a flood.

The loggers are ``meshclient``, ``meshclient.discovery`` for lists and ``meshclient.call`` for calls. They have no
handler but a `NullHandler`, so that a program which configures no logging is told nothing; nothing else is
configured here. What a line says in words stands in ``extra`` as well, under the names that spans and metrics use.

What flaps is told `BURST` times in `PAUSE` seconds for each service, endpoint and kind of change; the next line says
how many like it were left out. Where more than `MOST` of them change in that time, as a zone that goes, the others are
told of as one for each service, and where there are as many services again, as one for each kind.
"""

from __future__ import annotations

import logging
import re
import time
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.model import events
from meshclient.model.duration import format_duration
from meshclient.telemetry import attributes as at
from meshclient.telemetry.error_type import error_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient.model.events import Event
    from meshclient.telemetry.attributes import Value

# Seconds in which so many lines are written about the same thing: there and back twice.
PAUSE = 10.0
BURST = 4
# Things that are told apart, and then services and kinds of change; those beyond are told of by their kind alone.
MOST = 64

_ROOT = "meshclient"
DISCOVERY = "meshclient.discovery"
CALL = "meshclient.call"

Line = tuple[str, int, str, "dict[str, Value]"]


class Log:
    """Of one mesh.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Since when lines are counted, how many there were, and how many were left out.
        self._told: dict[tuple[object, ...], tuple[float, int, int]] = {}
        quiet()

    def heard(self, event: Event) -> None:
        """Log it, if it is a change of state."""
        line = _LINES.get(type(event))
        if line is None:
            return
        logger, level, words, extra = line(event)
        log = logging.getLogger(logger)
        if not log.isEnabledFor(level):
            return
        left_out = self._pause(_key(event))
        if left_out is None:
            return
        if left_out:
            words = f"{words} ({left_out} more like this since the last such line)"
            extra[at.LEFT_OUT] = left_out
        extra[at.EVENT] = _name(event)
        log.log(level, "%s", words, extra=extra)

    def _pause(self, key: tuple[object, ...]) -> int | None:
        """How many like it were left out before; None for one more."""
        now = self._clock()
        key = self._place(key, now)
        since, lines, left_out = self._told.get(key, (-inf, 0, 0))
        if now - since < PAUSE:
            full = lines >= BURST
            self._told[key] = (since, lines if full else lines + 1, left_out + 1 if full else 0)
            return None if full else left_out
        # As a new one, so that the oldest stand first.
        self._told.pop(key, None)
        self._told[key] = (now, 1, 0)
        return left_out

    def _place(self, key: tuple[object, ...], now: float) -> tuple[object, ...]:
        """`key`, or what stands for it where all places are taken by what was told of lately."""
        for wider, most in ((key, MOST), ((*key[:2], None), 2 * MOST)):
            if wider in self._told or self._has_room(most, now):
                return wider
        return key[0], None, None

    def _has_room(self, most: int, now: float) -> bool:
        while len(self._told) >= most:
            # Other threads tell, too: taken out at once.
            oldest, *_ = tuple(self._told)
            if now - self._told.get(oldest, (-inf, 0, 0))[0] < PAUSE:
                return False
            self._told.pop(oldest, None)
        return True


def quiet() -> None:
    """Let what nobody listens to be written nowhere, as libraries do: not even to standard error."""
    logger = logging.getLogger(_ROOT)
    if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
        logger.addHandler(logging.NullHandler())


def _key(event: Event) -> tuple[object, ...]:
    endpoint: Endpoint | None = getattr(event, "endpoint", None)
    return type(event), getattr(event, "service", ""), None if endpoint is None else endpoint.key


def _name(event: Event) -> str:
    """As in ``meshclient.event``: ``circuit_changed`` for `CircuitChanged`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(event).__name__).lower()


def _endpoint(endpoint: Endpoint) -> dict[str, Value]:
    found: dict[str, Value] = {at.PEER_ADDRESS: endpoint.host}
    if endpoint.port:
        found[at.PEER_PORT] = endpoint.port
    if endpoint.id:
        found[at.ENDPOINT_ID] = endpoint.id
    if endpoint.zone:
        found[at.ENDPOINT_ZONE] = endpoint.zone
    return found


def _lost(event: events.RegistryLost) -> Line:
    snapshot = event.snapshot
    kept = f"the last list of {len(snapshot.last.endpoints)} serves on" if snapshot.last else "no list is known yet"
    words = f"{snapshot.source} is unavailable: {snapshot.cause}; {kept}"
    return _of_list(event.service, snapshot.source, words, {at.ERROR_TYPE: error_type(snapshot.cause)})


def _recovered(event: events.RegistryRecovered) -> Line:
    words = f"{event.source} answers again after {event.outage:.1f}s"
    return _of_list(event.service, event.source, words, {at.OUTAGE: event.outage})


def _empty_held(event: events.EmptyListHeld) -> Line:
    words = (
        f"{event.source} lists no endpoint any more; the {event.endpoints} known before are kept while one of them "
        "answers"
    )
    return _of_list(event.service, event.source, words, {at.ENDPOINTS: event.endpoints})


def _removal_held(event: events.MassRemovalHeld) -> Line:
    words = (
        f"{event.source} dropped {event.removed} of {event.kept} endpoints at once; they are used on until it has said "
        "so for a while"
    )
    return _of_list(event.service, event.source, words, {at.ENDPOINTS: event.removed})


def _removal_released(event: events.MassRemovalReleased) -> Line:
    words = (
        f"of the endpoints that {event.source} had dropped at once, {event.removed} are gone and {event.returned} are "
        "listed again"
    )
    return _of_list(event.service, event.source, words, {at.ENDPOINTS: event.removed})


def _stored(event: events.StoredListServed) -> Line:
    words = f"{event.endpoints} endpoints come from disk, last confirmed {format_duration(event.age)} ago"
    return _of_list(event.service, event.source, words, {at.SNAPSHOT_AGE: event.age})


def _of_list(service: str, source: str, words: str, extra: dict[str, Value]) -> Line:
    told: dict[str, Value] = {at.SERVICE: service, at.RESOLVER: source, **extra}
    return DISCOVERY, logging.WARNING, f"{service}: {words}", told


def _circuit(event: events.CircuitChanged) -> Line:
    level = logging.INFO if event.after == "closed" else logging.WARNING
    words = f"{event.service}: its circuit was {event.before} and is {event.after}: {event.reason}"
    extra: dict[str, Value] = {
        at.SERVICE: event.service,
        at.BREAKER_BEFORE: event.before,
        at.BREAKER_AFTER: event.after,
    }
    return CALL, level, words, extra


def _ejected(event: events.EndpointEjected) -> Line:
    words = (
        f"{event.service}: {event.endpoint.url} is out of rotation for {event.duration:.3g}s after {event.failures} "
        "failures in a row"
    )
    return CALL, logging.WARNING, words, {at.SERVICE: event.service, **_endpoint(event.endpoint)}


def _restored(event: events.EndpointRestored) -> Line:
    words = f"{event.service}: {event.endpoint.url} is in rotation again"
    return CALL, logging.INFO, words, {at.SERVICE: event.service, **_endpoint(event.endpoint)}


def _health(event: events.HealthChanged) -> Line:
    checks = f"{event.checks} check{'s' if event.checks > 1 else ''} in a row"
    if event.passing:
        level, words = logging.INFO, f"{event.service}: {event.endpoint.url} is healthy again: it passed {checks}"
    else:
        level, words = logging.WARNING, f"{event.service}: {event.endpoint.url} failed {checks}: {event.detail}"
    return CALL, level, words, {at.SERVICE: event.service, **_endpoint(event.endpoint)}


def _panic(event: events.PanicChanged) -> Line:
    if event.active:
        words = f"only {event.usable} of {event.total} endpoints are usable, so all are used"
        level = logging.WARNING
    else:
        words = f"{event.usable} of {event.total} endpoints are usable, and no others are used any more"
        level = logging.INFO
    extra: dict[str, Value] = {at.SERVICE: event.service, at.ENDPOINTS: event.usable}
    return CALL, level, f"{event.service}: {words}", extra


def _canary(event: events.CanaryTripped) -> Line:
    return CALL, logging.WARNING, str(event), {at.SERVICE: event.service, at.VARIANT: event.variant}


def _store(event: events.StoreChanged) -> Line:
    if event.trouble:
        words = (
            f"circuits are not shared through {event.source}: {event.trouble}; until it answers each process goes by "
            "its own"
        )
    else:
        words = f"circuits are shared through {event.source} again"
    return _ROOT, logging.WARNING, words, {at.STORE: event.source}


# What is no change of state, or is logged with more detail where it happens, is not among them.
_LINES: Mapping[type, Callable[..., Line]] = MappingProxyType(
    {
        events.RegistryLost: _lost,
        events.RegistryRecovered: _recovered,
        events.EmptyListHeld: _empty_held,
        events.MassRemovalHeld: _removal_held,
        events.MassRemovalReleased: _removal_released,
        events.StoredListServed: _stored,
        events.CircuitChanged: _circuit,
        events.EndpointEjected: _ejected,
        events.EndpointRestored: _restored,
        events.HealthChanged: _health,
        events.PanicChanged: _panic,
        events.CanaryTripped: _canary,
        events.StoreChanged: _store,
    }
)
