"""The two primitives in which waiting differs between the colours; everything else of the twins is generated.

A blocking call cannot be interrupted from outside, so its time limit lies in the socket timeouts that every attempt
carries anyway, and `Limit` only keeps the shape.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from meshclient.mesh import MeshService
    from meshclient.model.snapshot import Snapshot

_UNLIMITED: AbstractContextManager[object] = nullcontext()


def async_limit(seconds: float) -> AbstractAsyncContextManager[object]:
    """Raises TimeoutError inside when `seconds` pass first; infinity never does."""
    return nullcontext() if seconds == inf else asyncio.timeout(seconds)


def limit(seconds: float) -> AbstractContextManager[object]:  # noqa: ARG001 - the shape of its twin
    """Keeps the shape of `async_limit`; sockets carry the limit themselves."""
    return _UNLIMITED


async def async_pause(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


async def async_new_list(service: MeshService, stale: Snapshot, seconds: float) -> bool:
    """Wait until the service's snapshot is another; False when `seconds` pass first."""
    return await service.watch.wait_async(stale, None if seconds == inf else seconds)


def new_list(service: MeshService, stale: Snapshot, seconds: float) -> bool:
    """Wait until the service's snapshot is another; False when `seconds` pass first."""
    return service.watch.wait(stale, None if seconds == inf else seconds)
