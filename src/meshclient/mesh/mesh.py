"""What a process knows of its services; shared by any number of clients, threads and event loops."""

from __future__ import annotations

import logging
import os
import random
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize, ref

from meshclient.config.loaded import load
from meshclient.discovery.runtime.background import BackgroundWatch
from meshclient.discovery.runtime.on_demand import OnDemandWatch
from meshclient.discovery.schemes import open_resolver
from meshclient.discovery.state_folder import StateFolder
from meshclient.discovery.static import StaticResolver
from meshclient.discovery.supervision import describe
from meshclient.discovery.upkeep import NO_UPKEEP, Upkeep
from meshclient.errors import ConfigError, ResolverUnavailable
from meshclient.mesh import policies
from meshclient.mesh.balancers import find_balancer
from meshclient.mesh.branches import Branches
from meshclient.mesh.closable import Closable
from meshclient.mesh.injections import injection
from meshclient.mesh.inspection import Inspection
from meshclient.mesh.naming import Naming
from meshclient.mesh.observers import Observers
from meshclient.mesh.registering import open_lease, own_registration
from meshclient.mesh.roster import Roster, expire
from meshclient.mesh.service import MeshService
from meshclient.mesh.telling import begin_to_tell, cease_to_tell, emf, passing, tally, teller
from meshclient.model.report import CallReport
from meshclient.model.service import ServiceName
from meshclient.registration.address import local_address
from meshclient.registration.lease import Lease
from meshclient.registration.terms import Terms
from meshclient.telemetry.discovery_metrics import DiscoveryMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Unpack

    from pybreaker import CircuitBreakerListener

    from meshclient.config.loaded import Loaded
    from meshclient.config.shape import ServiceConfig
    from meshclient.core.circuit import Circuit
    from meshclient.discovery.resolver import Chance, Resolver
    from meshclient.discovery.runtime.background import Changed
    from meshclient.mesh.branches import OpenWatch
    from meshclient.mesh.circuit_rule import CircuitRule
    from meshclient.mesh.circuits import Circuits
    from meshclient.mesh.service import Watch
    from meshclient.model.endpoint import EndpointAttributes
    from meshclient.model.events import Event, Observer
    from meshclient.model.snapshot import Ready, Snapshot
    from meshclient.rpc._async.channel import AsyncChannel
    from meshclient.rpc._sync.channel import Channel
    from meshclient.rpc.arguments import CallArguments
    from meshclient.sidecar.in_process import InProcess

_LOG = logging.getLogger("meshclient")


