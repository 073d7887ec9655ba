"""What a list and a watch say, and what it does to what is known.

Versions are opaque to clients but for one thing, which has always held for what etcd keeps: those of one resource grow
(KEP-5504). One that falls behind means another history, that of an etcd that was restored or replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import EXCERPT, PayloadError, array, document, table, text
from meshclient_kubernetes.decode import Slice, decode_slice
from meshclient_kubernetes.errors import KubernetesExpired, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient_kubernetes.options import PortChoice

_CHANGES = ("ADDED", "MODIFIED", "DELETED")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: the slices, the version they stand for, and where the next page begins, or empty."""

    slices: tuple[Slice, ...]
    version: str
    rest: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a watch.

    Args:
        kind: ADDED, MODIFIED, DELETED or BOOKMARK.
        version: the version up to which everything has been said.
        slice: the slice concerned; None for a bookmark.
    """

    kind: str
    version: str
    slice: Slice | None = None


@dataclass(slots=True)
class View:
    """The slices of a service, and the version up to which they are known."""

    version: str = ""
    slices: dict[str, Slice] = field(default_factory=dict)

    def take(self, page: Page) -> None:
        """Add a page of the list that the view begins with."""
        self.version = page.version
        self.slices.update({each.name: each for each in page.slices})

    def apply(self, event: Event) -> None:
        """Take an event over. Raises KubernetesExpired where its version lies before the one that is known."""
        if _is_behind(event.version, self.version):
            raise KubernetesExpired(f"versions went back from {self.version} to {event.version}: another history")
        self.version = event.version
        if event.slice is None:
            return
        if event.kind == "DELETED":
            self.slices.pop(event.slice.name, None)
        else:
            self.slices[event.slice.name] = event.slice


def decode_page(body: bytes, choice: PortChoice) -> Page:
    """The page in the body of a list. Raises PayloadError where it is none."""
    page = document(body)
    metadata = table(page.get("metadata"), "metadata")
    version = text(metadata.get("resourceVersion"), "metadata.resourceVersion")
    if not version or "items" not in page:
        raise PayloadError(f"it is no list with a resourceVersion; it begins {body[:EXCERPT]!r}")
    items = [table(item, "an item") for item in array(page["items"], "items")]
    slices = tuple(decode_slice(item, choice) for item in items)
    return Page(slices, version, text(metadata.get("continue"), "metadata.continue"))


def decode_event(line: bytes, choice: PortChoice) -> Event | Refusal:
    """The event in a line of a watch, or what an ERROR event refuses. Raises PayloadError where it is neither."""
    event = document(line)
    kind = text(event.get("type"), "type")
    item = table(event.get("object"), "object")
    if kind == "ERROR":
        return decode_status(item) or Refusal(500, "an error without a code")
    metadata = table(item.get("metadata"), "metadata")
    version = text(metadata.get("resourceVersion"), "metadata.resourceVersion")
    if not version or kind not in (*_CHANGES, "BOOKMARK"):
        raise PayloadError(f"it is no event of a watch; it begins {line[:EXCERPT]!r}")
    return Event(kind, version, None if kind == "BOOKMARK" else decode_slice(item, choice))


def decode_status(status: Mapping[str, object]) -> Refusal | None:
    """What a ``Status`` object says; None where it is none."""
    code = status.get("code")
    if type(code) is not int:
        return None
    details = table(status.get("details"), "details", optional=True)
    seconds = details.get("retryAfterSeconds")
    message = text(status.get("message"), "message") or text(status.get("reason"), "reason")
    return Refusal(code, message, seconds if type(seconds) is int else None)


def _is_behind(version: str, known: str) -> bool:
    return _is_number(version) and _is_number(known) and int(version) < int(known)


def _is_number(version: str) -> bool:
    return version.isascii() and version.isdigit() and len(version) < 20
