"""What calls inherit from the request that is being served, or from the block they are made in.

A server that has 300 ms left must not wait for a second, and one that serves a repeat must not repeat on its own
account: with three layers of three attempts each, one request would become 27. The middleware in
`meshclient.integrations` reads both from the inbound headers; calls made meanwhile, in the same context, obey.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Remaining time, never a point in time: clocks differ. The grammar is that of grpc-timeout.
TIMEOUT_HEADER = "mesh-timeout"
# Counted from 1; above that the request is a repeat or a hedge.
ATTEMPT_HEADER = "mesh-attempt"
_READ = (TIMEOUT_HEADER, "grpc-timeout")
_ENVOY = "x-envoy-expected-rq-timeout-ms"
# What is read of an inbound request.
INBOUND_HEADERS = (*_READ, _ENVOY, ATTEMPT_HEADER)
_GRAMMAR = re.compile(r"(\d{1,8})([HMSmun])")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_DIGITS = 10**8


@dataclass(frozen=True, slots=True)
class Ambient:
    """What holds for the calls made here.

    Args:
        ends: when the work must be over, in seconds on `time.monotonic`; infinity for no end.
        chained: whether the request being served is itself a repeat.
        options: what `override` asks of each call, as in ``extensions["mesh"]``.
    """

    ends: float = inf
    chained: bool = False
    options: Mapping[str, object] | None = None


NOTHING = Ambient()
AMBIENT: ContextVar[Ambient] = ContextVar("meshclient", default=NOTHING)


def inbound(headers: Mapping[str, str], now: float) -> Ambient:
    """What an inbound request's headers ask for; the shortest of several time limits wins, nonsense counts as none.

    Args:
        headers: by lower-case name.
        now: seconds on `time.monotonic`.
    """
    limits = [seconds for name in _READ if (seconds := parse_timeout(headers.get(name, ""))) is not None]
    envoy = headers.get(_ENVOY, "")
    if envoy.isascii() and envoy.isdigit():
        limits.append(float(envoy[:9]) / 1000)
    attempt = headers.get(ATTEMPT_HEADER, "")
    chained = attempt.isascii() and attempt.isdigit() and int(attempt[:9]) > 1
    return Ambient(now + min(limits) if limits else inf, chained) if limits or chained else NOTHING


@contextmanager
def override(**options: object) -> Iterator[None]:
    """Every call made in this block, and in what it calls, gets these options, as in ``extensions["mesh"]``.

        with meshclient.override(deadline=0.5, hedge=False):
            client.get("http://orders/v1")

    What a call itself asks for is stronger. A wrong key or value raises ConfigError when the call is made.
    """
    before = AMBIENT.get()
    merged = {**(before.options or {}), **options}
    token = AMBIENT.set(Ambient(before.ends, before.chained, merged))
    try:
        yield
    finally:
        AMBIENT.reset(token)


@contextmanager
def serving(headers: Mapping[str, str]) -> Iterator[Ambient]:
    """Serve an inbound request: calls made in this block obey its headers (lower-case names), and nothing else.

    What held before does not: a server may begin a request in the context of the one before on that connection (as
    uvicorn does, which reads on from within the request whose body it was waiting for).
    """
    ambient = inbound(headers, time.monotonic())
    token = AMBIENT.set(ambient)
    try:
        yield ambient
    finally:
        AMBIENT.reset(token)


def format_timeout(seconds: float) -> str:
    """`seconds` in the grammar of grpc-timeout: at most eight digits and a unit, in milliseconds while they fit."""
    milliseconds = int(seconds * 1000)
    return f"{milliseconds}m" if milliseconds < _DIGITS else f"{min(int(seconds), _DIGITS - 1)}S"


def parse_timeout(text: str) -> float | None:
    """The seconds that a value in the grammar of grpc-timeout says, or None where it is none."""
    found = _GRAMMAR.fullmatch(text.strip()) if text.isascii() else None
    return int(found[1]) * _UNITS[found[2]] if found else None
