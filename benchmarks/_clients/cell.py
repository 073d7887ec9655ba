"""One thing that is measured, once in every round, and what came out."""

from __future__ import annotations

from dataclasses import dataclass

TITLES = {
    "httpx": "httpx (with sniffio)",
    "httpx-involved": "httpx, hooks + auth + cookies",
    "httpx2": "httpx2",
    "aiohttp": "aiohttp",
    "aiohttp-msgspec": "aiohttp, JSON by msgspec",
    "pyqwest": "pyqwest",
    "glued": "httpx + tenacity + pybreaker + round robin",
    "client": "meshclient client",
    "involved": "meshclient client, hooks + auth + cookies",
    "bare": "meshclient client, plain host",
    "transport": "meshclient transport under httpx",
    "channel": "meshclient Channel",
    "stub": "meshclient stub",
}
ASYNC_ONLY = ("httpx-involved", "aiohttp", "aiohttp-msgspec")
EVERYWHERE = ("httpx", "httpx2", "aiohttp", "pyqwest", "glued", "client", "bare", "transport")
# Which rows a workload has, and at which concurrencies it is measured.
ROWS = {
    "get": (*EVERYWHERE, "httpx-involved", "involved", "channel", "stub"),
    "json": (*EVERYWHERE, "aiohttp-msgspec", "channel", "stub"),
    "post": (*EVERYWHERE, "aiohttp-msgspec", "channel", "stub"),
    "download": EVERYWHERE,
    "tls": EVERYWHERE,
}
CONCURRENCY = {
    ("async", "get"): (1, 10, 100, 512),
    ("sync", "get"): (1, 10, 100),
    ("async", "json"): (1, 10, 100),
    ("sync", "json"): (10,),
    ("async", "post"): (10,),
    ("sync", "post"): (10,),
    ("async", "download"): (1, 10),
    ("sync", "download"): (10,),
    ("async", "tls"): (10,),
    ("sync", "tls"): (10,),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A client at work.

    Args:
        colour: ``async`` (tasks) or ``sync`` (threads).
        workload: key of WORKLOADS.
        row: key of TITLES.
        concurrency: tasks or threads.
    """

    colour: str
    workload: str
    row: str
    concurrency: int

    def __str__(self) -> str:
        return f"{self.colour} {self.workload} {self.row} c={self.concurrency}"


@dataclass(frozen=True, slots=True)
class Result:
    """Of one cell in one round.

    Args:
        calls: completed, all of them with the right answer.
        cpu: microseconds a call, user and system, of all threads.
        rate: calls a second.
        p50: microseconds.
        p99: microseconds.
        memory: resident, in MB, at the end.
        system: the kernel's part of `cpu`.
        connections: opened by the process, warm-up included.
    """

    calls: int
    cpu: float
    rate: float
    p50: float
    p99: float
    memory: float
    system: float = 0.0
    connections: int = 0
