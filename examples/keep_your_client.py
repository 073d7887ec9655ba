"""Your own httpx client, with its headers, hooks and settings, on top of the mesh: only the transport is new.

python examples/keep_your_client.py
"""

from __future__ import annotations

import httpx
from instances import instances

import meshclient


def told(response: httpx.Response) -> None:
    """A hook, as any httpx client may have."""
    went = response.extensions["mesh"].endpoint
    print(f"{response.request.method} {response.request.url} -> {response.status_code} from port {went.port}")


def main() -> None:
    with (
        instances(3) as urls,
        meshclient.Mesh(services={"orders": {"endpoints": urls}}) as mesh,
        httpx.Client(
            transport=meshclient.MeshTransport(mesh),
            base_url="http://orders",
            headers={"User-Agent": "shop/1.0"},
            event_hooks={"response": [told]},
        ) as http,
    ):
        for number in range(3):
            http.get(f"/v1/orders/{number}").raise_for_status()


if __name__ == "__main__":
    main()
