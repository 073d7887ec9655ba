"""From an EndpointSlice to candidates: endpoints with the state that decides when they are used.

Each slice is decoded alone and once; what several of them come to together is decided in `merge`. An endpoint that
cannot be one (an address that is none, a port that cannot be chosen) is reported beside the rest instead of failing
the slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError, array, kind, table, text, truth
from meshclient.model.endpoint import Endpoint, Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient_kubernetes.options import PortChoice

_FAMILIES = {"IPv4": "ipv4", "IPv6": "ipv6", "FQDN": "fqdn"}
_SCHEMES = ("http", "https")


class State(IntEnum):
    """How good an endpoint is; of two records for one address the better one counts."""

    UNUSABLE = 0
    TERMINATING = 1  # and still serving: used when nothing is ready, as kube-proxy does
    READY = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint of a slice.

    Args:
        endpoint: the endpoint; its id is the pod's name, or empty.
        state: when it is used.
        family: ``ipv4``, ``ipv6`` or ``fqdn``.
    """

    endpoint: Endpoint
    state: State
    family: str


@dataclass(frozen=True, slots=True)
class Slice:
    """What one EndpointSlice holds.

    Args:
        name: the object's name, unique in its namespace.
        candidates: its endpoints, those that are not to be used included.
        malformed: one text for each endpoint, or for the slice, that makes no sense.
    """

    name: str
    candidates: tuple[Candidate, ...] = ()
    malformed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Port:
    number: int
    scheme: str


def decode_slice(item: Mapping[str, object], choice: PortChoice) -> Slice:
    """The slice in a JSON object. Raises PayloadError only where it has no name."""
    metadata = table(item.get("metadata"), "metadata")
    name = text(metadata.get("name"), "metadata.name")
    if not name:
        raise PayloadError("an EndpointSlice has no name")
    candidates: list[Candidate] = []
    malformed: list[str] = []
    try:
        records = array(item.get("endpoints"), "endpoints")
        if not records:
            return Slice(name)  # the placeholder of a Service without pods has no ports either
        family = _family(item.get("addressType"))
        port = _port(item.get("ports"), choice)
    except PayloadError as exc:
        return Slice(name, malformed=(f"slice {name!r}: {exc}",))
    for number, record in enumerate(records):
        try:
            candidates.append(_candidate(table(record, "the endpoint"), port, family))
        except ValueError as exc:
            malformed.append(f"slice {name!r}, endpoint {number}: {exc}")
    return Slice(name, tuple(candidates), tuple(malformed))


def _candidate(record: Mapping[str, object], port: _Port, family: str) -> Candidate:
    addresses = array(record.get("addresses"), "addresses")
    target = table(record.get("targetRef"), "targetRef", optional=True)
    pod = text(target.get("name"), "targetRef.name") if target.get("kind") == "Pod" else ""
    state = _state(table(record.get("conditions"), "conditions", optional=True))
    endpoint = Endpoint(
        # Several addresses are alternatives for one endpoint, and the API says that the first one does.
        host=text(addresses[0] if addresses else None, "an address"),
        port=port.number,
        scheme=port.scheme,
        id=pod,
        zone=text(record.get("zone"), "zone"),
        metadata=_metadata(record),
        health=Health.PASSING if state is State.READY else Health.DRAINING,
    )
    return Candidate(endpoint, state, family)


def _state(conditions: Mapping[str, object]) -> State:
    """As the API documents the conditions: what is left open is ready, serves as it is ready, and stays.

    A Service with `publishNotReadyAddresses` has its endpoints marked ready by the control plane, terminating ones
    included, so that ready counts before terminating.
    """
    ready = truth(conditions.get("ready"), "conditions.ready")
    serving = truth(conditions.get("serving"), "conditions.serving")
    terminating = truth(conditions.get("terminating"), "conditions.terminating")
    if ready is None or ready:
        return State.READY
    return State.TERMINATING if serving is not False and terminating else State.UNUSABLE


def _metadata(record: Mapping[str, object]) -> Mapping[str, str]:
    """The node, the host name, and the zones whose clients the control plane would send here."""
    hints = table(record.get("hints"), "hints", optional=True)
    zones = [table(zone, "a zone of hints") for zone in array(hints.get("forZones"), "hints.forZones")]
    found = {
        "node": text(record.get("nodeName"), "nodeName"),
        "hostname": text(record.get("hostname"), "hostname"),
        "for_zones": ",".join(text(zone.get("name"), "a zone of hints") for zone in zones),
    }
    return {key: value for key, value in found.items() if value}


def _family(value: object) -> str:
    family = _FAMILIES.get(text(value, "addressType"))
    if family is None:
        raise PayloadError(f"its addressType {text(value, 'addressType')[:EXCERPT]!r} is not known")
    return family


def _port(value: object, choice: PortChoice) -> _Port:
    """The port to call. Raises PayloadError where there is none, or several and no reason to take one."""
    ports = [table(item, "a port") for item in array(value, "ports")]
    usable = [port for port in ports if (text(port.get("protocol"), "protocol") or "TCP") == "TCP"]
    wanted = choice.port
    if wanted.isdigit():
        # No port, or one without a number, stands for all of them.
        chosen = [port for port in usable if port.get("port") in (int(wanted), None)]
        if not ports or chosen:
            return _Port(int(wanted), _scheme(chosen[0] if chosen else {}, choice))
    elif wanted:
        chosen = [port for port in usable if port.get("name") == wanted]
    else:
        chosen = usable if len(usable) == 1 else [p for name in _SCHEMES for p in usable if p.get("name") == name][:1]
    if not chosen:
        there = ", ".join(f"{text(p.get('name'), 'a name') or 'unnamed'} ({p.get('port')})" for p in usable) or "none"
        missed = f"no port {wanted}" if wanted else "no port to choose"
        raise PayloadError(f"it has {missed}, but {there[: 2 * EXCERPT]}; name one of its pods' ports with port=")
    number = chosen[0].get("port")
    if type(number) is not int:
        raise PayloadError(f"its port is {kind(number)}; give a number with port=")
    return _Port(number, _scheme(chosen[0], choice))


def _scheme(port: Mapping[str, object], choice: PortChoice) -> str:
    named = (text(port.get("appProtocol"), "appProtocol").lower(), text(port.get("name"), "a port's name"))
    return choice.scheme or next((name for name in named if name in _SCHEMES), "http")
