"""Category ``tls``: whether endpoints are who they say, and will be so tomorrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Kind, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.reached import Flaw, How, Span
from meshclient.cli.checks.wording import parted, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.cli.checks.reached import Reached

CATEGORY = "tls"
# What renews certificates by machine has done so with a third of their life left (cert-manager, Let's Encrypt) or half
# of it (SPIRE): where less than a fifth is left, it has failed. Of a year that would be too early to speak of.
_SHARE_LEFT = 0.2
_SOON = 14 * 86_400.0


def _kind(number: int, level: Level, meaning: str, why: str, fix: str) -> Kind:
    return Kind(f"MC{number}", CATEGORY, level, meaning, why, fix)


_REFUSED = "this host refuses the endpoint, and every attempt that is sent there fails"
PLAIN = _kind(
    601,
    Level.ERROR,
    "an endpoint that is listed as https speaks no TLS",
    "every attempt that is sent there fails",
    "list it as http, or correct its port",
)
EXPIRED = _kind(602, Level.ERROR, "the certificate of an endpoint has expired", _REFUSED, "renew the certificate there")
EXPIRES = _kind(
    603,
    Level.WARNING,
    "the certificate of an endpoint expires soon",
    "calls fail from then on",
    "renew it now; where that is done by machine, see why it has not been done yet",
)
NOT_YET = _kind(
    604,
    Level.ERROR,
    "the certificate of an endpoint is not valid yet",
    _REFUSED,
    "set the clock of this host right, or replace the certificate",
)
WRONG_NAME = _kind(
    605,
    Level.ERROR,
    "the certificate of an endpoint is for another name",
    _REFUSED,
    "set tls.identity to a name that the certificate is for, or give the endpoint one for the service's name",
)
UNTRUSTED = _kind(
    606,
    Level.ERROR,
    "the certificate of an endpoint is signed by an authority that is not trusted here",
    _REFUSED,
    "set tls.ca to the PEM file of that authority",
)
FILES = _kind(
    607,
    Level.ERROR,
    "the files that TLS is configured with cannot be used",
    "no https endpoint of the service can be called",
    "correct tls.ca, tls.cert or tls.key; certificate and key have to be PEM, belong together, and need no password",
)
CLIENT_REFUSED = _kind(
    608,
    Level.ERROR,
    "an endpoint wants a client certificate, or refuses the one it gets",
    "every attempt that is sent there fails",
    "set tls.cert and tls.key to a certificate that the endpoint's authority has signed",
)
UNVERIFIED = _kind(
    609,
    Level.WARNING,
    "certificates of endpoints are not verified",
    "whoever stands between this process and its endpoints can read and change everything",
    "remove tls.verify, and set tls.ca where endpoints have certificates of your own authority",
)
FAILED = _kind(
    610,
    Level.ERROR,
    "a TLS handshake fails",
    "every attempt that is sent there fails",
    "see the log of the endpoint; both sides need a version (1.2, 1.3) and a cipher in common",
)
OWN_EXPIRED = _kind(
    611,
    Level.ERROR,
    "the client certificate is not valid now",
    "endpoints that ask for it refuse the connection",
    "renew the certificate in tls.cert; new connections use it within a second, without a restart",
)
OWN_EXPIRES = _kind(
    612,
    Level.WARNING,
    "the client certificate expires soon",
    "endpoints that ask for it refuse connections from then on",
    "renew the certificate in tls.cert; where that is done by machine, see why it has not been done yet",
)
KINDS = (
    PLAIN,
    EXPIRED,
    EXPIRES,
    NOT_YET,
    WRONG_NAME,
    UNTRUSTED,
    FILES,
    CLIENT_REFUSED,
    UNVERIFIED,
    FAILED,
    OWN_EXPIRED,
    OWN_EXPIRES,
)
_KINDS = {
    Flaw.PLAIN: PLAIN,
    Flaw.EXPIRED: EXPIRED,
    Flaw.NOT_YET: NOT_YET,
    Flaw.WRONG_NAME: WRONG_NAME,
    Flaw.UNTRUSTED: UNTRUSTED,
    Flaw.CLIENT: CLIENT_REFUSED,
    Flaw.OTHER: FAILED,
}


@dataclass(frozen=True, slots=True)
class Secured:
    """What a service's TLS is configured with.

    Args:
        service: its name.
        verify: whether certificates are looked at.
        unusable: why its files cannot be used; empty where they can.
        cert: the file of the client certificate; empty for none.
        own: when that is valid, or None where it is not known.
    """

    service: str
    verify: bool = True
    unusable: str = ""
    cert: str = ""
    own: Span | None = None


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What is known of TLS.

    Args:
        secured: each service with https endpoints or files of its own.
        reached: each https endpoint that was connected to.
        now: seconds since 1970.
        reason: why nothing is known.
    """

    secured: tuple[Secured, ...] = ()
    reached: tuple[Reached, ...] = ()
    now: float = 0.0
    reason: str = ""


def judge(facts: TlsFacts) -> Iterator[Outcome]:
    """What there is to say of TLS."""
    if facts.reason:
        yield Skipped(CATEGORY, "certificates of endpoints", facts.reason)
    elif not facts.secured:
        yield Passed(CATEGORY, "no endpoint is https")
    for secured in facts.secured:
        yield from _configured(secured, facts.now)
    good: dict[str, int] = {}
    for each in facts.reached:
        url = each.endpoint.url
        if each.flaw is not None:
            what, fix = parted(each.words)
            yield _KINDS[each.flaw].found(f"{each.service}: {what}", subject=url, fix=fix)
            continue
        shown = each.certificate
        if shown is not None and _soon(shown, facts.now):
            yield EXPIRES.found(f"{each.service}: the certificate of {url} expires on {_date(shown.ends)}", subject=url)
        elif each.how in (How.ANSWERED, How.OPENED, How.CLOSED):
            good[each.service] = good.get(each.service, 0) + 1
    for service, count in good.items():
        yield Passed(CATEGORY, f"{service}: {plural(count, 'handshake')} succeeded")


def _configured(secured: Secured, now: float) -> Iterator[Outcome]:
    name = secured.service
    if not secured.verify:
        yield UNVERIFIED.found(f"{name}: tls.verify is false", subject=name)
    if secured.unusable:
        yield FILES.found(f"{name}: {secured.unusable}", subject=name)
        yield Skipped(CATEGORY, f"the endpoints of {name}", "its TLS files cannot be used")
    elif secured.own is not None:
        own = secured.own
        if now >= own.ends:
            yield OWN_EXPIRED.found(f"{name}: {secured.cert} expired on {_date(own.ends)}", subject=name)
        elif now < own.begins:
            yield OWN_EXPIRED.found(f"{name}: {secured.cert} is not valid before {_date(own.begins)}", subject=name)
        elif _soon(own, now):
            yield OWN_EXPIRES.found(f"{name}: {secured.cert} expires on {_date(own.ends)}", subject=name)
        else:
            yield Passed(CATEGORY, f"{name}: the client certificate is valid until {_date(own.ends)}")


def _soon(span: Span, now: float) -> bool:
    return span.ends - now < min(_SOON, _SHARE_LEFT * (span.ends - span.begins))


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
