"""The live screen: services, the endpoints of one of them, and the last decisions."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.widgets import DataTable, Footer, Input, Static

from meshclient.cli.attached import Attached
from meshclient.cli.complaint import CommandError
from meshclient.cli.endpoints import many
from meshclient.cli.figures import span
from meshclient.cli.render import printable
from meshclient.cli.tap import clock
from meshclient.cli.tui import rows
from meshclient.cli.tui.feed import follow
from meshclient.cli.tui.question import Question
from meshclient.cli.tui.table import Table

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from meshclient.cli.attached import Document

_SHOWN = 5
_STYLES = {"good": "green", "bad": "red", "note": "bold"}


class Top(App[None]):
    """Over one process.

    Args:
        process: whom to ask.
        spare: the same once more, for actions.
    """

    TITLE = "meshclient top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head, #which, #news, #what { height: 1; }
    #head, #which, #news { text-style: bold; }
    Static { text-wrap: nowrap; text-overflow: ellipsis; }
    Question Static { text-wrap: wrap; }
    #services, #endpoints { height: 1fr; min-height: 3; }
    #decisions { height: 5; }
    #filter { display: none; height: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("e", "eject", "Eject"),
        Binding("r", "reset", "Reset"),
        Binding("escape", "leave", "Back"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, process: Attached, spare: Attached) -> None:
        super().__init__()
        self._process, self._spare = process, spare
        self._state: Document | None = None
        self._pid: int | None = None
        self._trouble = ""
        self._order, self._wanted = "name", ""
        self._lines: deque[Document] = deque(maxlen=_SHOWN)
        self._head, self._what, self._which, self._decisions = (
            Static(id=name, markup=False) for name in ("head", "what", "which", "decisions")
        )
        self._services, self._endpoints = Table(rows.SERVICES, id="services"), Table(rows.ENDPOINTS, id="endpoints")
        hint = "part of a service's name; enter keeps it, escape drops it"
        self._filter = Input(id="filter", placeholder=hint)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self._head
        yield self._what
        yield self._services
        yield self._which
        yield self._endpoints
        yield Static("last decisions", id="news", markup=False)
        yield self._decisions
        yield self._filter
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Begin to follow the process."""
        self._services.focus()
        self._draw()
        self.run_worker(follow(self._process, self), exit_on_error=True)

    # Told by the feed.

    def seen(self, state: Document) -> None:
        """As `Watcher.seen`."""
        pid = state["process"]["pid"]
        if self._pid is not None and pid != self._pid:
            self._note(f"process {self._pid} has gone; process {pid} is at its address now")
        elif self._trouble:
            self._note(f"process {pid} answers again")
        self._state, self._pid, self._trouble = state, pid, ""
        self._draw()

    def decided(self, decisions: list[Document]) -> None:
        """As `Watcher.decided`."""
        if len(decisions) != 1:
            # All that a process remembers: of another process, or what is here already.
            known = {(each["time"], each["words"]) for each in self._lines}
            decisions = [each for each in decisions if (each["time"], each["words"]) not in known]
        self._lines.extend(decisions)
        self._draw()

    def lost(self, why: str) -> None:
        """As `Watcher.lost`."""
        if not self._trouble:
            self._note(f"not connected, trying again each second: {why}")
        self._trouble = why
        self._draw()

    # Keys.

    def action_leave(self) -> None:
        """Out of what one is in: the filter, then the endpoints."""
        if self._filter.display:
            self._wanted, self._filter.value = "", ""
            self._filter.display = False
            self._draw()
        self._services.focus()

    def action_sort(self) -> None:
        """By the next column."""
        orders = list(rows.ORDERS)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._draw()

    def action_filter(self) -> None:
        """Ask for part of a name."""
        self._filter.display = True
        self._filter.focus()

    def action_eject(self) -> None:
        """Take the chosen endpoint out, if that is meant."""
        service, endpoint = self._services.chosen, self._endpoints.chosen
        if not self._endpoints.has_focus or not service or not endpoint:
            self._note("choose an endpoint first: enter goes to those of the service")
            self._draw()
            return
        shown = self._endpoints.label(endpoint)
        self._ask(f"Eject {shown} of {service} for 30s?", "/eject", service=service, endpoint=endpoint)

    def action_reset(self) -> None:
        """Let the chosen endpoint back in, or all of the service's, if that is meant."""
        service, endpoint = self._services.chosen, self._endpoints.chosen
        if not service:
            return
        if self._endpoints.has_focus and endpoint:
            text = f"Let {self._endpoints.label(endpoint)} of {service} back in?"
            self._ask(text, "/reset", service=service, endpoint=endpoint)
        else:
            text = f"Let all endpoints of {service} back in, and have it called again?"
            self._ask(text, "/reset", service=service)

    def on_input_changed(self, event: Input.Changed) -> None:
        """The filter is being written."""
        self._wanted = event.value
        self._draw()

    def on_input_submitted(self) -> None:
        """It is written."""
        self._filter.display = bool(self._wanted)
        self._services.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Another service, or another endpoint, is chosen."""
        if event.data_table is self._services and event.cursor_row == self._services.cursor_row:
            self._draw_endpoints()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter, in a table."""
        if event.data_table is self._services:
            self._endpoints.focus()

    # Doing and drawing.

    def _ask(self, text: str, path: str, **arguments: str) -> None:
        def answered(yes: bool | None) -> None:  # noqa: FBT001 - textual's interface
            if yes:
                self.run_worker(self._act(path, arguments))

        _ = self.push_screen(Question(text), answered)

    async def _act(self, path: str, arguments: dict[str, str]) -> None:
        try:
            async with self._spare as process:
                told = await process.post(path, **arguments)
            if told["action"] == "reset" and not told["endpoints"] and not told["circuit"]:
                # Whatever has an effect is told as a decision.
                self._note(str(told["words"]))
        except CommandError as error:
            self._note(" ".join(str(error.complaint).split()))
        self._draw()

    def _note(self, words: str) -> None:
        self._lines.append({"time": None, "service": "", "level": "note", "words": words})

    def _draw(self) -> None:
        if not self._services.is_attached:
            # Events still come while the screen is taken down.
            return
        found = [] if self._state is None else self._state["services"]
        shown = rows.services(found, self._order, self._wanted)
        told = f"{len(shown)} of {many(len(found), 'service')}, with {self._wanted!r}, "
        told = (told if self._wanted else f"{many(len(found), 'service')}, ") + f"sorted by {self._order}"
        self._head.update(Text(self._title_line()))
        self._what.update(Text(told))
        self._services.show(shown)
        self._draw_endpoints()
        self._decisions.update(Text("\n").join(self._line(each) for each in self._lines))

    def _draw_endpoints(self) -> None:
        chosen = self._services.chosen
        found = [] if self._state is None else self._state["services"]
        parts = [part for each in found if each["service"] == chosen for part in each["listed"]]
        self._which.update(Text(f"endpoints of {printable(chosen)}" if chosen else "endpoints"))
        self._endpoints.show(rows.endpoints(parts))

    def _title_line(self) -> str:
        if self._trouble:
            return f"NOT CONNECTED: {printable(self._trouble)}"
        if self._state is None:
            return f"asking {self._process}"
        process = self._state["process"]
        ready = "" if self._state["ready"] else ", NOT READY"
        return f"process {process['pid']}{ready}, up {span(process['uptime_seconds'])}, {self._process}"

    def _line(self, decision: Document) -> Text:
        words = Text(f"{clock(decision['time'])} " if decision["time"] else "top      ")
        words.append(f"{printable(decision['service'])} " if decision["service"] else "", "bold")
        words.append(printable(decision["words"]), _STYLES.get(decision["level"], ""))
        return words
