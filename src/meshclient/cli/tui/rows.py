"""What stands in the tables of the live screen: rows out of a state. Pure.

Every state is told in a word, so that nothing depends on colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.endpoints import STYLES, address, state
from meshclient.cli.figures import count, latency, percent, rate
from meshclient.cli.render import Cell, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshclient.cli.attached import Document

SERVICES = (
    Column("SERVICE"),
    Column("UP", right=True),
    Column("RPS", right=True),
    Column("SUCCESS", right=True),
    Column("P50", right=True),
    Column("P99", right=True),
    Column("RETRIES", right=True),
    Column("CIRCUIT"),
)
ENDPOINTS = (
    Column("ENDPOINT"),
    Column("SHARE", right=True),
    Column("RPS", right=True),
    Column("P50", right=True),
    Column("P99", right=True),
    Column("BUSY", right=True),
    Column("ZONE"),
    Column("STATE"),
)
_LISTS = {"failed": "list failed", "empty": "no list", "pending": "waits for its list"}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Args:
        key: by which it is found again when everything around it has changed.
        cells: under the table's columns.
    """

    key: str
    cells: tuple[Cell, ...]


# What services are sorted by, each with the order: the worst, or the busiest, first.
ORDERS: dict[str, Callable[[Document], tuple[float, str]]] = {
    "name": lambda each: (0.0, each["service"]),
    "rps": lambda each: (-(each["rps"] or 0.0), each["service"]),
    "success": lambda each: (-(each["error_ratio"] or 0.0), each["service"]),
    "p99": lambda each: (-(each["p99_seconds"] or 0.0), each["service"]),
    "retries": lambda each: (-(each["retry_ratio"] or 0.0), each["service"]),
}


def services(found: Sequence[Document], order: str, wanted: str) -> list[Row]:
    """Those whose names contain `wanted`, sorted by `order`."""
    shown = [each for each in found if wanted.lower() in each["service"].lower()]
    return [Row(each["service"], _service(each)) for each in sorted(shown, key=ORDERS[order])]


def endpoints(found: Sequence[Document]) -> list[Row]:
    """The endpoints of one service."""
    return [Row(_key(each), _endpoint(each)) for each in found]


def _service(one: Document) -> tuple[Cell, ...]:
    errors, circuit = one["error_ratio"], one["circuit"]["state"]
    trouble = _LISTS.get(one["state"])
    up = f"{one['available']}/{one['endpoints']}" + (" panic" if one["panic"] else "")
    standing = circuit if trouble is None else trouble if circuit in {"closed", "off"} else f"{circuit}, {trouble}"
    return (
        Cell(one["service"]),
        Cell(up, "red" if one["panic"] else ""),
        Cell(rate(one["rps"])),
        Cell(percent(None if errors is None else 1 - errors), "red" if errors else ""),
        Cell(latency(one["p50_seconds"])),
        Cell(latency(one["p99_seconds"])),
        Cell(percent(one["retry_ratio"]), "yellow" if one["retry_ratio"] else ""),
        Cell(standing, "red" if trouble else STYLES.get(circuit, "")),
    )


def _endpoint(one: Document) -> tuple[Cell, ...]:
    return (
        Cell(address(one)),
        Cell(percent(one["share"])),
        Cell(rate(one["rps"])),
        Cell(latency(one["p50_seconds"])),
        Cell(latency(one["p99_seconds"])),
        Cell(count(one["in_flight"])),
        Cell(one["zone"] or ""),
        state(one),
    )


def _key(endpoint: Document) -> str:
    # Several may listen at one address, and then their ids tell them apart; without one the address does.
    return str(endpoint["id"] or endpoint["url"])
