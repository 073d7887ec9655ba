"""Attributes of spans that OpenTelemetry's semantic conventions leave to who wants them ("opt-in")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshclient.model.span_attribute import KNOWN, header_of, is_choice
from meshclient.telemetry import attributes as at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.telemetry.attributes import Value

# Gives the values of a header.
Values = Callable[[str], "Sequence[str]"]


class Chosen:
    """Those that somebody wants.

    Args:
        names: as in `meshclient.model.span_attribute`.

    Attributes:
        service: whether the service's name is among them.
        headers: whether any of them is a header of the request.

    Raises ValueError for another, and for a header that is a secret.
    """

    __slots__ = ("_agent", "_headers", "_scheme", "headers", "service")

    def __init__(self, names: Sequence[str] = ()) -> None:
        if wrong := [name for name in names if not is_choice(name)]:
            raise ValueError(f"{wrong[0]!r} is no attribute to choose: there are {KNOWN}; no secrets")
        self.service = at.SERVICE in names
        self._scheme = at.SCHEME in names
        self._agent = at.USER_AGENT in names
        self._headers = tuple((name, header) for name in names if (header := header_of(name)))
        self.headers = self._agent or bool(self._headers)

    def tell(self, told: dict[str, Value], url: str, headers: Values | None) -> None:
        """Put into `told` what they are for a request.

        Args:
            told: attributes of its span.
            url: of the request.
            headers: gives its own, in their order.
        """
        if self._scheme:
            told[at.SCHEME] = url.partition(":")[0]
        if headers is None or not self.headers:
            return
        if self._agent and (agents := headers("user-agent")):
            told[at.USER_AGENT] = agents[-1]
        for name, header in self._headers:
            if values := headers(header):
                told[name] = tuple(values)
