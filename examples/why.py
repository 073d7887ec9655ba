"""Why did the call go there? One of two instances is out of order; the response tells what was tried, and why again.

python examples/why.py
"""

from __future__ import annotations

from instances import Failing, instances

import meshclient


def main() -> None:
    with (
        instances(1) as good,
        instances(1, Failing) as bad,
        meshclient.Client(services={"orders": {"endpoints": good + bad}}) as http,
    ):
        for _ in range(100):  # the draw is random: go on until one call meets the instance that fails
            answer = http.get("http://orders/v1/orders/42")
            if answer.extensions["mesh"].retries:
                break
    print(f"status {answer.status_code}, and this is how it came about:")
    for number, attempt in enumerate(answer.extensions["mesh"].attempts, 1):
        took = f"{1000 * attempt.duration:.1f} ms"
        print(f"{number}. {attempt.endpoint.url}: {attempt.outcome.kind} after {took}. {attempt.reason}")


if __name__ == "__main__":
    main()
