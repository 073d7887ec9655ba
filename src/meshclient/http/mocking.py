"""Whether a mocking library stands between httpx and the network at this moment.

Such libraries replace methods of httpx or of httpcore for the time of a test. An engine with sockets of its own would
walk past them and out into the network, in the tests of everybody who uses meshclient; while something is replaced,
requests therefore go through httpx's own transport.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

# Who replaces what: pytest-httpx the transports; respx and vcrpy httpcore's pools; respx(using="httpx") and pook the
# choice of a transport; older vcrpy the sending of a single request.
_HTTPX = (
    (httpx.HTTPTransport, "handle_request"),
    (httpx.AsyncHTTPTransport, "handle_async_request"),
    (httpx.Client, "_transport_for_url"),
    (httpx.AsyncClient, "_transport_for_url"),
    (httpx.Client, "_send_single_request"),
    (httpx.AsyncClient, "_send_single_request"),
)
