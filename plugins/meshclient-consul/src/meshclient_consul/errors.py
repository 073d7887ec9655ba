"""What the plugin raises, and the words for what Consul refuses.

The text is what an operator reads at three in the morning: which agent, which service, what Consul said, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.errors import MeshError

_EXCERPT = 200

# Consul answers 500 to most of what goes wrong and tells the cases apart in the body.
_REMEDIES = (
    ("no cluster leader", "its servers have no leader; it answers again once they have elected one"),
    ("no known consul servers", "it knows no Consul server and so no leader; check that the agent has joined"),
    ("no path to datacenter", "it does not know this datacenter; check the option dc"),
    ("boolean expression", "the expression in the option filter is wrong"),
)
_REMEDY_OF_STATUS = {
    404: "is this the HTTP address of a Consul agent?",
    429: "it limits its clients (limits.http_max_conns_per_client, or a rate limit of its servers)",
}


class ConsulError(MeshError):
    """Consul could not be asked, or what it answered makes no sense."""


class ConsulUnreachable(ConsulError):
    """No complete answer came: refused, cut off, or too late."""


class ConsulDenied(ConsulError):
    """Consul's access rules refuse the question; another server would say the same."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for, in words.

    Args:
        what: the subject: ``service 'orders'``.
        policy: the rule that a token needs for it: ``service:read on 'orders'``.
    """

    what: str
    policy: str


def status_error(status: int, body: str, where: str, purpose: Purpose, token: str) -> ConsulError:
    """The error for an answer other than 200.

    Args:
        status: HTTP status.
        body: Consul's words, already free of secrets.
        where: host and port of the agent.
        purpose: what was asked.
        token: which token was sent, in words.
    """
    said = " ".join(body.split())
    said = f": {said[:_EXCERPT]}" if said else ""
    text = f"Consul at {where} answered {status} for {purpose.what}{said}"
    if status == 403:
        return denied(where, purpose, token, f"{status}{said}")
    lower = body.lower()
    remedy = next((words for phrase, words in _REMEDIES if phrase in lower), _REMEDY_OF_STATUS.get(status))
    return ConsulError(f"{text}; {remedy}" if remedy else text)


def denied(where: str, purpose: Purpose, token: str, said: str) -> ConsulDenied:
    """The error for a question that the access rules refuse."""
    return ConsulDenied(
        f"Consul at {where} denied {purpose.what} ({said}); sent was {token}: "
        f"the ACL token needs the policy {purpose.policy}"
    )


def payload_error(where: str, url: str, purpose: Purpose, problem: object) -> ConsulError:
    """The error for an answer 200 that cannot be read."""
    return ConsulError(f"Consul at {where} sent a malformed answer for {purpose.what} (GET {url}): {problem}")


def exhausted(purpose: Purpose, failures: list[ConsulError]) -> ConsulError:
    """The error once every server has failed."""
    if len(failures) == 1:
        return failures[0]
    causes = "; ".join(str(failure) for failure in failures)
    return ConsulError(f"none of {len(failures)} Consul servers can be asked for {purpose.what}: {causes}")
