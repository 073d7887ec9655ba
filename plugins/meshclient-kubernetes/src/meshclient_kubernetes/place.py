"""Which Service, in which namespace, a name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient_kubernetes.options import LABEL

if TYPE_CHECKING:
    from meshclient.model.service import ServiceName


# What may stand behind service and namespace in a name of the cluster's own DNS; `cluster.local` is the domain of
# nearly every cluster. Under another one a name may mean a service of many clusters (KEP-1645), or of another cluster.
_SUFFIXES = (".svc", ".svc.cluster.local")


@dataclass(frozen=True, slots=True)
class Place:
    """A Service's name and namespace."""

    service: str
    namespace: str

    @classmethod
    def parse(cls, name: ServiceName, namespace: str) -> Place | None:
        """What ``service``, ``service.namespace`` or ``service.namespace.svc[.cluster.local]`` stands for.

        None where Kubernetes allows no such name.
        """
        suffix = next((suffix for suffix in _SUFFIXES if name.value.endswith(suffix)), "")
        short = name.value.removesuffix(suffix)
        service, dot, other = (short if "." in short else name.value).partition(".")
        place = cls(service, other if dot else namespace)
        return place if LABEL.fullmatch(place.service) and LABEL.fullmatch(place.namespace) else None

    def __str__(self) -> str:
        return f"service '{self.service}' in namespace '{self.namespace}'"
