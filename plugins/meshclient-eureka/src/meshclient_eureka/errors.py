"""What the plugin raises, and the words for what Eureka refuses.

The text is what an operator reads at three in the morning: which server, what was asked, what it said, what to do.
"""

from __future__ import annotations

from meshclient.errors import MeshError

_EXCERPT = 200

_REMEDY_OF_STATUS = {
    401: "check the options user and password_file",
    403: "a server that has just started refuses its registry until it has its peers' or a few minutes are over; "
    "otherwise access rules in front of it are in the way",
    404: "is the URI's path the one Eureka answers under (/eureka for Spring Cloud, /eureka/v2 for Netflix's own)?",
    429: "it limits its clients: raise the option interval",
    503: "it limits its clients (eureka.server.rate-limiter-enabled) or is not up yet",
}


class EurekaError(MeshError):
    """Eureka could not be asked, or what it answered makes no sense."""


class EurekaUnreachable(EurekaError):
    """No complete answer came: refused or cut off."""


class EurekaTimeout(EurekaUnreachable):
    """No complete answer came in time; the server may be overloaded, and asking more often would not help it."""


class EurekaStatus(EurekaError):
    """Eureka answered with a status that says no.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def status_error(status: int, body: str, where: str, what: str, login: str) -> EurekaStatus:
    """The error for an answer that is no success.

    Args:
        status: HTTP status.
        body: Eureka's words, already free of secrets.
        where: host and port of the server.
        what: what was asked for.
        login: which credentials were sent, in words.
    """
    said = " ".join(body.split())
    said = f": {said[:_EXCERPT]}" if said else ""
    if status == 401:
        return EurekaStatus(
            f"Eureka at {where} denied {what} (401{said}); sent was {login}: {_REMEDY_OF_STATUS[401]}", status
        )
    text = f"Eureka at {where} answered {status} for {what}{said}"
    remedy = _REMEDY_OF_STATUS.get(status)
    return EurekaStatus(f"{text}; {remedy}" if remedy else text, status)


def payload_error(where: str, path: str, problem: object) -> EurekaError:
    """The error for an answer 200 that cannot be read."""
    return EurekaError(f"Eureka at {where} sent a malformed answer for the registry (GET {path}): {problem}")


def exhausted(what: str, failures: list[EurekaError]) -> EurekaError:
    """The error once every server has failed; a timeout where one of them was one."""
    if len(failures) == 1:
        return failures[0]
    causes = "; ".join(str(failure) for failure in failures)
    text = f"none of {len(failures)} Eureka servers can be asked for {what}: {causes}"
    late = any(isinstance(failure, EurekaTimeout) for failure in failures)
    return EurekaTimeout(text) if late else EurekaError(text)
