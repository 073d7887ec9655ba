"""What the plain calls of a client have in common, as long as nobody changes the client.

A change replaces it as a whole. So a thread that prepares a call meanwhile leaves what it made of the old settings with
the old settings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx

from meshclient.http.plain.body import body_of, length_lines
from meshclient.http.plain.call import PlainCall
from meshclient.http.plain.fields import ClientFields, fields_of
from meshclient.http.plain.place import LONGEST, REMEMBERED, Places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from httpx._client import UseClientDefault
    from httpx._types import HeaderTypes, QueryParamTypes, RequestContent, RequestExtensions, TimeoutTypes

    from meshclient.http.innards import Client, Standing

_UNSET = httpx.USE_CLIENT_DEFAULT
# A method as httpx sends it. CONNECT makes a tunnel of the connection.
_METHOD = re.compile(r"(?!CONNECT$)[A-Z0-9!#$%&'*+.^_`|~-]+").fullmatch


class Groundwork:
    """Prepares calls.

    Args:
        client: of either colour.
        seen: its settings.

    Attributes:
        seen: likewise.
        calls: those that have nothing but a method and a URL.
    """

    __slots__ = ("_blocking", "_fields", "_methods", "_places", "calls", "seen")

    def __init__(self, client: Client, seen: Standing) -> None:
        self.seen = seen
        self.calls: dict[tuple[str, str], PlainCall] = {}
        self._blocking = isinstance(client, httpx.Client)
        self._methods: dict[str, str] = {}
        self._fields = ClientFields(seen.fields)
        self._places = Places(client)

    def remember(self, method: str, url: str, call: PlainCall) -> None:
        """Keep `call` for others with the same method and URL."""
        if len(url) <= LONGEST:
            if len(self.calls) >= REMEMBERED:
                self.calls.clear()
            self.calls[method, url] = call

    def prepare(  # noqa: PLR0917 - all that a call is asked with
        self,
        method: str,
        url: httpx.URL | str,
        content: RequestContent | None,
        json: object,
        params: QueryParamTypes | None,
        headers: HeaderTypes | None,
        follow: bool,  # noqa: FBT001
        timeout: TimeoutTypes | UseClientDefault,
        extensions: RequestExtensions | None,
    ) -> PlainCall | None:
        """A call, or None where it is not plain. Raises anything for arguments that are wrong."""
        upper = self._methods.get(method) or self._method(method)
        fields = self._fields.fields if headers is None else self._fields.joined(headers)
        mesh = None
        if extensions:
            mesh = extensions["mesh"] if len(extensions) == 1 and type(extensions) is dict else None
            if mesh is None:
                return None
        if upper is None or fields is None:
            return None
        place = self._places.find(upper, url, params)
        body = body_of(content, json)
        if place is None or body is None:
            return None
        origin, normal, target, line = place
        lines, host, typed, raw = fields
        octets, is_json = body
        before, after = length_lines(upper, octets, typed=typed or not is_json)
        head = line + (host or origin.host_line) + before + lines + after
        order = [*fields_of(before), *raw, *fields_of(after)] if host else None
        timeouts = self.seen.timeouts if timeout is _UNSET else self._timeouts(timeout)
        return PlainCall(
            upper, normal, origin.scheme, origin.host, origin.port, target, head, order, octets, timeouts, mesh, follow,
            self._blocking,
        )  # fmt: skip

    def _timeouts(self, timeout: TimeoutTypes | UseClientDefault) -> Mapping[str, float | None]:
        if isinstance(timeout, type(_UNSET)):
            return self.seen.timeouts
        return httpx.Timeout(timeout).as_dict()  # type: ignore[arg-type]  # it has been told apart above

    def _method(self, method: str) -> str | None:
        upper = method.upper()
        if not _METHOD(upper):
            return None
        if len(self._methods) < REMEMBERED:
            self._methods[method] = upper
        return upper
