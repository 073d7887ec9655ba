"""Category ``endpoints``: whether something listens where the lists say, and speaks HTTP."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Finding, Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.reached import How
from meshclient.cli.checks.wording import listed, plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from meshclient.cli.checks.reached import Reached
    from meshclient.model.endpoint import Endpoint

CATEGORY = "endpoints"


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


NONE_LISTENS = _kind(
    501,
    Level.ERROR,
    "no endpoint of the service can be connected to",
    "every call fails with a connection error",
    "check that the service runs, listens on that port and not on loopback alone, and that no firewall is between",
)
ONE_DEAF = _kind(
    502,
    Level.WARNING,
    "an endpoint cannot be connected to, while others can",
    "calls go to the others after a failed attempt; each ejection is tried again, and costs one again",
    "start the instance, or take it out of the registry; a health check there does so by itself",
)
NO_ADDRESS = _kind(
    503,
    Level.ERROR,
    "the host name of an endpoint cannot be resolved",
    "every attempt that is sent there fails",
    "register an IP address, or a name that this host can resolve",
)
TWICE = _kind(
    504,
    Level.WARNING,
    "an address is listed twice for a service",
    "it gets the calls of two, and is ejected half at a time",
    "deregister the instance that is not there any more; let each register under one id of its own",
)
LOCAL = _kind(
    505,
    Level.WARNING,
    "an endpoint on a loopback or link-local address stands among others that are not",
    "each caller reaches itself there, or nobody",
    "register the address at which others reach the host; see where the registering program takes it from",
)
NO_PLACE = _kind(
    506,
    Level.WARNING,
    "an endpoint has an address at which nobody is",
    "0.0.0.0 and :: mean 'every address of mine' to a server that listens; a caller reaches itself there, or nobody",
    "register the address at which others reach the host, not the one that the server binds to",
)
OTHER_FAMILY = _kind(
    507,
    Level.ERROR,
    "an endpoint on loopback listens on the other family's address",
    "'localhost' is 127.0.0.1 to some programs and ::1 to others: the server took the one, the list says the other",
    "write the address that the server listens on, or have it listen on both",
)
NOT_HTTP = _kind(
    508,
    Level.ERROR,
    "what listens at an endpoint does not speak HTTP/1.1",
    "every attempt that is sent there fails with a protocol error",
    "check the port: that of another protocol, or of HTTP/2 without TLS, is of no use here",
)
SILENT = _kind(
    509,
    Level.WARNING,
    "an endpoint takes connections and gives no answer",
    "attempts that are sent there end with their time-out, and then go elsewhere",
    "see what the instance is doing; a longer --timeout tells a slow one from a silent one",
)
SPEAKS_TLS = _kind(
    510,
    Level.ERROR,
    "an endpoint that is listed as http speaks TLS",
    "every attempt that is sent there fails",
    "list it as https: https://host:port in the configuration, the registry's tag or metadata scheme=https elsewhere",
)
CLOSES = _kind(
    511,
    Level.INFO,
    "an endpoint closes the connection without an answer to HEAD",
    "a server that knows no HEAD may do so, and calls go well; a proxy with nothing behind it does so as well",
    "see whether a request that the service knows is answered: meshclient call SERVICE/PATH",
)
KINDS = (
    NONE_LISTENS,
    ONE_DEAF,
    NO_ADDRESS,
    TWICE,
    LOCAL,
    NO_PLACE,
    OTHER_FAMILY,
    NOT_HTTP,
    SILENT,
    SPEAKS_TLS,
    CLOSES,
)
_KINDS = {
    How.NO_ADDRESS: NO_ADDRESS,
    How.NOT_HTTP: NOT_HTTP,
    How.SILENT: SILENT,
    How.SPEAKS_TLS: SPEAKS_TLS,
    How.CLOSED: CLOSES,
}
# Findings of one kind for one service that are told one by one.
_MOST = 10


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What is known of endpoints.

    Args:
        listed: those that each service's registries list as usable.
        reached: how it went with those that were connected to, in order of services.
        left: how many were not connected to, since they are too many.
        reason: why none was.
    """

    listed: Mapping[str, Sequence[Endpoint]] = field(default_factory=dict)
    reached: tuple[Reached, ...] = ()
    left: int = 0
    reason: str = ""


