"""A framework's own setting for a mesh: a table with the keys of meshclient.toml, and how requests are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from meshclient.errors import ConfigError
from meshclient.mesh import Mesh

if TYPE_CHECKING:
    from meshclient.integrations.options import InboundOptions

_KEYS = (
    "config",
    "resolver",
    "defaults",
    "services",
    "domains",
    "mode",
    "state_dir",
    "discovery",
    "telemetry",
    "inbound",
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What it says.

    Args:
        arguments: `Mesh`'s own; and ``config``, the path of a file.
        inbound: options of the middleware.
    """

    arguments: Mapping[str, object]
    inbound: InboundOptions

    @classmethod
    def parse(cls, value: object, name: str) -> Setting:
        """Read it; `name` is how its user knows it. Raises ConfigError for a key that is none."""
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} is {value!r}: write a dict such as {{'resolver': 'consul://127.0.0.1:8500'}}")
        unknown = sorted(str(key) for key in value if key not in _KEYS)
        if unknown:
            raise ConfigError(f"{name} has no key {unknown[0]!r}; there are {', '.join(_KEYS)}")
        inbound = value.get("inbound", {})
        if not isinstance(inbound, Mapping):
            raise ConfigError(f"{name}['inbound'] is {inbound!r}: write a dict such as {{'limit': 64}}")
        arguments = {key: each for key, each in value.items() if key != "inbound"}
        return cls(arguments, cast("InboundOptions", dict(inbound)))

    def options(self, mesh: Mesh, given: InboundOptions | None = None) -> InboundOptions:
        """Those of the middleware, where `given` ones are stronger."""
        return cast("InboundOptions", {"mesh": mesh, **self.inbound, **(given or {})})

    def mesh(self) -> Mesh:
        """The mesh it describes. Raises ConfigError as `Mesh` does."""
        arguments = dict(self.arguments)
        path = arguments.pop("config", None)
        return Mesh(**arguments) if path is None else Mesh.from_config(str(path), **arguments)  # type: ignore[arg-type]
