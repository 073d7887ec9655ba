"""A new version gets a fifth of the callers, fails, and is given up; every caller is answered.

python examples/canary.py
"""

from __future__ import annotations

import logging
import sys
from urllib.parse import urlsplit

from instances import Failing, instances

import meshclient

TRAFFIC = {
    "split": {"v1": 80, "v2": 20},  # v1 is described nowhere: the instances that are not v2
    "variants": {"v2": {"tags": ["v2"]}},
    "sticky": "header:x-user",
    "guard": {"variant": "v2", "alpha": 0.01},
}


def main() -> None:
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    with instances(2) as old, instances(1, Failing) as new:
        canary = {"host": "127.0.0.1", "port": urlsplit(new[0]).port, "tags": ["v2"]}
        with meshclient.Client(services={"orders": {"endpoints": [*old, canary], "traffic": TRAFFIC}}) as http:
            failed = [user for user in range(300) if not answered(http, user)]
            print(f"{len(failed)} of 300 users met the canary; afterwards {answered(http, failed[0]) or 'none'}")


def answered(http: meshclient.Client, user: int) -> str:
    answer = http.get("http://orders/v1/orders/42", headers={"x-user": str(user)})
    return "the first of them was served" if answer.is_success else ""


if __name__ == "__main__":
    main()
