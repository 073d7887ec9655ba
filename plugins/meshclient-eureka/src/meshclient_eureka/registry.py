"""A copy of the registry as a value: made from a full answer, carried on by deltas.

Eureka's own client does the same (DiscoveryClient.updateDelta and Applications.getReconcileHashCode): a delta holds
every change of the last three minutes, so that most of it has been applied before, and ends with a hash code over the
whole registry, by which a client finds out that it has missed something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshclient.discovery.http_registry.fields import PayloadError
from meshclient_eureka.payload import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient_eureka.applications import Applications, Instance

Instances = Mapping[str, "Instance"]


@dataclass(frozen=True, slots=True)
class Registry:
    """All instances, by application in capitals and then by id."""

    apps: Mapping[str, Instances]

    @classmethod
    def of(cls, answer: Applications) -> Registry:
        """The registry in a full answer.

        Raises PayloadError where the answer names no instance while its own hash code counts some, and where not one
        record is well-formed: that is no registry that has become empty.
        """
        if not answer.instances and answer.malformed:
            raise PayloadError(f"none of its records is an instance; the first is {answer.malformed[0]}")
        if not answer.instances and answer.hash_code:
            raise PayloadError(f"it holds no instance, but its hash code counts {answer.hash_code!r}")
        apps: dict[str, dict[str, Instance]] = {}
        for instance in answer.instances:
            apps.setdefault(instance.app, {})[instance.id] = instance
        return cls(MappingProxyType(apps))

    def updated(self, delta: Applications) -> Registry:
        """The registry after a delta; what is unchanged stays the same object, so that a reader can tell.

        Raises PayloadError for a change that is none of ADDED, MODIFIED and DELETED.
        """
        changed: dict[str, dict[str, Instance]] = {}
        for instance in delta.instances:
            held = changed.get(instance.app, self.apps.get(instance.app, {}))
            if instance.action not in ("ADDED", "MODIFIED", "DELETED"):
                raise PayloadError(f"its change of {instance.id!r} is {instance.action!r}")
            gone = instance.action == "DELETED"
            if (instance.id not in held) if gone else (held.get(instance.id) == instance):
                continue
            target = changed.setdefault(instance.app, dict(held))
            target.pop(instance.id, None)
            if not gone:
                target[instance.id] = instance
        if not changed:
            return self
        return Registry(MappingProxyType({app: held for app, held in {**self.apps, **changed}.items() if held}))

    @property
    def hash_code(self) -> str:
        """The number of instances in each status: ``DOWN_1_UP_12_``."""
        counts = Counter(instance.status for held in self.apps.values() for instance in held.values())
        return "".join(f"{status}_{count}_" for status, count in sorted(counts.items()))

    def by_app(self, name: str) -> tuple[Instance, ...]:
        """The instances of an application, whatever the case of its name."""
        return tuple(self.apps.get(name.upper(), {}).values())

    def by_vip(self, name: str, *, secure: bool) -> tuple[Instance, ...]:
        """The instances of all applications that have this VIP address, or secure VIP address."""
        wanted = name.lower()
        return tuple(instance for instance, vips in self._with_vips(secure) if wanted in vips)

    def vips(self, *, secure: bool) -> list[str]:
        """All VIP addresses, or secure VIP addresses."""
        return sorted({vip for _, vips in self._with_vips(secure) for vip in vips} - {""})

    def _with_vips(self, secure: bool) -> Iterator[tuple[Instance, list[str]]]:  # noqa: FBT001 - as of the public ones
        key = "secureVipAddress" if secure else "vipAddress"
        for held in self.apps.values():
            for instance in held.values():
                yield instance, _vips(instance.record.get(key))


def _vips(value: object) -> list[str]:
    """The names in a VIP address: several stand side by side, and each may have a port that nobody uses."""
    try:
        return [part.strip().partition(":")[0].lower() for part in text(value, "").split(",")]
    except PayloadError:
        return []
