"""One service of a mesh as its callers have it: the list, its state, calls that are routed by it, all it was told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient import MeshTransport, ResolverUnavailable
from meshclient.mesh import Mesh
from meshclient.model.events import RegistryLost, SnapshotUpdated
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.events import Event
    from meshclient.model.report import SnapshotReport
    from meshclient.model.snapshot import Snapshot


class CalledService:
    """`name`, resolved by `resolver` on the process's discovery thread; instances answer without a network.

    Args:
        resolver: the one under test.
        name: the service.
        within: seconds that any change may take.
        secrets: texts that no cause and no source may show.
    """

    def __init__(self, resolver: Resolver, name: str, within: float, secrets: Sequence[str] = ()) -> None:
        self.name = name
        self._within = within
        self._secrets = secrets
        self._told: list[Event] = []
        self._mesh = Mesh(resolver, observers=[self._told.append])
        self._http = httpx.Client(transport=MeshTransport(self._mesh, httpx.MockTransport(_answered)))
        self._service = self._mesh.service(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._mesh.close()

    @property
    def snapshot(self) -> Snapshot:
        """The latest one."""
        return self._service.snapshot

    def until(self, accept: Callable[[Snapshot], bool], what: str) -> Snapshot:
        """The first snapshot from now on that `accept` accepts. Raises AssertionError where none comes in time."""
        end = time.monotonic() + self._within
        while not accept(snapshot := self.snapshot):
            left = end - time.monotonic()
            if left <= 0 or not self._service.watch.wait(snapshot, left):
                raise AssertionError(f"no sign of {what} within {self._within:g} s, but {_shown(snapshot)}")
        return snapshot

    def lists(self, places: Iterable[str]) -> Ready:
        """Wait until exactly these are listed; a call finds one of them, and is told that the list is the latest."""
        wanted = sorted(places)
        ready = self.until(lambda s: isinstance(s, Ready) and _places(s) == wanted, f"exactly {wanted[:5]}")
        assert isinstance(ready, Ready)
        assert self.call().state == "ready"
        return ready

    def fails(self, says: Sequence[str], *, since: float, places: Iterable[str], but: Failed | None = None) -> Failed:
        """Wait for an outage with these words, and for another report of it than `but`.

        It shows since when it lasts (not before `since`), it has the last list, and a call is served by that.
        """
        failed = self.until(
            lambda s: isinstance(s, Failed) and s is not but and all(word in s.cause for word in says),
            f"a failure with {says}",
        )
        assert isinstance(failed, Failed)
        assert failed.cause
        shown = [secret for secret in self._secrets if secret in failed.cause + failed.source]
        assert not shown, f"{len(shown)} secrets are shown in {failed.cause!r}"
        assert since <= failed.at <= time.monotonic()
        wanted = sorted(places)
        assert _places(failed) == wanted, f"the last list is lost: {_shown(failed)}"
        if not wanted:
            assert failed.last is None
            return failed
        assert isinstance(failed.last, Ready)
        assert failed.last.at <= failed.at
        age = time.monotonic() - failed.last.at
        report = self.call()
        assert (report.state, report.source) == ("failed", failed.source)
        assert report.cause
        assert report.age is not None
        assert report.age >= age > 0
        return failed

    def call(self) -> SnapshotReport:
        """A call, which is answered by an instance of the list; the report of that list."""
        response = self._http.get(f"http://{self.name}/")
        assert response.status_code == 200
        report = response.extensions["mesh"]
        assert response.text == f"{report.endpoint.host}:{report.endpoint.port}"
        assert response.text in {endpoint.authority for endpoint in self.snapshot.endpoints}
        found: SnapshotReport = report.snapshot
        return found

    def refuses(self, *, deadline: float) -> None:
        """A call that no list can serve is told so at its deadline, and that nothing was sent."""
        with pytest.raises(ResolverUnavailable, match="nothing was sent") as caught:
            self._http.get(f"http://{self.name}/", extensions={"mesh": {"deadline": deadline}})
        assert caught.value.mesh is not None
        assert caught.value.mesh.snapshot is not None
        assert caught.value.mesh.snapshot.state == "failed"

    def was_never_empty(self) -> None:
        """No answer so far said that there is no instance."""
        empty = [e for e in self._told if isinstance(e, SnapshotUpdated) and isinstance(e.snapshot, Empty)]
        assert not empty, empty

    def was_never_lost(self) -> None:
        """There was no outage so far."""
        lost = [event.snapshot.cause for event in self._told if isinstance(event, RegistryLost)]
        assert not lost, lost


def _answered(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text=f"{request.url.host}:{request.url.port or 80}")


def _places(snapshot: Snapshot) -> list[str]:
    return sorted(endpoint.authority for endpoint in snapshot.endpoints)


def _shown(snapshot: Snapshot) -> str:
    cause = snapshot.cause if isinstance(snapshot, Failed) else ""
    places = _places(snapshot)
    return f"{snapshot.state} {cause} with {len(places)} endpoints {places[:5]}"
