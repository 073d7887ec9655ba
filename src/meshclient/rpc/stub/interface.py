"""The methods that an interface declares, of itself and of those it derives from."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.rpc.stub.route import ROUTE, Route

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Method:
    """One method as it stands in the interface."""

    name: str
    function: Callable[..., object]
    route: Route
    where: str


def methods(interface: type) -> tuple[list[Method], list[str]]:
    """The methods of an interface and of those it derives from, and a line for each that has no route."""
    found: list[Method] = []
    faults: list[str] = []
    for name in dir(interface):
        if name.startswith("_"):
            continue
        member = inspect.getattr_static(interface, name)
        route = getattr(member, ROUTE, None)
        where = f"{interface.__qualname__}.{name}"
        if not inspect.isfunction(member):
            faults.append(f"{where} is no method: a stub has nothing to give for it; let its name begin with '_'")
        elif route is None:
            faults.append(f"{where} has no route: decorate it with @get('/...') or another verb, or name it _{name}")
        else:
            found.append(Method(name, member, route, where))
    faults += [
        f"{interface.__qualname__}.{name} is no method: a stub has nothing to give for it"
        for each in interface.__mro__
        for name in inspect.get_annotations(each)
        if not name.startswith("_") and not hasattr(interface, name)
    ]
    if not found and not faults:
        faults = [f"{interface.__qualname__} has no method: write one and decorate it with @get('/...')"]
    return found, faults
