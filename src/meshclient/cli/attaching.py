"""What goes wrong between a command and the process that it asks, in words, each with the next step."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.cli.complaint import Complaint
from meshclient.cli.exit_status import ExitStatus
from meshclient.model.duration import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HOW = (
    "start the program with MESHCLIENT_ADMIN=unix:run/mesh.sock (it listens from its first call on), or have it call "
    'mesh.serve_admin("unix:run/mesh.sock"); a sidecar listens at 127.0.0.1:7190. Then name the address with --admin'
)
_STATUSES: Mapping[str, ExitStatus] = MappingProxyType(
    {
        "unauthorized": ExitStatus.USAGE,
        "host_not_allowed": ExitStatus.USAGE,
        "bad_request": ExitStatus.USAGE,
        "service_not_found": ExitStatus.NOT_FOUND,
        "endpoint_not_found": ExitStatus.NOT_FOUND,
        "not_offered": ExitStatus.REJECTED,
        "ambiguous_endpoint": ExitStatus.USAGE,
        "overloaded": ExitStatus.UNAVAILABLE,
        "request_timeout": ExitStatus.TIMEOUT,
    }
)


def nobody(address: str, why: str, others: Sequence[str]) -> Complaint:
    """No process listens there; `others` are those that do nearby."""
    if others:
        fix = f"processes that were given this address are at {', '.join(others[:8])}: name one of them with --admin"
    else:
        fix = _HOW
    return Complaint(ExitStatus.NETWORK, f"no process can be asked at {address}", why, fix)


def not_allowed(address: str) -> Complaint:
    """The socket is somebody else's."""
    why = "the socket belongs to another user"
    return Complaint(ExitStatus.NETWORK, f"{address} may not be asked", why, "ask as the user that the program runs as")


def silent(address: str, seconds: float) -> Complaint:
    """Somebody listens, and says nothing."""
    why = f"it takes connections and did not answer within {format_duration(seconds)}"
    fix = "see whether the process stands still (py-spy dump --pid ...), and that this is the address of a meshclient"
    return Complaint(ExitStatus.TIMEOUT, f"{address} does not answer", why, fix)


def broken_off(address: str) -> Complaint:
    """Somebody listened, and went."""
    why = "it closed the connection without an HTTP answer"
    fix = "ask again, since the process may just have ended; else check that this is the address of a meshclient"
    return Complaint(ExitStatus.NETWORK, f"{address} does not answer", why, fix)


def foreign(address: str, status: int | None) -> Complaint:
    """Somebody else listens there."""
    why = "what it sends is not HTTP" if status is None else f"it answers {status}, in a form that no meshclient uses"
    fix = "check the port: a library process says in its log where it is administered, a sidecar at its start"
    return Complaint(ExitStatus.USAGE, f"what listens at {address} is not the administration of a meshclient", why, fix)


def refused(address: str, error: str, detail: str, *, shown: bool) -> Complaint:
    """It was asked, and does not answer this; `shown` is whether it was shown a token."""
    status = _STATUSES.get(error, ExitStatus.FAILED)
    if error == "unauthorized":
        what = f"{address} got a wrong token" if shown else f"{address} asks for a token"
        fix = "give its admin_token_file with --admin-token-file, or in MESHCLIENT_ADMIN_TOKEN_FILE"
        return Complaint(status, what, fix=fix)
    if error == "service_not_found":
        what, _, known = detail.partition("; ")
        return Complaint(status, what, known, "see `meshclient stats` for the services in use")
    if error == "host_not_allowed":
        return Complaint(status, f"{address} is not called so", fix="write its IP address, or localhost")
    what, _, fix = detail.partition(": ")
    return Complaint(status, f"{address}: {what}", fix=fix)
