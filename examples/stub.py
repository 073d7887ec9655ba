"""A typed stub: what a service offers, described once and called like an object, over three local instances.

python examples/stub.py
"""

from __future__ import annotations

from typing import Protocol, TypedDict

from instances import Instance, instances

import meshclient
from meshclient.rpc import get, service, stub


class OrderInstance(Instance):
    """Says what was asked for."""

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server asks for
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"path": "%b", "lines": ["tea", "milk"]}' % self.path.encode())


Order = TypedDict("Order", {"path": str, "lines": list[str]})  # noqa: UP013 - one line


@service("orders", deadline=2)
class Orders(Protocol):
    """What the service offers."""

    @get("/v1/orders/{number}")
    def order(self, number: int, expand: str | None = None) -> Order:
        """One order."""


with instances(3, OrderInstance) as urls, meshclient.Client(services={"orders": {"endpoints": urls}}) as http:
    print(stub(Orders, http).order(42, "every line"))