def judge(facts: EndpointFacts) -> Iterator[Outcome]:
    """What there is to say of endpoints."""
    for service, endpoints in facts.listed.items():
        yield from _addresses(service, endpoints)
    for service, group in groupby(facts.reached, key=lambda each: each.service):
        yield from _few(service, _reached(service, list(group)))
    if facts.reason:
        yield Skipped(CATEGORY, "connecting to endpoints", facts.reason)
    if facts.left:
        yield Skipped(CATEGORY, f"another {plural(facts.left, 'endpoint')}", "one look connects to so many and no more")


def _few(service: str, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """The first of each kind, and how many more there are: a large service behind a firewall would fill screens."""
    counts: Counter[Kind] = Counter()
    for each in outcomes:
        if isinstance(each, Finding):
            counts[each.kind] += 1
            if counts[each.kind] > _MOST:
                continue
        yield each
    for kind, count in counts.items():
        if count > _MOST:
            yield kind.found(f"{service}: and so it is for {count - _MOST} more", subject=service)


def _addresses(service: str, endpoints: Sequence[Endpoint]) -> Iterator[Finding]:
    counts = Counter((e.scheme, e.host, e.port) for e in endpoints if not e.is_socket)
    for (scheme, host, port), count in counts.items():
        if count > 1:
            url = next(e.url for e in endpoints if (e.scheme, e.host, e.port) == (scheme, host, port))
            ids = [e.id or "no id" for e in endpoints if (e.scheme, e.host, e.port) == (scheme, host, port)]
            yield TWICE.found(f"{service}: {url} is listed {count} times ({listed(ids)})", subject=url)
    kinds = {e.url: _place(e) for e in endpoints if not e.is_socket}
    for url, place in kinds.items():
        if place == "nowhere":
            yield NO_PLACE.found(f"{service}: {url} is no address to call", subject=url)
        elif place == "local" and "far" in kinds.values():
            yield LOCAL.found(f"{service}: {url} is local to each host, other endpoints are not", subject=url)


def _place(endpoint: Endpoint) -> str:
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        # Where another name leads is not known here.
        return "local" if endpoint.host == "localhost" else ""
    if address.is_unspecified or address.is_multicast or endpoint.host == "255.255.255.255":
        return "nowhere"
    return "local" if address.is_loopback or address.is_link_local else "far"


def _reached(service: str, reached: list[Reached]) -> Iterator[Outcome]:
    good = [each for each in reached if each.how in (How.ANSWERED, How.OPENED)]
    # Why a handshake fails is said under TLS; that something listens is what counts here.
    connected = [each for each in reached if each.connected]
    deaf = [each for each in reached if each.how is How.UNREACHED and not each.elsewhere]
    if deaf and not connected:
        words = f"; the first: {deaf[0].words}" if len(deaf) > 1 else f": {deaf[0].words}"
        yield NONE_LISTENS.found(
            f"{service}: none of {plural(len(reached), 'endpoint')} answers{words}", subject=service
        )
    for each in reached:
        url = each.endpoint.url
        if each.how is How.UNREACHED and each.elsewhere:
            what = f"{service}: {url} refuses connections, and {each.elsewhere} takes them"
            yield OTHER_FAMILY.found(what, subject=url)
        elif each.how is How.UNREACHED and connected:
            yield ONE_DEAF.found(f"{service}: {each.words}", subject=url)
        elif each.how in _KINDS:
            yield _KINDS[each.how].found(f"{service}: {each.words}", subject=url)
    if good:
        yield Passed(CATEGORY, f"{service}: {len(good)} of {len(reached)} answer")
