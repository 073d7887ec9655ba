"""``MESHCLIENT_…`` variables: which exist, and what those that are set say.

A variable's name is the path in capitals, joined by ``__``. As it cannot spell every service name, a service is matched
by its name in capitals with ``_`` for everything but letters and digits, among the services that other sources name;
a variable may also bring a service of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from meshclient.config.kinds import Kind, Spelled
from meshclient.config.layers import Reading
from meshclient.config.origin import Layer, Origin, Path
from meshclient.config.schema import ROOT, SERVICE, Table
from meshclient.config.shape import folded_name
from meshclient.model.service import ServiceName

PREFIX = "MESHCLIENT_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
SIDECAR_VARIABLE = f"{PREFIX}SIDECAR_URL"
_SERVICES = f"{PREFIX}SERVICES__"
_ALMOST_OF_A_SERVICE = re.compile(rf"{PREFIX}SERVICES?_+(.+)")

# Read elsewhere: by the command line and the scripts that start servers.
RESERVED = (
    CONFIG_VARIABLE,
    f"{PREFIX}OUTPUT",
    SIDECAR_VARIABLE,
    f"{PREFIX}REQUIRE_SERVERS",
    f"{PREFIX}ENVOY",
)
_ROUTES = re.compile(r"__ROUTES(?:__|$)")
# And what `meshclient watch` tells the command that it runs, which may be one of ours, and meshclient_aws.ecs reads.
_RESERVED_FAMILY = re.compile(rf"{PREFIX}(?:SERVERS_.*|.+_BIN|SERVICE|STATE|VERSION|ENDPOINTS|PORT|REGISTRY|ECS_.*)")


@dataclass(frozen=True, slots=True)
class Environment:
    """What the variables say.

    Args:
        reading: their leaves and problems.
        warnings: variables that mean nothing, each with a suggestion.
        unspelled: services that are named here and nowhere else.
    """

    reading: Reading
    warnings: tuple[str, ...]
    unspelled: frozenset[str]


def variables(services: Iterable[str]) -> dict[str, list[Path]]:
    """Every variable there is for these services, with the places it sets; several where names fold into one."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in _paths(ROOT, ()):
        found[PREFIX + "__".join(path).upper()].append(path)
    for service in services:
        own = _SERVICES + folded_name(service).upper()
        found[own].append(("services", service, "endpoints"))
        for path in _paths(SERVICE, ()):
            found[f"{own}__{'__'.join(path).upper()}"].append(("services", service, *path))
    return dict(found)


def read_environment(environ: Mapping[str, str], services: Iterable[str]) -> Environment:
    """Read the variables, given the services that other sources name. An empty variable counts as not set."""
    given = {name: text for name, text in sorted(environ.items()) if name.startswith(PREFIX) and text.strip()}
    elsewhere = set(services)
    known = variables(elsewhere)
    own = {name for variable in given if variable not in known for name in _brought(variable)}
    known |= variables(own)
    reading, warnings = Reading(), []
    setter: dict[Path, str] = {}
    for variable, text in given.items():
        for path in known.get(variable, ()):
            origin = Origin(Layer.ENVIRONMENT, variable)
            if path in setter:
                reading.reject(path, origin, f"{setter[path]} sets this too: unset one of them")
            setter[path] = variable
            reading.take(nested(path, Spelled(text)), origin)
        if variable not in known and variable not in RESERVED and not _RESERVED_FAMILY.fullmatch(variable):
            warnings.append(_unknown(variable, elsewhere | own))
    return Environment(reading, tuple(warnings), frozenset(own))


def nested(path: Path, value: object) -> object:
    """`value` inside the tables of `path`."""
    for key in reversed(path):
        value = {key: value}
    return value


def _paths(table: Table, parent: Path) -> Iterator[Path]:
    for key, node in table.keys.items():
        path = (*parent, key)
        if isinstance(node, Kind) or (isinstance(node, Table) and node.switch):
            yield path
        if isinstance(node, Table):
            yield from _paths(node, path)


def _segment(variable: str) -> str:
    name = variable.removeprefix(_SERVICES).partition("__")[0].lower()
    try:
        return ServiceName(name).value if variable.startswith(_SERVICES) else ""
    except ValueError:
        return ""


def _brought(variable: str) -> list[str]:
    name = _segment(variable)
    return [name] if name and variable in variables([name]) else []


def _respelled(variable: str) -> str:
    """`variable` of a service with two underscores where one stands, or nothing."""
    found = _ALMOST_OF_A_SERVICE.fullmatch(variable)
    if found is None:
        return ""
    keys = ("ENDPOINTS", *("__".join(path).upper() for path in _paths(SERVICE, ())))
    for key in sorted(keys, key=len, reverse=True):
        name = found[1].removesuffix(f"_{key}").strip("_")
        if name and "__" not in name and found[1].endswith(f"_{key}"):
            return f"{_SERVICES}{name}__{key}"
    return ""


def _unknown(variable: str, services: set[str]) -> str:
    # Without the prefix: it would make any two names look alike.
    candidates = [v.removeprefix(PREFIX) for v in (*variables(services | {_segment(variable)} - {""}), *RESERVED)]
    if _ROUTES.search(variable):
        hint = "routes are set in a file or by an argument"
    elif respelled := _respelled(variable):
        hint = f"did you mean {respelled}?"
    elif close := get_close_matches(variable.removeprefix(PREFIX), candidates, 1):
        hint = f"did you mean {PREFIX}{close[0]}?"
    else:
        hint = f"variables are spelt like {PREFIX}DEFAULTS__DEADLINE"
    return f"{variable} sets nothing and is ignored: {hint}"
