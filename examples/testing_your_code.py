"""Unit tests of a program that calls a service, without a server: only the sockets and the registry are fake.

Run it: python examples/testing_your_code.py        or, as any tests, python -m pytest examples/testing_your_code.py
"""

from __future__ import annotations

import httpx

from meshclient import NoEndpoints
from meshclient.testing.fake_endpoint import FakeEndpoint
from meshclient.testing.fake_mesh import FakeMesh


def total(http: httpx.Client, order: int) -> int:
    """The program under test, which knows nothing of a mesh; without the service it reckons with nothing."""
    try:
        return sum(http.get(f"http://orders/v1/orders/{order}").json()["prices"])
    except NoEndpoints:
        return 0


def test_an_instance_that_fails_is_not_noticed() -> None:
    services = {"orders": [FakeEndpoint(fail=httpx.ConnectError), FakeEndpoint(json={"prices": [20, 22]})]}
    with FakeMesh(services) as mesh, mesh.client() as http:
        assert [total(http, order) for order in range(10)] == [42] * 10
        assert {call.service for call in mesh.calls} == {"orders"}


def test_a_service_without_instances() -> None:
    with FakeMesh({"orders": []}) as mesh, mesh.client() as http:
        assert total(http, 1) == 0


if __name__ == "__main__":
    for test in (test_an_instance_that_fails_is_not_noticed, test_a_service_without_instances):
        test()
        print(f"{test.__name__}: passed")
