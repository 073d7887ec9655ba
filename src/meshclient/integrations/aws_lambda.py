"""AWS Lambda: calls end before the function is stopped, and belong to its trace.

    http = meshclient.Client("cloudmap://shop", mode="on-demand")

    def handler(event, context):
        with invocation(context):
            return http.get("http://orders/v1/orders").json()

A function that is stopped for its time has no answer for its caller and no log of what it was waiting for.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from meshclient.http.ambient import Ambient
from meshclient.integrations.intake import Brought
from meshclient.telemetry.propagation.formats import get

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The runtime sets it anew for each invocation.
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"


class LambdaContext(Protocol):
    """What of the runtime's context is needed."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        ...


@contextmanager
def invocation(context: LambdaContext, margin: float = 0.2, environ: Mapping[str, str] | None = None) -> Iterator[None]:
    """Calls made in this block end `margin` seconds before the function is stopped, and continue its X-Ray trace.

    Args:
        context: as the runtime hands it to the function.
        margin: seconds for the function to say what went wrong.
        environ: where the trace is told; by default the process's own.
    """
    told = (os.environ if environ is None else environ).get(TRACE_VARIABLE, "")
    trace = get("xray").extract([("x-amzn-trace-id", told)])
    left = max(0.0, context.get_remaining_time_in_millis() / 1000 - margin)
    with Brought(Ambient(time.monotonic() + left), trace):
        yield
