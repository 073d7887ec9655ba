"""Writes down the attempts of a program, so that they can be replayed under another configuration."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.model.events import AttemptFinished
from meshclient.testing.simulate.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from meshclient.model.events import Event


class Recorder:
    """An observer that writes a line for each attempt that ends.

        with Recorder("attempts.jsonl") as recorder:
            mesh = Mesh("dns://", observers=[recorder])
            ...

    ``meshclient simulate --replay attempts.jsonl`` reads them. Lines hold addresses, times and outcomes, and nothing of
    a request or a response. May be told of events from any thread.

    Args:
        path: the file; one that exists is written anew.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._lock = fork_safe_lock()
        self._file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - lives as long as the recorder

    def __call__(self, event: Event) -> None:
        """Take note of `event`, if it is the end of an attempt; nothing after `close`."""
        if not isinstance(event, AttemptFinished):
            return
        line = Record.of(event, self._clock() - self._began).line()
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")

    def close(self) -> None:
        """Write what is left, and end the file."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
