"""Remote calls: channels bound to one service, and typed stubs over them.

    from typing import Annotated, Protocol

    from meshclient.rpc import Body, get, post, service, stub

    @service("orders")
    class Orders(Protocol):
        @get("/v1/orders/{id}")
        async def order(self, id: int) -> Order: ...

        @post("/v1/orders", errors={409: Conflict})
        async def create(self, order: Annotated[NewOrder, Body]) -> Order: ...

    orders = stub(Orders, mesh)

`docs/rpc.md` has the rules.
"""

from meshclient.rpc._async.channel import AsyncChannel
from meshclient.rpc._sync.channel import Channel
from meshclient.rpc.codec.errors import DecodeError
from meshclient.rpc.codec.events import ServerSentEvent
from meshclient.rpc.stub.build import stub
from meshclient.rpc.stub.markers import Body, Form, Header, Path, Query
from meshclient.rpc.stub.problem import Problem
from meshclient.rpc.stub.reply import Reply
from meshclient.rpc.stub.route import delete, get, head, options, patch, post, put, service
from meshclient.rpc.stub.status_error import StatusError
from meshclient.rpc.stub.stub_error import StubError

__all__ = [
    "AsyncChannel",
    "Body",
    "Channel",
    "DecodeError",
    "Form",
    "Header",
    "Path",
    "Problem",
    "Query",
    "Reply",
    "ServerSentEvent",
    "StatusError",
    "StubError",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "service",
    "stub",
]
