"""The three questions about one Service: its slices, their changes, and whether it exists."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_kubernetes.connection import Connection, Lines, Request
from meshclient_kubernetes.errors import KubernetesError, KubernetesExpired, KubernetesNotFound, Purpose, Refusal
from meshclient_kubernetes.events import Event, Page, View, decode_event, decode_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from meshclient_kubernetes.options import KubernetesOptions
    from meshclient_kubernetes.place import Place

# Slices in a page. The control plane puts 100 endpoints into a slice, so that a page holds 10,000 of them, some 5 MB.
PAGE = 100


class Events:
    """The events of one watch."""

    def __init__(self, connection: Connection, request: Request, lines: Lines, options: KubernetesOptions) -> None:
        self._connection = connection
        self._request = request
        self._lines = lines
        self._options = options

    async def next(self) -> list[Event] | None:
        """All events that are there, at least one; None once the server has ended the watch in time.

        Raises KubernetesError where it sends an error or something else.
        """
        lines = await self._lines.next()
        return None if lines is None else [self._event(line) for line in lines]

    def _event(self, line: bytes) -> Event:
        try:
            event = decode_event(line, self._options.choice)
        except PayloadError as exc:
            raise self._connection.malformed(self._request, exc) from None
        if isinstance(event, Refusal):
            raise self._connection.error(event, self._request)
        return event


class Slices:
    """Asks for the slices of one Service.

    Args:
        connection: what puts the questions.
        client: an open client of that connection.
        place: the Service.
        options: the parsed URI.
    """

    def __init__(
        self, connection: Connection, client: httpx.AsyncClient, place: Place, options: KubernetesOptions
    ) -> None:
        self._connection = connection
        self._client = client
        self._place = place
        self._options = options

    async def list(self) -> View:
        """All slices, as of one version.

        A page whose version the server has forgotten meanwhile (410) is followed by the whole list at once, which no
        version can run out under. Raises KubernetesError where there is no complete answer.
        """
        view, rest = View(), ""
        try:
            while not view.version or rest:
                page = await self._page((("limit", str(PAGE)), *([("continue", rest)] if rest else ())))
                view.take(page)
                rest = page.rest
        except KubernetesExpired:
            view = View()
            try:
                view.take(await self._page(()))
            except KubernetesExpired as exc:
                raise KubernetesError(str(exc)) from None
        return view

    @asynccontextmanager
    async def watch(self, version: str, seconds: int) -> AsyncIterator[Events]:
        """The changes after `version`, for `seconds`. Raises KubernetesExpired where that version is forgotten."""
        params = (
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(seconds)),
        )
        request = self._request("watch", params)
        async with self._connection.stream(self._client, request, seconds + self._options.timeout) as lines:
            yield Events(self._connection, request, lines, self._options)

    async def service_exists(self) -> bool:
        """Whether the API server knows the Service. Raises KubernetesDenied where the role does not let it say."""
        rule = f"get services in namespace '{self._place.namespace}'"
        path = f"/api/v1/namespaces/{self._place.namespace}/services/{self._place.service}"
        request = Request(path, Purpose(str(self._place), rule))
        try:
            await self._connection.get(self._client, request)
        except KubernetesNotFound:
            return False
        return True

    async def _page(self, params: tuple[tuple[str, str], ...]) -> Page:
        request = self._request("list", params)
        body = await self._connection.get(self._client, request)
        try:
            return decode_page(body, self._options.choice)
        except PayloadError as exc:
            raise self._connection.malformed(request, exc) from None

    def _request(self, verb: str, params: tuple[tuple[str, str], ...]) -> Request:
        namespace = self._place.namespace
        return Request(
            f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
            Purpose(str(self._place), f"{verb} endpointslices (discovery.k8s.io) in namespace '{namespace}'"),
            (("labelSelector", f"kubernetes.io/service-name={self._place.service}"), *params),
        )
