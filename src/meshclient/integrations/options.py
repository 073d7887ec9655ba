"""What the middleware does with inbound requests, in one shape for every framework."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, TypedDict

from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.mesh import Mesh
    from meshclient.registration.lease import Lease

    Registration = Lease | Callable[[], Lease | None]

_SWITCHES = ("new_trace", "cancel", "disconnect", "trust_priority", "load_report", "probes_first")


class InboundOptions(TypedDict, total=False):
    """As `Inbound`, for keyword arguments."""

    propagators: Sequence[str] | None
    new_trace: bool
    cancel: bool
    disconnect: bool
    limit: int | None
    max_lag: float | None
    retry_after: float
    critical: Sequence[str]
    trust_priority: bool
    load_report: bool
    health: str
    ready: str
    probes_first: bool
    mesh: Mesh | None
    needs: Sequence[str]
    lease: Registration | None


@dataclass(frozen=True, slots=True)
class Inbound:
    """The options.

    Args:
        propagators: formats in which a request's trace context is read, the first that is there wins; None for all
            that are known, empty for none.
        new_trace: whether a request that brings no trace begins one, so that all calls made for it belong to one.
        cancel: whether the task that serves a request is cancelled when its deadline ends; a response that has not
            begun by then becomes a 504, one that has is cut short. Otherwise only the calls it makes end. ASGI only.
        disconnect: whether it is cancelled when the caller closes the connection or resets the stream. ASGI only.
        limit: requests served at once; more get 503. None for no limit.
        max_lag: seconds of the last one for which the event loop may have stood still; 503 above. None for no limit.
            ASGI only.
        retry_after: seconds after which those that got 503 may come again.
        critical: paths that are served whatever the load is; one that ends in ``*`` stands for all that begin so.
        trust_priority: whether requests with ``priority: u=0`` (RFC 9218) are critical too. Only where callers are
            one's own.
        load_report: whether responses have a header ``endpoint-load-metrics``, which balancers read.
        health: path that says whether this process answers at all; empty for none.
        ready: path that says whether it is to be called; empty for none.
        probes_first: whether the two are answered before the application is asked; otherwise only where it says 404.
        mesh: whose lists `needs` is about.
        needs: services without whose lists this one is not ready.
        lease: the registration without which it is not ready, or what gives it once there is one. `Registered` around
            the middleware is found without.

    Raises ConfigError for a value that cannot be.
    """

    propagators: Sequence[str] | None = None
    new_trace: bool = False
    cancel: bool = True
    disconnect: bool = False
    limit: int | None = None
    max_lag: float | None = None
    retry_after: float = 1.0
    critical: Sequence[str] = ()
    trust_priority: bool = False
    load_report: bool = False
    health: str = "/healthz"
    ready: str = "/readyz"
    probes_first: bool = False
    mesh: Mesh | None = None
    needs: Sequence[str] = ()
    lease: Registration | None = None

    def __post_init__(self) -> None:
        # They come out of configuration, too, where a type checker sees nothing.
        for name in _SWITCHES:
            if not isinstance(found := getattr(self, name), bool):
                raise ConfigError(f"{name}={found!r}: write True or False")
        if self.limit is not None and (type(self.limit) is not int or self.limit < 1):
            raise ConfigError(f"limit={self.limit!r} lets nobody in: write at least 1, or None for no limit")
        if self.max_lag is not None and not _seconds(self.max_lag):
            raise ConfigError(f"max_lag={self.max_lag!r}: write seconds above 0, such as 0.2, or None for no limit")
        if not _seconds(self.retry_after):
            raise ConfigError(f"retry_after={self.retry_after!r}: write seconds above 0, such as 1")
        self._check_names()
        if self.mesh is not None and not hasattr(self.mesh, "service"):
            raise ConfigError(f"mesh={self.mesh!r} is none: write Mesh({self.mesh!r})")
        if self.lease is not None and not (callable(self.lease) or hasattr(self.lease, "registration")):
            raise ConfigError(f"lease={self.lease!r} is none: give what mesh.register(...) returns, or what returns it")

    def _check_names(self) -> None:
        for name, texts in (("critical", self.critical), ("needs", self.needs), ("propagators", self.propagators)):
            if isinstance(texts, str):
                raise ConfigError(f"{name}={texts!r}: write a list, such as {name}=[{texts!r}]")
            if texts is not None and not _texts(texts):
                raise ConfigError(f"{name}={texts!r}: write a list of texts")
        for name in ("health", "ready"):
            if not isinstance(found := getattr(self, name), str):
                raise ConfigError(f"{name}={found!r} is no path: write one such as '/{name}z', or '' for none")
        for name, path in (("health", self.health), ("ready", self.ready), *(("critical", at) for at in self.critical)):
            if path and not path.startswith("/"):
                raise ConfigError(f"{name}={path!r} is no path: write one such as '/{path}'")
        if self.needs and self.mesh is None:
            raise ConfigError(f"needs={list(self.needs)!r}: whose lists? Give mesh=... too")
        for name in self.needs:
            try:
                ServiceName.parse(name)
            except ValueError as exc:
                raise ConfigError(f"needs={list(self.needs)!r}: {exc}") from exc

    @classmethod
    def of(cls, options: InboundOptions) -> Inbound:
        """Out of keyword arguments.

        Raises ConfigError for a name that is none.
        """
        unknown = sorted(set(options) - set(cls.__slots__))
        if unknown:
            raise ConfigError(f"{unknown[0]!r} is no option of the middleware; there are {', '.join(cls.__slots__)}")
        return cls(**options)

    def threaded(self) -> Inbound:
        """Themselves, for a server whose requests have a thread each.

        Raises ConfigError where one asks for what cannot be done to a thread.
        """
        if self.disconnect or self.max_lag is not None:
            wrong = "disconnect" if self.disconnect else "max_lag"
            raise ConfigError(f"{wrong} needs an event loop: leave it out for WSGI, or serve the application by ASGI")
        return self


def _seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < inf


def _texts(value: object) -> bool:
    return isinstance(value, Collection) and all(isinstance(each, str) for each in value)
