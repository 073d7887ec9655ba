"""Stubs: an interface, made callable over a mesh."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

from meshclient.rpc._async.channel import AsyncChannel
from meshclient.rpc._async.method import async_method, async_stream
from meshclient.rpc._sync.channel import Channel
from meshclient.rpc._sync.method import method, stream
from meshclient.rpc.stub.assembly import assemble, common_faults
from meshclient.rpc.stub.channels import Channels
from meshclient.rpc.stub.interface import methods
from meshclient.rpc.stub.route import SERVICE, Common, Service
from meshclient.rpc.stub.stub_error import StubError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.http import AsyncClient, Client
    from meshclient.mesh import Mesh
    from meshclient.rpc.stub.assembly import Assembled

T = TypeVar("T")


def stub(
    # A Callable, since mypy lets no Protocol be a type[T] (python/mypy#4717), while it knows what calling one gives.
    interface: Callable[..., T],
    over: Mesh | AsyncChannel | Channel | AsyncClient | Client,
    *,
    service: str | None = None,
) -> T:
    """An object whose methods send the requests that `interface` describes.

    Everything about the interface is checked here; build a stub once and keep it. It may be used by several threads
    and tasks at once.

    Args:
        interface: a Protocol or another class whose methods have routes.
        over: a channel, whose headers, codec and options then hold too, or a client of yours, with its auth and hooks:
            connections are theirs, and closed with them. Or the mesh that knows the service, where they may last as
            long as the stub.
        service: the service's name, where neither ``@service`` nor a channel says it.

    Raises StubError, with a line for each method that cannot be called: which parameter, and what to write.
    """
    if not isinstance(interface, type):
        msg = f"{interface!r} is no class: give a Protocol whose methods are decorated with @get('/...') and the like"
        raise StubError(msg)
    name = interface.__qualname__
    said: Service | None = getattr(interface, SERVICE, None)
    common = said.common if said else Common()
    if isinstance(over, AsyncChannel | Channel):
        if service is not None:
            msg = f"{name}: the channel is bound to {over.service!r}: leave service={service!r} out"
            raise StubError(msg)
    elif service is None and said is None:
        msg = f"{name} names no service: decorate it with @service('orders'), or give service='orders'"
        raise StubError(msg)
    found, faults = methods(interface)
    if wrong := common_faults(name, common):
        faults = [*wrong, *faults]
        common = Common(common.errors)
    channels = Channels(over, service or (said.name if said else None), common)
    assembled = assemble(found, faults, common, channels.of)
    namespace: dict[str, object] = {each.name: _callable(each, channels) for each in assembled}
    namespace |= {
        "__init__": object.__init__,
        "__module__": interface.__module__,
        "__qualname__": name,
    }
    made: T = type(interface.__name__, (interface,), namespace)()
    return made


def _callable(each: Assembled, channels: Channels) -> Callable[..., object]:
    channel = channels.of(each.asynchronous)
    made: Callable[..., object]
    if isinstance(channel, AsyncChannel):
        made = (async_stream if each.streams else async_method)(each.plan, channel.client)
    else:
        made = (stream if each.streams else method)(each.plan, channel.client)
    return functools.update_wrapper(made, each.function)
