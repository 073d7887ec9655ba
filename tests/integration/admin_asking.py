"""Asking a process over its administration, by whatever road its address means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

# Seconds that nothing here takes on a machine that is not stuck.
BOUND = 30.0


def ask(address: str, what: str = "/stats", *, token: str | None = None) -> httpx.Response:
    """One question, by whatever road the address means."""
    unix = address.removeprefix("unix:") if address.startswith("unix:") else None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(transport=httpx.HTTPTransport(uds=unix), trust_env=False, timeout=BOUND) as client:
        return client.get(f"http://{'localhost' if unix else address}{what}", headers=headers)


@contextmanager
def events(path: Path) -> Iterator[Iterator[str]]:
    """What comes on the stream of events at a Unix socket, until its end."""
    with (
        httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), trust_env=False, timeout=BOUND) as client,
        client.stream("GET", "http://localhost/events") as response,
    ):
        yield response.iter_text()
