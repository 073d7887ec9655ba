"""A service moves from Consul to Cloud Map: first compared, then moved. Needs meshclient-consul and meshclient-aws.

python examples/migration.py consul://127.0.0.1:8500 "cloudmap://prod?region=eu-central-1&create=on"
"""

from __future__ import annotations

import sys

import httpx
from instances import instances

import meshclient


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit("from where, and where to? python examples/migration.py consul://127.0.0.1:8500 cloudmap://prod")
    old, new = sys.argv[1], sys.argv[2]
    with instances(1) as (url,):
        port = httpx.URL(url).port or 0
        with meshclient.Mesh(old).register("example-orders", host="127.0.0.1", port=port):
            # Calls go by the old registry; what the new one lacks is logged, and told to observers.
            called(f"migrate({old}, {new})")
            # While both list the instances, nothing is lost by whoever goes first.
            with meshclient.Mesh(new).register("example-orders", host="127.0.0.1", port=port):
                called(f"{new} | {old}")


def called(resolver: str) -> None:
    with meshclient.Client(resolver, defaults={"deadline": 30}) as http:
        answer = http.get("http://example-orders/")
        print(f"{answer.status_code}, listed by {answer.extensions['mesh'].snapshot.source}")


if __name__ == "__main__":
    main()
