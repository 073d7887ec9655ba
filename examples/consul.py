"""An instance registers itself in Consul, is called by its service's name, and leaves. Needs meshclient-consul.

python examples/consul.py 127.0.0.1:8500        or with CONSUL_HTTP_ADDR set
"""

from __future__ import annotations

import os
import sys

import httpx
from instances import instances

import meshclient


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CONSUL_HTTP_ADDR")
    if not address:
        sys.exit("where is Consul? python examples/consul.py 127.0.0.1:8500")
    consul = f"consul://{address.removeprefix('http://')}"
    with (
        instances(1) as (url,),
        meshclient.Mesh(consul).register("example-orders", host="127.0.0.1", port=httpx.URL(url).port or 0),
        meshclient.Client(consul) as http,
    ):
        answer = http.get("http://example-orders/")
        listed = answer.extensions["mesh"].snapshot
        print(f"{answer.text}, listed by {listed.source}")
    print("left")


if __name__ == "__main__":
    main()
