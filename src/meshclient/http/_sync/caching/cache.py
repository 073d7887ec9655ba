# Generated from src/meshclient/http/_async/caching/cache.py by scripts/unasync.py; edit that file, then run `make sync`.
"""The cache as a step of a call: answers out of what is kept, or asks the service and keeps what it says.

What may be kept and served is decided by `meshclient.core.caching`; here is what that takes: stores, streams, waiting
for each other, and calls in the background.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from meshclient.core.caching.vary import label
from meshclient.http._sync.caching.flight import Flights, place
from meshclient.http._sync.caching.lookup import Lookup
from meshclient.http._sync.caching.store import SharedVariants
from meshclient.http.ambient import AMBIENT, NOTHING
from meshclient.http.caching.lonely import Lonely
from meshclient.http.caching.memory import MemoryStore
from meshclient.http.caching.question import Question
from meshclient.http.errands import Errands

if TYPE_CHECKING:
    import httpx

    from meshclient.core.caching.answer import Validate
    from meshclient.core.caching.policy import Policy
    from meshclient.http._sync.caching.callbacks import Forward
    from meshclient.http._sync.caching.store import Store
    from meshclient.http.caching.shelf import Rule, Shelf
    from meshclient.mesh import MeshService


class Cache:
    """The cache of one service in one client or transport.

    Equal GETs that wait at the same time make one call: each gets what it brought, its error too; those it says
    nothing to (the response is for its caller alone, or that caller's own time was up) go by themselves.

    Args:
        shelf: what is kept, for all clients of a mesh.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self._flights = Flights()
        self._lonely = Lonely()
        self._errands = Errands()
        self._stores: dict[Policy, Store] = {}
        self._refreshing: set[tuple[str, str]] = set()
        shelf.users.add(self, place())

    def send(self, request: httpx.Request, service: MeshService, forward: Forward) -> httpx.Response:
        """The response to `request`; raises what `forward` raises.

        Args:
            request: as httpx made it, addressed to the service.
            service: the service's running state.
            forward: the rest of the way to it; may also be called once this has returned, for the background.
        """
        rule = self.shelf.rule(request.url.path)
        if rule is None:
            return forward(request)
        question = Question(request, self.shelf.service)
        if question.answerable and question.has_content:
            # Neither answered nor kept: the same URL with another body is another question.
            self.shelf.lookups.bypass += 1
            return forward(request)
        lookup = self._lookup(question, rule, service, forward)
        if question.bypasses:
            self.shelf.lookups.bypass += 1
            return lookup.unanswered()
        return lookup.run()

    def close(self) -> None:
        """Wait about a second for what goes on in the background, give up the rest, and all that is under way."""
        self._errands.close()
        self._flights.close()
        if self.shelf.users.leave(self):
            self.shelf.store.close()

    def _lookup(self, question: Question, rule: Rule, service: MeshService, forward: Forward) -> Lookup:
        return Lookup(
            question,
            rule,
            self.shelf,
            self._store(rule.policy),
            service,
            forward,
            self._flights,
            self._lonely,
            partial(self._begin_refresh, question, rule, service, forward),
        )

    def _store(self, policy: Policy) -> Store:
        store = self.shelf.store
        if isinstance(store, MemoryStore):
            return store
        found = self._stores.get(policy)
        if found is None:
            found = self._stores[policy] = SharedVariants(store, policy, self.shelf.clock)
        return found

    def _begin_refresh(
        self, question: Question, rule: Rule, service: MeshService, forward: Forward, validate: Validate
    ) -> None:
        """Ask in the background whether an entry still holds, unless somebody does already."""
        self._errands.renew()
        name = question.key, label(validate.entry.stored.variant)
        if name in self._refreshing:
            return
        self._refreshing.add(name)
        refresh = partial(self._refresh, question, rule, service, forward, validate)
        self._errands.begin(refresh, partial(self._refreshing.discard, name))

    def _refresh(
        self, question: Question, rule: Rule, service: MeshService, forward: Forward, validate: Validate
    ) -> None:
        # The time of the call that found the entry stale is its own.
        AMBIENT.set(NOTHING)
        # Whatever goes wrong: the entry stays as it is, and the next call that finds it stale asks again.
        with suppress(Exception):
            self._lookup(question.background(validate), rule, service, forward).refreshed(validate)
