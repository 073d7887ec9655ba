# Generated from src/meshclient/http/_async/caching/asking.py by scripts/unasync.py; edit that file, then run `make sync`.
"""Asks the service, and carries out what the rules say its response changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import httpx

from meshclient.core.caching.message import Arrival, Response
from meshclient.core.caching.reception import received
from meshclient.core.caching.storing import completed
from meshclient.http._sync.caching.download import Download
from meshclient.http._sync.caching.flight import Landing
from meshclient.http.caching.room import Claim
from meshclient.http.caching.variants import useful_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.core.caching.answer import Validate
    from meshclient.core.caching.entry import Entry
    from meshclient.core.caching.policy import Policy
    from meshclient.core.caching.reception import Reception
    from meshclient.http._sync.caching.callbacks import Forward
    from meshclient.http._sync.caching.store import Store
    from meshclient.http.caching.question import Question
    from meshclient.http.caching.shelf import Shelf
    from meshclient.http.caching.variants import Variants


class Asking:
    """One question to the service.

    Args:
        question: the request.
        policy: of the service or route.
        store: where responses are kept.
        forward: asks.
        shelf: of the service.
        shared: whether several wait for the response.
        over: called when there will be nothing more to wait for.
    """

    def __init__(
        self,
        question: Question,
        policy: Policy,
        store: Store,
        forward: Forward,
        shelf: Shelf,
        *,
        shared: bool,
        over: Callable[[], None],
    ) -> None:
        self._question = question
        self._policy = policy
        self._store = store
        self._forward = forward
        self._clock = shelf.clock
        self._changes = shelf.changes
        self._room = shelf.room
        self._begun = 0
        self._unkept = shelf.unkept
        self._shared = shared
        self._over = over

    def landing(self, variants: Variants, validate: Validate | None) -> Landing:
        """What the service says to the request, or to the question in its place; errors are in it."""
        landing = Landing()
        try:
            if not self._ask(landing, variants, validate):
                self._ask(landing, variants, None)
        except Exception as error:  # noqa: BLE001 - raised again where the caller gets it
            landing.error = error
        if landing.download is None:
            self._over()
        return landing

    def _ask(self, landing: Landing, variants: Variants, validate: Validate | None) -> bool:
        """Whether that was an answer; else the request itself has to be sent."""
        question = self._question
        request = question.request if validate is None else question.validating(validate)
        sent = self._clock()
        self._begun = self._changes.now
        response = self._forward(request)
        try:
            arrival = Arrival(question.asked, _head(response, self._unkept), sent, self._clock())
            reception = received(arrival, validate, variants.entries, self._policy)
            landing.response = response
            if reception.serve is not None or reception.repeat:
                return self._instead(landing, reception, variants, validate)
            self._write(reception)
            self._take(landing, reception, response)
        except BaseException:
            response.close()
            raise
        return True

    def _instead(self, landing: Landing, reception: Reception, variants: Variants, validate: Validate | None) -> bool:
        """Answer out of an entry; False where its body has gone meanwhile, or the response tells nothing."""
        serve, response = reception.serve, landing.response
        if serve is not None and response is not None:
            variant = variants.of(serve.entry)
            if variant is None and validate is not None:
                variant = variants.of(validate.entry)
            if variant is not None:
                landing.body = self._store.body(self._question.key, variant) if serve.body else b""
            if landing.body is None and response.status_code != 304:
                # The service's own answer, whatever it is.
                return True
        if response is not None:
            response.close()
        self._write(reception)
        if serve is None or landing.body is None:
            return False
        landing.serve = serve
        if response is not None and response.status_code == 304:
            landing.share = serve.entry
        return True

    def _write(self, reception: Reception) -> None:
        key = self._question.key
        for url in reception.invalidate:
            if (other := self._question.key_of(url)) is not None:
                self._changes.add(other)
                if other == key:
                    # What the change itself answered is not older than it.
                    self._begun = self._changes.now
                self._store.delete(other)
        for old, new in reception.updates:
            until = 0.0 if new is None else useful_until(new, self._policy)
            self._store.replace(key, old, new, until)

    def _take(self, landing: Landing, reception: Reception, response: httpx.Response) -> None:
        """Keep the body, or see to it that it is kept while it is read."""
        landing.share = new = reception.share
        if new is None or (reception.put is None and not self._shared):
            return
        stream = response.stream
        if type(stream) is httpx.ByteStream:
            # At hand already, and reading the response need not lead over its stream.
            body = b"".join(stream)
            entry = completed(new, len(body)) if len(body) <= self._store.max_body else None
            landing.share, landing.body = entry, body
            self._keep(None if reception.put is None else entry, body)
        elif self._fits(response) and (reception.put is not None or "content-length" in response.headers):
            landing.download = Download(
                stream,  # type: ignore[arg-type]
                self._store.max_body,
                partial(self._collected, reception.put),
                Claim(self._room),
                shared=self._shared,
            )
        else:
            # Of a stream of events, say, there may never be an end to wait for.
            landing.share = None

    def _fits(self, response: httpx.Response) -> bool:
        """Whether the body is not known to be too large."""
        said = response.headers.get("content-length", "")
        return not (said.isascii() and said.isdigit()) or (len(said) < 16 and int(said) <= self._store.max_body)

    def _collected(self, put: Entry | None, body: bytes | None) -> None:
        self._keep(None if put is None or body is None else completed(put, len(body)), body)

    def _keep(self, entry: Entry | None, body: bytes | None) -> None:
        """Put a response into the store, unless what it is about has changed since it was asked for."""
        try:
            outdated = self._changes.latest(self._question.key) > self._begun
            if entry is not None and body is not None and not outdated:
                self._store.put(self._question.key, entry, body, useful_until(entry, self._policy))
        finally:
            self._over()


def _head(response: httpx.Response, unkept: str) -> Response:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    if unkept:
        # Which endpoint a session stays with is between that session and us.
        headers = tuple(
            (name, value)
            for name, value in headers
            if name.lower() != "set-cookie" or value.partition("=")[0].strip() != unkept
        )
    return Response(response.status_code, headers)
