"""What the plugin raises, and the words for what an API server refuses.

The text is what an operator reads at three in the morning: which server, which service, what it said, what to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshclient.errors import MeshError

_EXCERPT = 200
# Seconds. A server that names an hour is asked again sooner: nobody wants to wait for that once it has recovered.
_MAX_RETRY_AFTER = 60

_REMEDY_OF_STATUS = {
    400: "is the name of the service one that Kubernetes can have?",
    429: "it limits its clients (API priority and fairness)",
}


class KubernetesError(MeshError):
    """The API server could not be asked, or what it answered makes no sense."""


class KubernetesUnreachable(KubernetesError):
    """No complete answer came: refused, cut off, or too late."""


class KubernetesDenied(KubernetesError):
    """The API server does not know the caller (401) or refuses the question (403)."""


class KubernetesThrottled(KubernetesError):
    """The API server asks to be left alone for a while.

    Args:
        text: what happened.
        retry_after: seconds.
    """

    def __init__(self, text: str, retry_after: float) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class KubernetesNotFound(KubernetesError):
    """404: there is no such object, or no such kind of object."""


class KubernetesExpired(KubernetesError):
    """410: the version or the page asked for is history that the API server no longer has."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for, in words.

    Args:
        what: the subject: ``service 'orders' in namespace 'shop'``.
        rule: what the caller's role must allow: ``list endpointslices in namespace 'shop'``.
    """

    what: str
    rule: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not what was asked for.

    Args:
        status: HTTP status, or the code of a ``Status`` object in a watch.
        said: the server's own words, free of secrets.
        retry_after: whole seconds the server asks to wait, or None.
        genuine: whether the API server itself speaks, by a ``Status`` object, and not something in between.
    """

    status: int
    said: str
    retry_after: int | None = None
    genuine: bool = True

    def error(self, where: str, purpose: Purpose, credentials: str) -> KubernetesError:
        """The error it stands for, `where` being the server and `credentials` what was sent, in words."""
        said = " ".join(self.said.split())[:_EXCERPT]
        text = f"the Kubernetes API server {where} answered {self.status} for {purpose.what}"
        text = f"{text}: {said}" if said else text
        if self.status == 401:
            return KubernetesDenied(f"{text}; it does not accept {credentials}")
        if self.status == 403:
            return KubernetesDenied(f"{text}; sent was {credentials}: its role must allow to {purpose.rule}")
        if self.status == 410:
            return KubernetesExpired(text)
        if self.status == 404:
            text = f"{text}; is this the address of a Kubernetes API server, of 1.21 or later?"
            return KubernetesNotFound(text) if self.genuine else KubernetesError(text)
        if self.retry_after is not None and self.status in (429, 503):
            seconds = max(0, min(self.retry_after, _MAX_RETRY_AFTER))
            return KubernetesThrottled(f"{text}; asked again in {seconds} s", seconds)
        remedy = _REMEDY_OF_STATUS.get(self.status)
        return KubernetesError(f"{text}; {remedy}" if remedy else text)
