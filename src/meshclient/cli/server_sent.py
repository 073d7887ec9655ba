"""Reading server-sent events (WHATWG HTML, section 9.2.6), as far as administration sends them. Sans I/O."""

from __future__ import annotations


class EventReader:
    """Makes events of what one stream sends."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[tuple[str, str]]:
        """The events that are whole now, each with its name and its data; comments are left out."""
        *blocks, self._rest = (self._rest + text).split("\n\n")
        found = []
        for block in blocks:
            fields: dict[str, list[str]] = {}
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                fields.setdefault(name, []).append(value.removeprefix(" "))
            if "data" in fields:
                found.append((fields.get("event", ["message"])[-1], "\n".join(fields["data"])))
        return found
