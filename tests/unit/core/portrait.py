"""All that a balancer, a circuit or a budget remembers, as a value: two with the same portrait behave alike.

What is reached by attributes is taken in whatever it is called, so that nothing which is added later is left out. What
does not belong to the past is left out: chance and clocks, locks, and whom to tell.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum
from types import FunctionType, MethodType

from meshclient.core.balance.balancer import Balancer
from meshclient.core.balance.node import Node
from meshclient.core.balance.pick import Pick
from meshclient.core.throttle import Throttle
from meshclient.core.window import Window
from meshclient.model.endpoint import Endpoint
from meshclient.model.outcome import Outcome

_AS_IT_IS = frozenset({type(None), bool, str, int, float, Endpoint, Outcome})
# Chance, locks, whom to tell, and what is still to be told; the rules, which are given and stay; tables, which follow
# from the weights; and what leads back to its owner.
_LEFT_OUT = frozenset(
    {"_uniform", "_lock", "_emit", "_shadow", "_news", "_events", "unsaid", "_outlier", "_weighing", "_clock", "_wall"}
    | {"_alias", "_table", "_breaker", "_circuit"}
)
_KNOWN: dict[type, tuple[str, ...]] = {}


def portrait(value: object) -> object:
    """`value` as nothing but tuples, numbers and texts."""
    if type(value) in _AS_IT_IS or isinstance(value, Enum):
        return value
    if isinstance(value, Mapping):
        return tuple((portrait(key), portrait(one)) for key, one in value.items())
    if isinstance(value, set | frozenset):
        return frozenset(portrait(one) for one in value)
    if isinstance(value, list | tuple | deque):
        return tuple(portrait(one) for one in value)
    if isinstance(value, FunctionType | MethodType | type):
        return None
    return _portrait_of_an_object(value)


def _portrait_of_an_object(value: object) -> object:
    if isinstance(value, Window):
        # For speed: there is nothing in it but numbers and lists of numbers.
        return repr([getattr(value, name) for name in _slots(value)])
    if isinstance(value, Node):
        # Drawn once, by the balancer that keeps it.
        return value.key
    if isinstance(value, Pick):
        return value.node.key, value.started, value.probe, value.answered, value.latency
    if isinstance(value, Throttle):
        return portrait(value.window), value.blanket is value, value._begun, value._streak
    nodes = tuple(map(_node, value._nodes.values())) if isinstance(value, Balancer) else ()
    return nodes, _inside(value)


def _node(node: Node) -> object:
    return tuple(portrait(getattr(node, name)) for name in Node.__slots__)


def _inside(value: object) -> object:
    names = [*_slots(value), *(name for name in getattr(value, "__dict__", ()) if name not in _LEFT_OUT)]
    return tuple([(name, portrait(getattr(value, name))) for name in names])


def _slots(value: object) -> tuple[str, ...]:
    kind = type(value)
    if kind not in _KNOWN:
        names = [name for one in kind.__mro__ for name in getattr(one, "__slots__", ())]
        _KNOWN[kind] = tuple(name for name in names if name not in _LEFT_OUT and not name.startswith("__"))
    return _KNOWN[kind]
