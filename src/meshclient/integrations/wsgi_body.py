"""The body of a WSGI response, produced in the context of its request."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING

from meshclient.errors import MeshError
from meshclient.integrations.problem import GIVEN_UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextvars import Context
    from wsgiref.types import StartResponse

    from meshclient.integrations.visit import Visit


class Body:
    """The application's iterable, run in that context.

    Args:
        parts: the iterable.
        context: where its calls are made.
        start_response: for a deadline that ends before the first part.
        ends: when that is, on `time.monotonic`; infinity for never.
        visit: ended with the body.
    """

    def __init__(
        self, parts: Iterable[bytes], context: Context, start_response: StartResponse, ends: float, visit: Visit | None
    ) -> None:
        self._parts = parts
        self._context = context
        self._start_response = start_response
        self._ends = ends
        self._visit = visit
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._iterator is None:
                self._iterator = self._context.run(iter, self._parts)
            return self._context.run(next, self._iterator)
        except StopIteration:
            raise
        except MeshError:
            self._end(failed=True)
            if self._ends > time.monotonic():
                raise
            self._ends, self._iterator = inf, iter(())
            return GIVEN_UP.start(self._start_response)
        except BaseException:
            self._end(failed=True)
            raise

    def close(self) -> None:
        """As PEP 3333 asks, whether it was read or not."""
        close = getattr(self._parts, "close", None)
        try:
            if close is not None:
                self._context.run(close)
        finally:
            self._end(failed=False)

    def _end(self, *, failed: bool) -> None:
        if self._visit is not None:
            self._visit.end(failed=failed)
