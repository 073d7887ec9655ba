"""A Lambda function: one client for all invocations of an instance, no thread between them, and an end in time.

Its handler is `lambda_function.handler`; MESHCLIENT_RESOLVER=cloudmap://shop (meshclient-aws) or the like tells where
services are. Metrics go to CloudWatch by the log, a line for each service that was called.
"""

from __future__ import annotations

from typing import Any

import meshclient
from meshclient.integrations.aws_lambda import LambdaContext, invocation
from meshclient.telemetry.emf import Emf

# Made at the cold start, and kept while the instance is frozen and thawed.
http = meshclient.Client(mode="on-demand")
emf = Emf(http.mesh.tally, namespace="shop")


@emf.flushing
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Serve one invocation; the calls in it end before the function is stopped."""
    with invocation(context, margin=0.2):
        try:
            answer = http.get(f"http://orders/v1/orders/{int(event['order'])}")
        except meshclient.MeshError as exc:
            return {"statusCode": 504, "body": str(exc)}
        return {"statusCode": answer.status_code, "body": answer.text}
