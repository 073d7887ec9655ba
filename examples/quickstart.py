"""A service name in place of a host: calls are spread over three local instances, and none needs a registry.

python examples/quickstart.py
"""

from __future__ import annotations

from collections import Counter

from instances import instances

import meshclient


def main() -> None:
    with (
        instances(3) as urls,
        meshclient.Client(services={"orders": {"endpoints": urls}}) as http,
    ):
        went = Counter(http.get("http://orders/v1/orders/42").text for _ in range(30))
    for answer, times in sorted(went.items()):
        print(f"{times:2} calls {answer}")


if __name__ == "__main__":
    main()
