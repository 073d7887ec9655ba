"""What the plugin raises, and the words for what etcd refuses.

etcd names its errors in the message, the same in every version, while status and shape of the body have changed from
3.4 to 3.5; so the message decides, and the status is only shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.errors import MeshError

_EXCERPT = 200

_LEADERLESS = "the cluster has no leader; it answers again once a majority of its members has elected one"
_REMEDIES = (
    ("no leader", _LEADERLESS),
    ("request timed out", _LEADERLESS),
    ("leader changed", _LEADERLESS),
    ("too many requests", "it has more to do than it can"),
    ("database space exceeded", "its quota is used up: compact, defragment, then disarm the alarm NOSPACE"),
)
_REMEDY_OF_STATUS = {
    404: "is this the client URL of an etcd of version 3.4 or later?",
    429: "it or a proxy before it limits its clients",
}
_NOT_LOGGED_IN = ("invalid auth token", "revision of auth store is old", "user name is empty")


class EtcdError(MeshError):
    """etcd could not be asked, or what it answered makes no sense."""


class EtcdUnreachable(EtcdError):
    """No complete answer came: refused, cut off, or too late."""


class EtcdDenied(EtcdError):
    """etcd's access rules refuse the question; another member would say the same."""


class LeaseUnknown(EtcdError):
    """The lease has run out or was never granted."""


class OutOfDate(EtcdError):
    """The watch cannot go on from its revision, and the list has to be read again: nothing is wrong with the member."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for, in words.

    Args:
        what: the subject: ``service 'orders'``.
        permission: what a role needs for it: ``READ on keys that begin with 'services/orders/'``.
    """

    what: str
    permission: str


def needs_login(message: str) -> bool:
    """Whether etcd refuses the token, not the question: a new token may do."""
    return any(phrase in message for phrase in _NOT_LOGGED_IN)


def refusal(message: str, status: str, where: str, path: str, purpose: Purpose, *, user: str) -> EtcdError:
    """The error for an answer that is none.

    Args:
        message: etcd's words, already free of secrets.
        status: the HTTP status, or what else stands for one.
        where: host and port of the member.
        path: the path that was asked.
        purpose: what was asked.
        user: as whom it was asked, in words.
    """
    said = " ".join(message.split())[:_EXCERPT]
    text = f"etcd at {where} answered {status} for {purpose.what} (POST {path})" + (f": {said}" if said else "")
    if "permission denied" in said or status == "403":
        return EtcdDenied(f"{text}; asked was as {user}: its role needs the permission {purpose.permission}")
    if "authentication failed" in said:
        return EtcdDenied(f"{text}; asked was as {user}: check the user and the password")
    if "user name is empty" in said:
        return EtcdDenied(f"{text}; asked was as {user}: etcd wants a user, give user= and password_file=")
    if "lease not found" in said:
        return LeaseUnknown(text)
    if "has been compacted" in said:
        return OutOfDate(text)
    remedy = next((words for phrase, words in _REMEDIES if phrase in said), _REMEDY_OF_STATUS.get(_number(status)))
    return EtcdError(f"{text}; {remedy}" if remedy else text)


def payload_error(where: str, url: str, purpose: Purpose, problem: object) -> EtcdError:
    """The error for an answer that cannot be read."""
    return EtcdError(f"etcd at {where} sent a malformed answer for {purpose.what} (POST {url}): {problem}")


def exhausted(purpose: Purpose, failures: list[EtcdError]) -> EtcdError:
    """The error once every member has failed."""
    if len(failures) == 1:
        return failures[0]
    causes = "; ".join(str(failure) for failure in failures)
    return EtcdError(f"none of {len(failures)} etcd members can be asked for {purpose.what}: {causes}")


def _number(status: str) -> int:
    return int(status) if status.isdecimal() else 0
