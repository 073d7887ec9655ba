"""How a service stands with what may refuse its calls: its circuit, its throttle, or somebody's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.core.circuit import Refusal
from meshclient.core.shadow import ShadowCircuit
from meshclient.core.throttle import Throttle
from meshclient.model.events import CircuitChanged

if TYPE_CHECKING:
    from meshclient.core.circuit import Circuit, Permit
    from meshclient.mesh import Mesh
    from meshclient.sidecar.admin.running import Running

CLOSED, ISOLATED, THROTTLING, OFF = "closed", "isolated", "throttling", "off"
# Seconds after which a caller of an isolated service may ask again: nobody knows when it will be over.
_AGAIN = 5.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for the calls of one service.

    Args:
        kind: ``circuit``, ``throttle`` or ``none``.
        state: ``closed``, ``open``, ``half-open``, ``isolated``; ``throttling`` while a part of the calls is refused;
            ``off`` where nothing refuses them.
        refused: the part of new calls that is refused, 0 to 1.
        reason: in words; empty while nothing is refused.
        retry_after: seconds after which it is worth another try, or None.
        enforced: whether it is done, and not only reported (shadow mode).
    """

    kind: str
    state: str
    refused: float = 0.0
    reason: str = ""
    retry_after: float | None = None
    enforced: bool = True


class Isolated:
    """Refuses every call until it is taken away again; `was` is what stood in its place."""

    blanket = None

    def __init__(self, service: str, was: Circuit | None) -> None:
        self._service = service
        self.was = was

    def admit(self, now: float, chance: float) -> Permit | None:
        """Nobody."""
        del now, chance
        return None

    def refusal(self, now: float) -> Refusal:
        """By whom."""
        del now
        return Refusal(f"{self._service} was isolated by hand and stays so until it is reset", _AGAIN)


def standing(one: Running) -> Standing:
    """How things are now."""
    service = one.service
    circuit, now = service.circuit, service.clock()
    enforced = not isinstance(circuit, ShadowCircuit)
    inner = circuit._inner if isinstance(circuit, ShadowCircuit) else circuit  # noqa: SLF001
    if inner is None:
        return Standing("none", OFF)
    if isinstance(inner, Isolated):
        refusal = inner.refusal(now)
        return Standing(_kind(inner.was), ISOLATED, 1.0, refusal.reason, refusal.retry_after)
    if isinstance(inner, Throttle):
        refused = inner.probability(now)
        if not refused:
            return Standing("throttle", CLOSED, enforced=enforced)
        refusal = inner.refusal(now)
        return Standing("throttle", THROTTLING, refused, refusal.reason, refusal.retry_after, enforced=enforced)
    state = str(getattr(inner, "state", CLOSED))
    if state == CLOSED:
        return Standing("circuit", CLOSED, enforced=enforced)
    refusal = inner.refusal(now)
    return Standing("circuit", state, 1.0, refusal.reason, refusal.retry_after, enforced=enforced)


def isolate(mesh: Mesh, one: Running) -> None:
    """Have every call of a service refused, by its circuit where it has one; told as an event."""
    before = standing(one)
    if before.state == ISOLATED:
        return
    service = one.service
    if service.config.circuit is not None and before.enforced:
        # It may be shared with other processes, and outlives the service's use.
        mesh.circuits.isolate(one.name)
        return
    service.circuit = Isolated(one.name, service.circuit)
    service._tell(CircuitChanged(one.name, before.state, ISOLATED, "it was isolated by hand"))  # noqa: SLF001


def rejoin(mesh: Mesh, one: Running) -> bool:
    """Have a service called again, whatever refused its calls; False where nothing did."""
    before = standing(one)
    service, circuit = one.service, one.service.circuit
    if isinstance(circuit, Isolated):
        service.circuit = circuit.was
    elif isinstance(circuit, Throttle):
        # What is held against it is forgotten as after a recovery.
        _forgive(circuit)
        return before.state != CLOSED
    elif before.kind == "circuit" and before.state != CLOSED:
        mesh.circuits.close(one.name)
        return True
    else:
        return False
    service._tell(CircuitChanged(one.name, ISOLATED, standing(one).state, "it was reset by hand"))  # noqa: SLF001
    return True


def _forgive(throttle: Throttle) -> None:
    with throttle._lock:  # noqa: SLF001
        throttle.window.clear()
        throttle._streak = 0  # noqa: SLF001
        throttle.blanket = throttle


def _kind(was: Circuit | None) -> str:
    inner = was._inner if isinstance(was, ShadowCircuit) else was  # noqa: SLF001
    return "none" if inner is None else "throttle" if isinstance(inner, Throttle) else "circuit"
