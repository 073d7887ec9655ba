# Generated from src/meshclient/rpc/_async/method.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The functions that take the place of a stub's methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshclient.rpc.arguments import pieces, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.http._sync.client import Client
    from meshclient.rpc.stub.plan import Plan
    from meshclient.rpc.stub.request_writer import Written


def method(plan: Plan, client: Client) -> Callable[..., object]:
    """One request, one value."""
    request, verb, write, read, failure = client.request, plan.verb, plan.write, plan.read, plan.error
    extensions = plan.extensions

    def method(_: object, /, *arguments: object, **named: object) -> object:
        url, headers, content = write(arguments, named)
        response = request(verb, url, headers=headers, content=content, extensions=extensions())
        if failure is not None and not 200 <= response.status_code < 300:
            raise failure(response)
        return read(response)

    return method


def stream(plan: Plan, client: Client) -> Callable[..., Iterator[object]]:
    """One request, as many values as come. The request is sent when the first is asked for."""

    def method(_: object, /, *arguments: object, **named: object) -> Iterator[object]:
        return items(plan, client, plan.write(arguments, named), plan.extensions())

    return method


def items(plan: Plan, client: Client, request: Written, extensions: dict[str, Any] | None) -> Iterator[object]:
    """Send a request, and give the values of its response while they come; closed with the iterator."""
    url, headers, content = request
    with client.stream(plan.verb, url, headers=headers, content=content, extensions=extensions) as response:
        if plan.error is not None and not response.is_success:
            whole(response)
            raise plan.error(response)
        if plan.records is None:
            for piece in pieces(response):
                yield piece
            return
        reading = plan.records.reading(response)
        for piece in pieces(response):
            for item in reading.feed(piece):
                yield item
        for item in reading.end():
            yield item
