"""What somebody says of the world that a configuration is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Given:
    """Numbers from outside.

    Args:
        hosts: how many have processes with this configuration; 0 where nobody says.
        processes: on each of them.
        sizes: endpoints by service.
        rates: calls a second from one process, by service.
        calls: chains of services, each calling the next.
        names: services that are called, beside those that the configuration names.
    """

    hosts: int = 0
    processes: int = 1
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    rates: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    calls: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()

    @property
    def clients(self) -> int:
        """Processes altogether."""
        return self.hosts * self.processes
