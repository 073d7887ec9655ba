"""Tests that do not wait for what is waited for.

>>> import httpx
>>> from meshclient.testing import FakeEndpoint, FakeMesh
>>> instance = FakeEndpoint(script=[503, 503], json="done")
>>> slowly = {"retry": {"backoff": "1s..1s"}, "deadline": "10s"}
>>> with FakeMesh({"orders": instance}, defaults=slowly, seed=1) as mesh, mesh.client() as http:
...     with disable_waits() as waits:
...         http.get("http://orders/").json()
'done'
>>> len(waits)
2
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshclient.http.waiting import SKIPS

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def disable_waits() -> Iterator[list[float]]:
    """In this block calls of any mesh do not wait between attempts; the list gets the seconds of each pause left out.

    These are back-off, ``Retry-After``, delays put in on purpose and the latencies of fake endpoints: for the thread or
    task that is in the block, and for tasks that begin in it. Decisions are the same: a repeat that has no room
    before the deadline is still refused. Time does not pass; for that, give `FakeMesh` a clock.
    """
    waits: list[float] = []
    token = SKIPS.set(waits.append)
    try:
        yield waits
    finally:
        SKIPS.reset(token)