class Mesh(Closable):
    """Services by name: resolved, balanced, and remembered across calls.

    Environment variables (``MESHCLIENT_...``) complete what is given here; a configuration file is read by
    `Mesh.from_config`, or where ``MESHCLIENT_CONFIG`` names one. Nothing is asked of a registry, and no thread runs,
    before a service is first called. A name that was called is watched until nothing has called it for ten minutes
    (``idle``), so names should not come from untrusted input.

    Args:
        resolver: URI such as ``consul://127.0.0.1:8500``, composed with ``|``, ``+`` and ``migrate(a, b)``; or a
            `Resolver`.
        defaults: settings of every service, as ``[defaults]`` in the file.
        services: settings by service name, as ``[services.<name>]``; ``{"orders": {"endpoints": [...]}}`` needs no
            resolver.
        domains: hosts under these are services.
        mode: ``background``, or ``on-demand`` for AWS Lambda and one-shot programs: no thread between calls.
        state_dir: folder for the last good lists, so that calls find endpoints after a start without the registry;
            from the working directory where it is relative, and none where it is not given.
        discovery: how lists are kept, as ``[discovery]`` in the file: ``hold`` and ``idle``.
        telemetry: what is told to the outside, as ``[telemetry]`` in the file: ``metrics``, ``spans``,
            ``new_traces``, ``peer_service``, ``span_attributes``, ``emf``.
        observers: functions told of every `meshclient.model.events` event.
        circuit_listeners: pybreaker's listeners, told of every service's circuit; its `name` is the service's.

    Attributes:
        passing: says to hosts that are no service in which trace a call is, or None.
        tally: what is counted of its services.
        emf: writes that for CloudWatch, or None.

    Raises ConfigError for a wrong value or a file that cannot be used, and PluginError where the plugin of a resolver,
    a balancer or a circuit's store is missing.
    """

    def __init__(
        self,
        resolver: str | Resolver | None = None,
        *,
        defaults: Mapping[str, object] | None = None,
        services: Mapping[str, object] | None = None,
        domains: Sequence[str] | None = None,
        mode: str | None = None,
        state_dir: Path | str | None = None,
        discovery: Mapping[str, object] | None = None,
        telemetry: Mapping[str, object] | None = None,
        observers: Sequence[Observer] = (),
        circuit_listeners: Sequence[CircuitBreakerListener] = (),
    ) -> None:
        given = {
            "resolver": resolver if isinstance(resolver, str) else None,
            "defaults": defaults,
            "services": services,
            "domains": domains,
            "mode": mode,
            "state_dir": state_dir,
            "discovery": discovery,
            "telemetry": telemetry,
        }
        arguments = {key: value for key, value in given.items() if value is not None}
        loaded = load(environ=os.environ, cwd=Path.cwd(), arguments=arguments)
        self._begin(loaded, None if isinstance(resolver, str) else resolver, observers, circuit_listeners)

    @classmethod
    def from_config(
        cls,
        path: Path | str | None = None,
        *,
        sets: Sequence[str] = (),
        observers: Sequence[Observer] = (),
        circuit_listeners: Sequence[CircuitBreakerListener] = (),
        **arguments: object,
    ) -> Mesh:
        """The mesh that a configuration file describes.

        Args:
            path: a TOML file; None looks for ``meshclient.toml`` or ``[tool.meshclient]`` from the working directory
                up to the root of the checkout.
            sets: ``key.path=value`` texts, as on the command line; strongest of all.
            observers: functions told of every event.
            circuit_listeners: as in `Mesh`.
            arguments: ``resolver``, ``defaults``, ``services``, ``domains``, ``mode``, ``state_dir``, ``discovery``,
                ``telemetry``; stronger than the file.

        Raises ConfigError naming the value, its origin and a remedy.
        """
        loaded = load(environ=os.environ, cwd=Path.cwd(), path=path, search=True, arguments=arguments, sets=sets)
        self = cls.__new__(cls)
        self._begin(loaded, None, observers, circuit_listeners)
        return self

    def _begin(
        self,
        loaded: Loaded,
        resolver: Resolver | None,
        observers: Sequence[Observer],
        circuit_listeners: Sequence[CircuitBreakerListener] = (),
    ) -> None:
        self._circuit_listeners = circuit_listeners
        for warning in loaded.warnings:
            _LOG.warning("%s", warning)
        self.config = config = loaded.config
        self.loaded = loaded
        self._emit = Observers(observers).tell if observers else None
        self._roster = Roster(config.discovery.idle, sweeps=config.mode == "on-demand")
        self._metrics = DiscoveryMetrics(self._roster) if config.telemetry.metrics else None
        self.tally = tally(config, self._roster)
        self.emf = emf(config, self.tally)
        self._tell = teller(self.tally, self._emit)
        self.passing = passing(config)
        if resolver is None and config.resolver:
            resolver = open_resolver(config.resolver, tell=self._tell)
        self._resolver = resolver
        self._folder = StateFolder.at(config.state_dir) if config.state_dir else None
        balancers = {config.defaults.balancer, *(service.balancer for service in config.services.values())}
        self._balancers = {name: find_balancer(name) for name in sorted(balancers)}
        policies.rehearse((config.defaults, *config.services.values()))
        self._naming = Naming(config.names, config.domains, self._resolver is not None)
        self._rng: Chance = random
        # A mesh that is dropped without close() must not be watched for ever.
        self._circuits: list[Circuits] = []
        self._inspection = Inspection(config)
        self._finalizer = finalize(self, _stop, self._roster.services, self._circuits, self._inspection)

    @property
    def idle(self) -> bool:
        """Whether no host can be a service: there is no resolver, and no service is configured."""
        return self._resolver is None and not self.config.services

    def service_of(self, scheme: str, host: str) -> MeshService | None:
        """The service that a URL with this scheme and host means, or None where the URL is not for the mesh."""
        found = self._roster.called((scheme, host))
        if found is not None:
            return found
        name = self._naming.service(scheme, host)
        return None if name is None else self._roster.enter(name, self._build, (scheme, host))

    def service(self, name: str) -> MeshService:
        """The running state of the service called `name`; begins to watch its list.

        Ask again rather than keep it: once nothing has used it for long (``idle``) its list is watched no more.
        """
        return self._roster.enter(ServiceName.parse(name), self._build)

    def warm(self, *names: str, timeout: float = 5.0) -> dict[str, Snapshot]:
        """Begin to watch services, and wait until each has an answer or `timeout` seconds passed."""
        services = [self.service(name) for name in names]
        end = time.monotonic() + timeout
        for service in services:
            while (snapshot := service.snapshot).state == "pending":
                if not service.watch.wait(snapshot, max(0.0, end - time.monotonic())):
                    break
        return {service.name: service.snapshot for service in services}

    def register(
        self,
        name: str,
        *,
        port: int,
        host: str | None = None,
        health: str = "",
        ttl: float = 15.0,
        registry: str | None = None,
        timeout: float = 5.0,
        wait_ready: bool | None = None,
        on_sigterm: bool = True,
        propagation: float | None = None,
        in_flight: Callable[[], int] | None = None,
        grace: float = 10.0,
        **attributes: Unpack[EndpointAttributes],
    ) -> Lease:
        """List this process in a registry, until the lease is closed or the process ends.

        It may block its caller for up to `timeout`; in a coroutine it never does: write ``async with``. The end of the
        block takes the instance out at once. On SIGTERM the instance leaves first, the process serves on until callers
        have noticed, and then the signal does what it did before: see `meshclient.registration.sigterm`. Another
        signal that kills the process leaves no time for that, and the registry finds out by its check or the `ttl`.

        Of several processes on a host that register the same instance, as the workers of a pre-fork server do, one
        has it listed; when it goes another takes over: see `meshclient.registration.seat`.

        Args:
            name: the service it is an instance of.
            port: where it listens.
            host: the address others reach it at; by default the one this host uses to reach other hosts.
            health: path that answers 2xx while the instance is fit to be called, such as ``/healthz``. It is checked
                by registries that do so (Consul), else from here: the instance is taken out after three failures in
                a row and comes back with the first success. Without one, that this process lives is enough.
            ttl: seconds without a sign of life after which the registry may drop the instance.
            registry: URI of the registry, by default the mesh's own resolver, or what of it can be registered at.
            timeout: seconds to wait for the first registration; it goes on in the background after that.
            wait_ready: enter only after a first check that passed: of `health`, or of the port where there is no
                path. By default where there is one.
            on_sigterm: leave on SIGTERM; only where this is called in the main thread.
            propagation: seconds to serve on after leaving on SIGTERM; by default what the registry needs.
            in_flight: how many requests are being served, asked from another thread. They may end, within `grace`,
                before SIGTERM takes its course.
            grace: seconds.
            attributes: ``scheme``, ``id``, ``weight``, ``zone``, ``tags``, ``metadata`` of the endpoint.

        Raises ConfigError where no registry is configured or several are, PluginError where it cannot be written to,
        ValueError for an address, a health path or a time that is none.
        """
        terms = Terms(bool(health) if wait_ready is None else wait_ready, on_sigterm, propagation, in_flight, grace)
        uri = registry or self.config.resolver
        if not uri:
            msg = 'no registry to register at: configure a resolver, or name one (registry="consul://...", --registry)'
            raise ConfigError(msg)
        own = own_registration(ServiceName.parse(name), host or local_address(), port, health, ttl, attributes)
        return open_lease(uri, own, terms, timeout, self._rng)

    def channel(
        self,
        service: str,
        *,
        headers: Mapping[str, str] | None = None,
        codec: str = "json",
        **options: Unpack[CallArguments],
    ) -> AsyncChannel:
        """A client of one service, to be awaited: ``await mesh.channel("orders").get("/v1", deadline=0.5)``.

        Args:
            service: its name.
            headers: sent with each request.
            codec: of ``body=``: ``"json"``, ``"msgpack"`` or ``"protobuf"``.
            options: for every call, as in ``extensions["mesh"]``.

        Raises ConfigError for a wrong value.
        """
        from meshclient.rpc._async.channel import AsyncChannel

        return AsyncChannel(self, service, headers=headers, codec=codec, **options)

    def sync_channel(
        self,
        service: str,
        *,
        headers: Mapping[str, str] | None = None,
        codec: str = "json",
        **options: Unpack[CallArguments],
    ) -> Channel:
        """As `channel`, for code that blocks."""
        from meshclient.rpc._sync.channel import Channel

        return Channel(self, service, headers=headers, codec=codec, **options)

    def serve_admin(self, address: str, *, token: str | None = None, host_names: Sequence[str] = ()) -> InProcess:
        """Have this process looked at while it runs: by ``meshclient top``, a browser or curl; see docs/admin.md.

        It lasts until it is closed (``with`` and ``async with`` do that), or the end of the mesh or the process, and
        runs on the discovery thread. A forked child has its own, beside a Unix socket at ``mesh.4711.sock``.

        Args:
            address: ``unix:run/mesh.sock``, for this user only, in which ``{pid}`` is the process's number; or
                ``127.0.0.1:7190``.
            token: what callers have to show, by default that of ``admin_token_file``; needed where other machines
                reach the address.
            host_names: names by which browsers may call it, beside ``localhost`` and IP addresses.

        Raises ConfigError for what is no address, one that another process has, and one that needs a token.
        """
        return self._inspection.serve(self, address, token, host_names)

    def _circuit(self, service: str, rule: CircuitRule, store: str) -> Circuit:
        return self.circuits.circuit(service, rule, store)

    @property
    def circuits(self) -> Circuits:
        """The circuits of services that have one: their states, and changing them by hand.

        ``mesh.circuits.isolate("orders")`` lets no call through until ``mesh.circuits.close("orders")``.
        """
        if not self._circuits:
            # It imports pybreaker, which most never need.
            from meshclient.mesh.circuits import Circuits

            made = Circuits(
                clock=time.monotonic, uniform=self._rng.random, listeners=self._circuit_listeners, tell=self._tell
            )
            self._circuits.append(made)
        return self._circuits[0]

    def _forget(self) -> list[MeshService]:
        self._inspection.stop()
        for circuits in self._circuits:
            circuits.stop()
        services = self._roster.clear()
        for service in services:
            service.watch.stop()
        cease_to_tell(self.emf)
        return services

    def _build(self, name: ServiceName, rested: Ready | None) -> MeshService:
        begin_to_tell(self.emf, self.config)
        self._inspection.begin(self)
        config = self.config.service(name)
        if config.endpoints or self._resolver is None:
            resolver: Resolver = StaticResolver.of({name.value: config.endpoints}, source="configuration")
        else:
            resolver = self._resolver
        watch = OnDemandWatch if self.config.mode == "on-demand" else BackgroundWatch

        def open_watch(changed: Changed, announce: Changed, tell: Callable[[Event], None]) -> Watch:
            upkeep = self._upkeep(name, rested, tell) if resolver is self._resolver else NO_UPKEEP
            if self._metrics is not None:
                announce = self._metrics.after(name.value, announce)
            try:
                return watch(resolver, name, changed, time.monotonic, self._rng, announce=announce, upkeep=upkeep)
            except (OSError, RuntimeError) as exc:
                # No file descriptor is left for a loop, or no thread to run it.
                msg = f"cannot resolve {name.value!r}: discovery could not be started: {describe(exc)}"
                error = ResolverUnavailable(msg)
                error.mesh = CallReport(name.value)
                raise error from exc

        service = self._made(name, config, open_watch, self._circuit)
        service.injection = injection(name.value, config.faults)
        if config.traffic is not None:
            service.branches = Branches(service, config.traffic, self._tell)
        return service

    def part(self, service: MeshService, label: str, open_watch: OpenWatch) -> MeshService:
        """The running state of a part of `service`; as `meshclient.mesh.branches.Services.part`."""

        def circuit(name: str, rule: CircuitRule, store: str) -> Circuit:
            # Of its own: a canary that fails must not close the service.
            return self._circuit(f"{name}/{label or 'rest'}", rule, store)

        part = self._made(ServiceName(service.name), service.config, open_watch, circuit)
        part.injection = service.injection
        return part

    def _made(
        self,
        name: ServiceName,
        config: ServiceConfig,
        open_watch: OpenWatch,
        open_circuit: Callable[[str, CircuitRule, str], Circuit],
    ) -> MeshService:
        return MeshService(
            name,
            config,
            picker=self._balancers[config.balancer](self._rng.random),
            open_watch=open_watch,
            clock=time.monotonic,
            rng=self._rng,
            emit=self._emit,
            zone=self.config.zone,
            open_circuit=open_circuit,
            tally=self.tally,
            new_traces=self.config.telemetry.new_traces,
        )

    def _upkeep(self, name: ServiceName, rested: Ready | None, tell: Callable[[Event], None]) -> Upkeep:
        return Upkeep(
            hold=self.config.discovery.hold,
            folder=self._folder,
            resumed=rested,
            expire=partial(expire, ref(self._roster), name.value),
            idle=self.config.discovery.idle,
            tell=tell,
        )


def _stop(services: dict[str, MeshService], circuits: list[Circuits], inspection: Inspection) -> None:
    inspection.stop()
    for each in circuits:
        each.stop()
    for service in services.values():
        service.watch.stop()
