"""What administration does to the process: each on purpose, by POST, and told as an event where calls notice it."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from meshclient.model.duration import format_duration, parse_duration
from meshclient.sidecar.admin import balance_sheet
from meshclient.sidecar.admin.reply import Refused, document
from meshclient.sidecar.admin.running import find, find_endpoint
from meshclient.sidecar.admin.standing import isolate, rejoin
from meshclient.sidecar.admin.view import NotOffered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from meshclient.sidecar.admin.reply import Reply
    from meshclient.sidecar.admin.view import View

_LOG = logging.getLogger("meshclient")
# Of an ejection for which nobody says how long, and of any.
_USUAL, _LONGEST = 30.0, 86400.0


class Actions:
    """On one process."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._drain: asyncio.Future[object] | None = None

    def eject(self, arguments: Mapping[str, str]) -> Reply:
        """Take an endpoint out for a while; then one probe decides."""
        self._interfere()
        one = find(self._view.mesh, arguments.get("service"))
        part = find_endpoint(one, arguments.get("endpoint"))
        try:
            seconds = parse_duration(arguments.get("for", _USUAL))
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", f"for: {error}") from None
        if not 0 < seconds <= _LONGEST:
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", "for: an ejection takes more than 0s and at most 24h")
        balancer, address = one.service.balancer, part.endpoint.authority
        if not balance_sheet.eject(balancer, part.endpoint.key, seconds, one.service.clock()):
            detail = (
                f"ejection is off for {one.name}, so nothing would bring the endpoint back: turn it on in the "
                "configuration, or take the instance out of its registry"
            )
            raise Refused(HTTPStatus.CONFLICT, "not_offered", detail)
        words = f"ejected {address} of {one.name}, probe in {format_duration(seconds)}"
        if balancer.panic:
            words += "; too few endpoints are left, so all are used"
        return _done("eject", words, service=one.name, endpoint=address, panic=balancer.panic)

    def isolate(self, arguments: Mapping[str, str]) -> Reply:
        """Refuse the calls of a service until it is reset."""
        self._interfere()
        one = find(self._view.mesh, arguments.get("service"))
        isolate(self._view.mesh, one)
        return _done("isolate", f"isolated {one.name}: its calls are refused until it is reset", service=one.name)

    def reset(self, arguments: Mapping[str, str]) -> Reply:
        """Let an endpoint back in; or all of a service's, and have the service called again."""
        one = find(self._view.mesh, arguments.get("service"))
        only = arguments.get("endpoint")
        key = find_endpoint(one, only).endpoint.key if only else None
        back = [
            node.endpoint.authority for node in balance_sheet.restore(one.service.balancer, one.service.clock(), key)
        ]
        called = only is None and rejoin(self._view.mesh, one)
        told = [f"{address} is back in rotation" for address in back]
        told += [f"{one.name} is called again"] if called else []
        words = ", ".join(told) or "nothing was out"
        return _done("reset", words, service=one.name, endpoints=back, circuit=called)

    def loglevel(self, arguments: Mapping[str, str]) -> Reply:
        """Have more or less logged."""
        name, level = arguments.get("logger", ""), arguments.get("level", "").lower()
        try:
            self._view.loglevel(name, level)
        except ValueError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "bad_request", str(error)) from None
        return _done(
            "loglevel", f"{name or 'meshclient'} logs from {level} on", logger=name or "meshclient", level=level
        )

    def _interfere(self) -> None:
        try:
            self._view.interfere()
        except NotOffered as error:
            raise Refused(HTTPStatus.CONFLICT, "not_offered", str(error)) from None

    def drain(self, arguments: Mapping[str, str]) -> Reply:
        """Begin to leave; the answer does not wait for the end of that."""
        del arguments
        if self._drain is None:
            try:
                begun = self._view.drain()
            except NotOffered as error:
                raise Refused(HTTPStatus.CONFLICT, "not_offered", str(error)) from None
            self._drain = asyncio.ensure_future(_awaited(begun))
            self._drain.add_done_callback(self._drained)
            words = "draining: nothing new is taken, what is under way ends"
        else:
            words = "it drains already"
        return _done("drain", words, status=HTTPStatus.ACCEPTED)

    def _drained(self, drain: asyncio.Future[object]) -> None:
        error = None if drain.cancelled() else drain.exception()
        if error is not None:
            # It may be tried again.
            self._drain = None
            _LOG.error("draining failed", exc_info=error)


async def _awaited(begun: Awaitable[object]) -> object:
    return await begun


def _done(action: str, words: str, *, status: HTTPStatus = HTTPStatus.OK, **facts: object) -> Reply:
    _LOG.warning("by administration: %s", words)
    return document("action", {"action": action, "words": words, **facts}, status)
