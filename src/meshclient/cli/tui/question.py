"""A question before something is done to a process."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


class Question(ModalScreen[bool]):
    """Answers True for ``y`` and False for anything that means no.

    Args:
        text: what is asked, in a sentence.
    """

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question > Static { width: 64; max-width: 90%; height: auto; padding: 1 2; border: solid $foreground; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q,enter", "dismiss(False)", "No"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The question, and how it is answered."""
        yield Static(f"{self._text}\n\ny  yes      n  no", markup=False)
