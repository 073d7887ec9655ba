"""Preparing plain calls: what goes on the wire, without building an httpx.Request to tell.

A call is plain where nothing but its URL, headers and body make the request, and nobody wants to see it on its way.
Whether it is has to be asked anew each time, since a client may be changed between two calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.http import innards
from meshclient.http.innards import SAME, UNFIT, Standing
from meshclient.http.plain.groundwork import Groundwork
from meshclient.http.plain.soundness import sound

if TYPE_CHECKING:
    from httpx._client import UseClientDefault
    from httpx._types import (
        AuthTypes,
        CookieTypes,
        HeaderTypes,
        QueryParamTypes,
        RequestContent,
        RequestData,
        RequestExtensions,
        RequestFiles,
        TimeoutTypes,
    )

    from meshclient.http.plain.call import PlainCall

_UNSET = httpx.USE_CLIENT_DEFAULT


class PlainRequests:
    """Prepares the plain calls of one client, from any thread.

    Args:
        client: of either colour.
        trusting: whether httpx is taken to be as it is known here, which is looked into otherwise.
    """

    def __init__(self, client: innards.Client, *, trusting: bool = False) -> None:
        self._client = client
        self._trusting = trusting
        self._groundwork: Groundwork | None = None

    def again(self, method: str, url: httpx.URL | str) -> PlainCall | None:
        """The call that was prepared for these and nothing else before; None: `prepare` it."""
        groundwork, client = self._groundwork, self._client
        if groundwork is None or type(url) is not str or groundwork.seen.look(client) is not SAME:
            return None
        call = groundwork.calls.get((method, url))
        return call if call is not None and call.follow is client.follow_redirects else None

    def prepare(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        content: RequestContent | None = None,
        data: RequestData | None = None,
        files: RequestFiles | None = None,
        json: object = None,
        params: QueryParamTypes | None = None,
        headers: HeaderTypes | None = None,
        cookies: CookieTypes | None = None,
        auth: AuthTypes | UseClientDefault | None = _UNSET,
        follow_redirects: bool | UseClientDefault = _UNSET,
        timeout: TimeoutTypes | UseClientDefault = _UNSET,
        extensions: RequestExtensions | None = None,
    ) -> PlainCall | None:
        """The call with these arguments of ``request``, or None: it takes httpx's own road.

        None also answers arguments that are wrong, so that httpx is the one to say so; what can be read only once is
        not touched. With a call in hand the client counts as one that has been used.
        """
        client, groundwork = self._client, self._groundwork
        if data is not None or files is not None or cookies is not None or (auth is not _UNSET and auth is not None):
            return None
        if groundwork is None or groundwork.seen.look(client) is not SAME:
            groundwork = self._look_again()
            if groundwork is None:
                return None
        follow = client.follow_redirects if follow_redirects is _UNSET else follow_redirects
        if follow is not False and follow is not True:
            return None
        try:
            common = (
                headers is None
                and content is None
                and json is None
                and params is None
                and timeout is _UNSET
                and extensions is None
                and type(url) is str
            )
            if common:
                call = groundwork.calls.get((method, url))  # type: ignore[arg-type]
                if call is not None:
                    return call if call.follow is follow else call.following(follow)
            call = groundwork.prepare(method, url, content, json, params, headers, follow, timeout, extensions)
        except Exception:  # noqa: BLE001 - httpx says it better
            return None
        if call is not None:
            innards.open_client(client)
            if common:
                groundwork.remember(method, url, call)  # type: ignore[arg-type]
        return call

    def _look_again(self) -> Groundwork | None:
        """Look at the whole client; None where it makes no plain calls at all, as it is."""
        client = self._client
        if not (self._trusting or sound(_trusting)):
            return None
        seen = Standing(client)
        if seen.look_closely(client) is UNFIT or innards.overridden(client):
            return None
        groundwork = self._groundwork = Groundwork(client, seen)
        return groundwork


def prepare_the_ground() -> None:
    """Find out whether plain calls can be made at all: 20 ms once, for which no event loop should stand still."""
    sound(_trusting)


def _trusting(client: httpx.Client) -> PlainRequests:
    return PlainRequests(client, trusting=True)
