"""The circuits of a mesh, by service name.

They outlive their services: a service that nothing has called for long is watched no more, while a circuit that a
person has isolated stays so. Stores are opened once for each URI, and followed on the discovery thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import background, fork_safe_lock
from meshclient.mesh.circuit import ServiceCircuit
from meshclient.mesh.circuit_store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pybreaker import CircuitBreakerListener

    from meshclient.discovery.runtime.loop import Job
    from meshclient.mesh.circuit_rule import CircuitRule
    from meshclient.mesh.circuit_store import CircuitStore
    from meshclient.model.events import CircuitChanged, StoreChanged


class Circuits:
    """Makes each service's circuit once, and changes it by hand.

    Args:
        clock: monotonic seconds.
        uniform: uniform in [0, 1).
        listeners: pybreaker's listeners, told of every circuit; a breaker's `name` is the service's.
        tell: told of changes of circuits and stores, from any thread and under no lock.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        uniform: Callable[[], float],
        listeners: Sequence[CircuitBreakerListener] = (),
        tell: Callable[[CircuitChanged | StoreChanged], None] | None = None,
    ) -> None:
        self._clock = clock
        self._uniform = uniform
        self._listeners = tuple(listeners)
        self._tell = tell
        self._lock = fork_safe_lock()
        self._circuits: dict[str, ServiceCircuit] = {}
        self._stores: dict[str, tuple[CircuitStore, Job]] = {}

    def circuit(self, service: str, rule: CircuitRule, store: str = "") -> ServiceCircuit:
        """The circuit of `service`, made at the first call.

        Args:
            service: its name.
            rule: when it opens.
            store: URI of the store that shares it with other processes, or nothing.

        Raises ConfigError and PluginError as `open_store`.
        """
        found = self._circuits.get(service)
        if found is not None:
            return found
        storage = self._store(store).storage(service) if store else None
        made = ServiceCircuit(
            service,
            rule,
            clock=self._clock,
            uniform=self._uniform,
            storage=storage,
            listeners=self._listeners,
            tell=self._tell,
        )
        with self._lock:
            return self._circuits.setdefault(service, made)

    def open(self, service: str) -> None:
        """Open a circuit by hand; a probe follows when the open time is over. Raises ValueError where there is none."""
        self._known(service).open()

    def close(self, service: str) -> None:
        """Close a circuit by hand. Raises ValueError where there is none."""
        self._known(service).close()

    def isolate(self, service: str) -> None:
        """Open a circuit until it is closed by hand. Raises ValueError where there is none."""
        self._known(service).isolate()

    @property
    def states(self) -> Mapping[str, str]:
        """``closed``, ``open``, ``half-open`` or ``isolated`` by service."""
        return {service: circuit.state for service, circuit in list(self._circuits.items())}

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why circuits are not in step with other processes', by store; empty text where they are."""
        return {store.source: store.trouble for store, _ in list(self._stores.values())}

    def stop(self) -> None:
        """Forget every circuit, and leave the stores; does not wait. What is asked for later begins anew."""
        with self._lock:
            stores, self._stores = self._stores, {}
            self._circuits = {}
        for _, job in stores.values():
            background().cancel(job)

    def _known(self, service: str) -> ServiceCircuit:
        found = self._circuits.get(service)
        if found is None:
            known = ", ".join(sorted(self._circuits)) or "none"
            msg = (
                f"service {service!r} has no circuit: nothing has called it yet, or its circuit is off; known: {known}"
            )
            raise ValueError(msg)
        return found

    def _store(self, uri: str) -> CircuitStore:
        found = self._stores.get(uri)
        if found is None:
            # Not under the lock: it imports the plugin and its client library.
            opened = open_store(uri)
            with self._lock:
                found = self._stores.get(uri)
                if found is None:
                    job = background().run(partial(opened.follow, partial(_heed, self._tell)))
                    found = self._stores[uri] = (opened, job)
        return found[0]


def _heed(tell: Callable[[StoreChanged], None] | None, change: StoreChanged) -> None:
    if tell is not None:
        tell(change)
