"""The asynchronous client: thirty calls at once, each with a deadline of its own.

python examples/async_client.py
"""

from __future__ import annotations

import asyncio
from collections import Counter

from instances import instances

import meshclient


async def call(urls: list[str]) -> Counter[str]:
    """How often each instance answered."""
    async with meshclient.AsyncClient(services={"orders": {"endpoints": urls}}) as http:
        hurry = {"mesh": {"deadline": 2.0}}
        answers = await asyncio.gather(*(http.get("http://orders/", extensions=hurry) for _ in range(30)))
    return Counter(answer.text for answer in answers)


def main() -> None:
    with instances(3) as urls:
        went = asyncio.run(call(urls))
    for answer, times in sorted(went.items()):
        print(f"{times:2} calls {answer}")


if __name__ == "__main__":
    main()
