"""Which hosts are services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEME = "mesh"
_SCHEMES = frozenset({"http", "https", SCHEME})


@dataclass(frozen=True, slots=True)
class Naming:
    """Tells the name of a service from a host of the outside world.

    Args:
        configured: whether the configuration speaks of a name; such a name is a service even with dots in it.
        domains: hosts beneath one of these are services.
        resolves: whether there is a resolver to ask for any other name.
    """

    configured: Callable[[str], bool]
    domains: tuple[str, ...]
    resolves: bool

    def service(self, scheme: str, host: str) -> ServiceName | None:
        """The service that a URL with this scheme and host means, or None where httpx shall send as usual.

        Every ``mesh://`` URL names a service; raises ConfigError where no service can have that name. Of ``http://``
        and ``https://``, IP addresses, ``localhost`` and hosts with a dot under no configured domain are never
        services; what is left must be configured, or there must be somebody to ask.
        """
        if scheme not in _SCHEMES or not host:
            return None
        folded = host.lower().removesuffix(".")
        name = self._below_domain(folded)
        asked = self.resolves and (name != folded or "." not in name)
        if scheme != SCHEME and (name == "localhost" or not (asked or self.configured(name))):
            return None
        try:
            return ServiceName.parse(name)
        except ValueError as exc:
            if scheme != SCHEME:
                return None
            msg = f"{scheme}://{host}: {exc}"
            raise ConfigError(msg) from None

    def _below_domain(self, host: str) -> str:
        below = [domain for domain in self.domains if host.endswith(f".{domain}")]
        return host.removesuffix(f".{max(below, key=len)}") if below else host
