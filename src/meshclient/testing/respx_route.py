# ruff: noqa: ANN401 - respx may not be installed, and its patterns are whatever it takes
"""respx beneath a mesh: the instances of a service as routes of a router.

    def test_orders(respx_mock):
        first, second = route(respx_mock, "orders", instances=2)
        first.respond(503)
        second.respond(json={"id": 42})
        with meshclient.Client(services=endpoints("orders", instances=2)) as http:
            assert http.get("http://orders/v1/orders/42").json() == {"id": 42}

That is respx's default way, which stands in for the network: the mesh balances, repeats and reports above it, and sees
instances at ``http://orders-0.test``, ``http://orders-1.test`` ... (RFC 6761: names under .test are nobody's). With
``respx.mock(using="httpx")`` respx stands in for all that a client sends: the mesh has no part in it, and routes are
for ``http://orders``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    class Router(Protocol):
        """What is needed of ``respx.MockRouter``."""

        def route(self, *patterns: Any, **lookups: Any) -> Any:
            """A new route."""
            ...


def endpoints(service: str, instances: int = 1) -> dict[str, Mapping[str, object]]:
    """For ``services=`` of a mesh or client: the instances that `route` has routes for."""
    return {service: {"endpoints": [f"http://{_host(service, number)}" for number in range(instances)]}}


def route(router: Router, service: str, *, instances: int = 1, **lookups: Any) -> tuple[Any, ...]:
    """A route of respx for each instance of `service`, in the order of `endpoints`.

    Args:
        router: ``respx.mock``, the fixture ``respx_mock``, or a ``respx.MockRouter``, not one with ``using="httpx"``.
        service: its name.
        instances: how many there are.
        lookups: more that a request has to be, as for ``router.route``: ``method="GET", path="/v1"``.
    """
    return tuple(router.route(host=_host(service, number), **lookups) for number in range(instances))


def _host(service: str, number: int) -> str:
    return f"{service}-{number}.test"
