"""What the decorators say of a method and of a whole interface."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from meshclient.rpc.arguments import CallArguments
    from meshclient.rpc.stub.status_error import StatusError

F = TypeVar("F")
# Under these names decorators leave their word on what they decorate; `stub` reads and checks it.
ROUTE = "__meshclient_route__"
SERVICE = "__meshclient_service__"


@dataclass(frozen=True, slots=True)
class Common:
    """What an interface says for all its methods, and a method for itself.

    Args:
        errors: exception class by status, or by class of statuses such as ``"4xx"``.
        codec: name of the codec, or None for that of the channel.
        headers: sent with each request.
        options: the mesh's options for each call.
    """

    errors: Mapping[int | str, type[StatusError]] = field(default_factory=dict)
    codec: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One method of an interface: ``GET /v1/orders/{id}``."""

    verb: str
    path: str
    common: Common


@dataclass(frozen=True, slots=True)
class Service:
    """An interface: the name of the service that offers it."""

    name: str
    common: Common


def service(
    name: str,
    *,
    errors: Mapping[int | str, type[StatusError]] | None = None,
    codec: str | None = None,
    headers: Mapping[str, str] | None = None,
    **options: Unpack[CallArguments],
) -> Callable[[F], F]:
    """The decorated interface is offered by the service `name`; the rest holds for all its methods.

    Args:
        name: of the service.
        errors: `StatusError` classes by status, or by class of statuses such as ``"5xx"``.
        codec: ``"json"``, ``"msgpack"`` or ``"protobuf"``.
        headers: sent with each request.
        options: the mesh's options for each call.
    """
    common = Common(errors or {}, codec, headers or {}, options)

    def decorate(interface: F) -> F:
        setattr(interface, SERVICE, Service(name, common))
        return interface

    return decorate


class Verb:
    """A decorator for methods: ``@get("/v1/orders/{id}", errors={404: NotFound}, deadline=0.5)``."""

    __slots__ = ("_verb",)

    def __init__(self, verb: str) -> None:
        self._verb = verb

    def __call__(
        self,
        path: str,
        *,
        errors: Mapping[int | str, type[StatusError]] | None = None,
        codec: str | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Unpack[CallArguments],
    ) -> Callable[[F], F]:
        """The decorated method sends this request. Nothing is checked before `stub`.

        Args:
            path: within the service; ``{name}`` stands for the parameter of that name.
            errors: `StatusError` classes by status, or by class of statuses such as ``"5xx"``.
            codec: ``"json"``, ``"msgpack"`` or ``"protobuf"``.
            headers: sent with each request.
            options: the mesh's options for each call.
        """
        route = Route(self._verb, path, Common(errors or {}, codec, headers or {}, options))

        def decorate(method: F) -> F:
            setattr(method, ROUTE, route)
            return method

        return decorate


get = Verb("GET")
post = Verb("POST")
put = Verb("PUT")
patch = Verb("PATCH")
delete = Verb("DELETE")
head = Verb("HEAD")
options = Verb("OPTIONS")
