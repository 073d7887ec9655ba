"""One thing that is measured, once in every round, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

from _sidecar.contestant import OURS, TITLES

DIRECT = "direct"
ROWS = tuple(TITLES)
# Kind: what it says, connections, rows.
KINDS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "get": ("GET, answer of 100 bytes", 64, ROWS),
    "post": ("POST of 10 KB", 64, ROWS),
    "download": ("GET, answer of 1 MB", 16, ROWS),
    "tls": ("GET, answer of 100 bytes, TLS to the upstream", 64, ROWS),
    "paced": ("GET at 500 a second", 4, (DIRECT, *ROWS)),
    "thousand": ("1,000 idle connections", 1_000, ROWS),
    "crowd": ("10,000 idle connections", 10_000, ROWS),
    "change": ("registry change to the first request on the new endpoint", 1, OURS),
}
RATE = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """A proxy at work.

    Args:
        kind: key of KINDS.
        row: key of TITLES, or DIRECT.
    """

    kind: str
    row: str

    def __str__(self) -> str:
        return f"{self.kind} {self.row}"


@dataclass(frozen=True, slots=True)
class Result:
    """Of one cell in one round; latencies in microseconds.

    Args:
        calls: that were answered.
        errors: that were not, or not with 200.
        cpu: microseconds a request of the proxy, all its processes.
        rate: requests a second.
        p50: latency.
        p90: latency.
        p99: latency.
        memory: MB resident at the end, all its processes.
        before: the same before there was any connection; where connections are what is measured.
        connections: that were open.
    """

    calls: int
    errors: int
    cpu: float = 0.0
    rate: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    memory: float = 0.0
    before: float = 0.0
    connections: int = 0
