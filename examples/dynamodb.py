"""An instance is listed in a DynamoDB table, called by its service's name, and leaves. Needs meshclient-aws.

meshclient aws dynamodb-table registry --region eu-central-1
python examples/dynamodb.py "dynamodb://registry?region=eu-central-1"
"""

from __future__ import annotations

import sys

import httpx
from instances import instances

import meshclient


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit('which table? python examples/dynamodb.py "dynamodb://registry?region=eu-central-1"')
    registry = sys.argv[1]
    with (
        instances(1) as (url,),
        meshclient.Mesh(registry).register("example-orders", host="127.0.0.1", port=httpx.URL(url).port or 0),
        meshclient.Client(registry) as http,
    ):
        answer = http.get("http://example-orders/")
        print(f"{answer.text}, listed by {answer.extensions['mesh'].snapshot.source}")
    print("left")


if __name__ == "__main__":
    main()
