# Generated from src/meshclient/http/_async/caching/lookup.py by scripts/unasync.py; edit that file, then run `make sync`.
"""One call that the cache may answer."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from meshclient.core.caching.answer import Serve, Validate
from meshclient.core.caching.reuse import Unavailable, decide, joined
from meshclient.core.caching.staleness import ERRORS, fallback
from meshclient.core.caching.storing import completed
from meshclient.errors import DeadlineExceeded
from meshclient.http._sync.caching.asking import Asking
from meshclient.http._sync.caching.download import DownloadStream
from meshclient.http.caching.answers import copied, marked, served, unavailable, unreachable
from meshclient.http.caching.remaining import bounded
from meshclient.http.caching.variants import NOTHING
from meshclient.http.errors import deadline_exceeded
from meshclient.http.options import call_options
from meshclient.model.report import CallReport

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from meshclient.http._sync.caching.callbacks import Forward, Step
    from meshclient.http._sync.caching.flight import Flight, Flights, Landing
    from meshclient.http._sync.caching.store import Store
    from meshclient.http.caching.lonely import Lonely
    from meshclient.http.caching.question import Question
    from meshclient.http.caching.shelf import Rule, Shelf
    from meshclient.http.caching.variants import Variants
    from meshclient.mesh import MeshService

# How often a call begins anew because the one it waited for came to nothing; after that it goes by itself.
_TRIES = 3


class Lookup:
    """One call.

    Args:
        question: its request.
        rule: of its route.
        shelf: of its service.
        store: where responses are kept.
        service: the service's running state.
        forward: the rest of the way to it.
        flights: what is under way.
        lonely: what is not to be waited for.
        refresh: begins to ask in the background whether an entry still holds.
    """

    def __init__(  # noqa: PLR0917 - what a call consists of
        self,
        question: Question,
        rule: Rule,
        shelf: Shelf,
        store: Store,
        service: MeshService,
        forward: Forward,
        flights: Flights,
        lonely: Lonely,
        refresh: Callable[[Validate], None],
    ) -> None:
        self._question = question
        self._rule = rule
        self._shelf = shelf
        self._store = store
        self._service = service
        self._way = forward
        self._flights = flights
        self._lonely = lonely
        self._refresh = refresh
        self._most = service.config.max_response
        self._started = service.clock()
        self._ends = inf
        self._given: float | None = None

    def run(self) -> httpx.Response:
        """The response; raises what the way to the service raises."""
        question, policy = self._question, self._rule.policy
        variants, validate = NOTHING, None
        for _ in range(_TRIES):
            variants = self._store.get(question.key, question.asked.fields)
            decision = decide(question.asked, variants.entries, self._shelf.clock(), policy)
            if isinstance(decision, Unavailable):
                self._shelf.lookups.miss += 1
                return unavailable(self._service.name)
            if isinstance(decision, Serve):
                response = self._serve(decision, variants)
                if response is not None:
                    if decision.refresh is not None:
                        self._refresh(decision.refresh)
                    return response
                # Its body has gone.
                variants = NOTHING
            validate = decision if isinstance(decision, Validate) else None
            response = self._ask(variants, validate)
            if response is not None:
                return response
        return self._alone(variants, validate)

    def unanswered(self) -> httpx.Response:
        """The service's own response to a request that no entry answers, which may change what is kept."""
        landing = self._asking(shared=False, over=_nothing).landing(NOTHING, None)
        if landing.error is not None:
            raise landing.error
        response, download = landing.response, landing.download
        assert response is not None  # noqa: S101 - there is one where there is no error
        if download is not None:
            response.stream = DownloadStream(download, download.close)
        return response

    def refreshed(self, validate: Validate) -> None:
        """Ask whether an entry still holds, and keep what the service says."""
        variants = self._store.get(self._question.key, self._question.asked.fields)
        landing = self._asking(shared=False, over=_nothing).landing(variants, validate)
        try:
            if landing.download is not None:
                landing.download.whole(_unlimited)
        finally:
            landing.close()

    def _serve(self, serve: Serve, variants: Variants, story: object = None) -> httpx.Response | None:
        """The answer out of an entry; None where its body is not to be had."""
        body: bytes | None = b""
        if serve.body:
            variant = variants.of(serve.entry)
            body = None if variant is None else self._store.body(self._question.key, variant)
        if body is None:
            return None
        if serve.stale:
            self._shelf.lookups.stale += 1
        else:
            self._shelf.lookups.hit += 1
        return served(serve, body, marked(story, self._service.name, "stale" if serve.stale else "hit"), self._most)

    def _ask(self, variants: Variants, validate: Validate | None) -> httpx.Response | None:
        """The response of the service, perhaps to another who asked the same; None: look again."""
        key = None
        if self._rule.coalesce:
            since = self._shelf.changes.latest(self._question.key)
            key = self._question.flight(variants.varying, since)
        if key is None or self._lonely.knows(key, self._service.clock()):
            return self._alone(variants, validate)
        flight, first = self._flights.board(key)
        # Whoever comes after the head wants what is so now: a body may be read for as long as its reader likes.
        waited = flight.landing is None
        handed_over = False
        try:
            fetch = partial(self._fly, flight, variants, validate)
            while flight.landing is None:
                if not flight.landed(fetch, inf if first else self._left()):
                    return self._instead(self._late(), variants)
            landing = flight.landing
            if not first:
                return self._shared(flight, landing, variants, validate, waited=waited)
            flight.claimed = True
            handed_over = landing.download is not None
            return self._own(landing, variants, partial(self._flights.leave, flight))
        finally:
            if not handed_over:
                self._flights.leave(flight)

    def _fly(self, flight: Flight, variants: Variants, validate: Validate | None) -> None:
        asking = self._asking(shared=True, over=partial(self._flights.forget, flight))
        flight.land(asking.landing(variants, validate))

    def _alone(self, variants: Variants, validate: Validate | None) -> httpx.Response:
        landing = self._asking(shared=False, over=_nothing).landing(variants, validate)
        download = landing.download
        return self._own(landing, variants, _done if download is None else download.close)

    def _asking(self, *, shared: bool, over: Callable[[], None]) -> Asking:
        return Asking(
            self._question, self._rule.policy, self._store, self._forward, self._shelf, shared=shared, over=over
        )

    def _forward(self, request: httpx.Request) -> httpx.Response:
        # Time that was spent waiting for another call counts.
        with nullcontext() if self._ends == inf else bounded(self._ends):
            return self._way(request)

    def _own(self, landing: Landing, variants: Variants, left: Step) -> httpx.Response:
        """What the caller gets who asked the service."""
        lookups, name = self._shelf.lookups, self._service.name
        if landing.error is not None:
            return self._instead(landing.error, variants)
        response = landing.response
        assert response is not None  # noqa: S101 - there is one where there is no error
        if landing.serve is not None:
            confirmed = response.status_code == 304
            if confirmed:
                lookups.revalidated += 1
            else:
                lookups.stale += 1
            report = marked(response.extensions.get("mesh"), name, "revalidated" if confirmed else "stale")
            return served(landing.serve, landing.body or b"", report, self._most)
        self._count_miss(variants)
        if landing.download is not None:
            response.stream = DownloadStream(landing.download, left)
        return response

    def _shared(
        self,
        flight: Flight,
        landing: Landing,
        variants: Variants,
        validate: Validate | None,
        *,
        waited: bool,
    ) -> httpx.Response | None:
        """What the others get; None: look again."""
        entry, error = landing.share, landing.error
        join = partial(joined, self._question.asked, waited=waited)
        if self._anothers(error):
            return None
        response = landing.response
        failed = 0 if response is None else response.status_code
        if response is not None and failed in ERRORS and landing.serve is not None:
            stale = self._stale(variants, failed, response.extensions.get("mesh"))
            return stale or self._alone(variants, validate)
        if error is None and (entry is None or join(entry, self._shelf.clock()) is None):
            if entry is None and failed not in ERRORS:
                self._lonely.add(flight.key[0], self._service.clock())
            self._flights.forget(flight)
            return self._alone(variants, validate)
        body, download = landing.body, landing.download
        if download is not None:
            if not download.whole(self._left):
                return self._instead(self._late(), variants)
            body, error = download.body, download.error
            if self._anothers(error):
                return None
        if error is not None:
            return self._instead(copied(error, self._question.request), variants)
        if download is not None and entry is not None and body is not None:
            entry = completed(entry, len(body))
        serve = None if entry is None else join(entry, self._shelf.clock())
        if body is None or serve is None:
            return self._alone(variants, validate)
        self._shelf.lookups.coalesced += 1
        return served(serve, body, CallReport(self._service.name, cache="coalesced"), self._most)

    def _anothers(self, error: Exception | None) -> bool:
        """Whether it was the time of the one who asked that was up, not of this one."""
        return isinstance(error, DeadlineExceeded) and self._left() > 0

    def _instead(self, error: Exception, variants: Variants) -> httpx.Response:
        """What is kept, in the place of an error; raises that where there is nothing."""
        if unreachable(error):
            response = self._stale(variants, None, getattr(error, "mesh", None))
            if response is not None:
                return response
        self._count_miss(variants)
        raise error

    def _stale(self, variants: Variants, status: int | None, story: object) -> httpx.Response | None:
        """What is kept, in the place of an answer with this status or of none, if that is permitted."""
        serve = fallback(self._question.asked, variants.entries, self._shelf.clock(), self._rule.policy, status)
        return None if serve is None else self._serve(serve, variants, story)

    def _count_miss(self, variants: Variants) -> None:
        if variants.reached:
            self._shelf.lookups.miss += 1
        else:
            self._shelf.lookups.store_error += 1

    def _left(self) -> float:
        """Seconds until the call's deadline; infinity without one."""
        if self._given is None:
            self._given = call_options(self._question.request, self._service).deadline
            self._given = inf if self._given is None else self._given
            self._ends = self._started + self._given
        return self._ends - self._service.clock()

    def _late(self) -> Exception:
        report = CallReport(self._service.name, snapshot=self._service.snapshot_report(), deadline_left=0.0)
        return deadline_exceeded(report, self._question.request, self._given or 0.0)


def _nothing() -> None:
    pass


def _done() -> None:
    pass


def _unlimited() -> float:
    return inf
