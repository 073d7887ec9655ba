"""The end of a mesh: waited for by blocking, by awaiting, or at the end of a block of either kind."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.background import CLOSE_TIMEOUT

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from meshclient.mesh.inspection import Inspection
    from meshclient.mesh.service import MeshService


class Closable:
    """What ends with its services.

    Attributes:
        _inspection: its administration.
    """

    _inspection: Inspection

    def _forget(self) -> list[MeshService]:
        """Have everything end, without waiting; the services that were in use."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop watching; returns within about a second. Calls that follow begin anew."""
        services = self._forget()
        end = time.monotonic() + CLOSE_TIMEOUT
        for service in services:
            service.watch.close(max(0.0, end - time.monotonic()))
        self._inspection.close(max(0.0, end - time.monotonic()))

    async def aclose(self) -> None:
        """As `close`, without blocking the caller's event loop."""
        services = self._forget()

        async def end() -> None:
            await asyncio.gather(*(service.watch.aclose() for service in services), self._inspection.aclose())

        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
            await end()
        elif services or self._inspection.open:
            from meshclient.discovery.runtime.foreign import hosted

            await hosted(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
