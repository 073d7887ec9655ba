"""The time that is left of a call which has waited for another."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.http.ambient import AMBIENT

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def bounded(ends: float) -> Iterator[None]:
    """Calls made in this block end by then, in seconds on `time.monotonic`, whatever they themselves ask for."""
    before = AMBIENT.get()
    token = AMBIENT.set(replace(before, ends=min(before.ends, ends)))
    try:
        yield
    finally:
        AMBIENT.reset(token)
