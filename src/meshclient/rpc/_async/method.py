"""The functions that take the place of a stub's methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from meshclient.rpc.arguments import async_pieces, async_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.http._async.client import AsyncClient
    from meshclient.rpc.stub.plan import Plan
    from meshclient.rpc.stub.request_writer import Written


def async_method(plan: Plan, client: AsyncClient) -> Callable[..., object]:
    """One request, one value."""
    request, verb, write, read, failure = client.request, plan.verb, plan.write, plan.read, plan.error
    extensions = plan.extensions

    async def method(_: object, /, *arguments: object, **named: object) -> object:
        url, headers, content = write(arguments, named)
        response = await request(verb, url, headers=headers, content=content, extensions=extensions())
        if failure is not None and not 200 <= response.status_code < 300:
            raise failure(response)
        return read(response)

    return method


def async_stream(plan: Plan, client: AsyncClient) -> Callable[..., AsyncIterator[object]]:
    """One request, as many values as come. The request is sent when the first is asked for."""

    def method(_: object, /, *arguments: object, **named: object) -> AsyncIterator[object]:
        return async_items(plan, client, plan.write(arguments, named), plan.extensions())

    return method


async def async_items(
    plan: Plan, client: AsyncClient, request: Written, extensions: dict[str, Any] | None
) -> AsyncIterator[object]:
    """Send a request, and give the values of its response while they come; closed with the iterator."""
    url, headers, content = request
    async with client.stream(plan.verb, url, headers=headers, content=content, extensions=extensions) as response:
        if plan.error is not None and not response.is_success:
            await async_whole(response)
            raise plan.error(response)
        if plan.records is None:
            async for piece in async_pieces(response):
                yield piece
            return
        reading = plan.records.reading(response)
        async for piece in async_pieces(response):
            for item in reading.feed(piece):
                yield item
        for item in reading.end():
            yield item
