"""Which Service, in which namespace, a name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient_kubernetes.options import LABEL

if TYPE_CHECKING:
    from meshclient.model.service import ServiceName


@dataclass(frozen=True, slots=True)
class Place:
    """A Service's name and namespace."""

    service: str
    namespace: str

    @classmethod
    def parse(cls, name: ServiceName, namespace: str) -> Place | None:
        """What ``service`` or ``service.namespace`` stands for; None where Kubernetes allows no such name."""
        service, dot, other = name.value.partition(".")
        place = cls(service, other if dot else namespace)
        return place if LABEL.fullmatch(place.service) and LABEL.fullmatch(place.namespace) else None

    def __str__(self) -> str:
        return f"service '{self.service}' in namespace '{self.namespace}'"
