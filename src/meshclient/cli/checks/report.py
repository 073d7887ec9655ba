"""What a look has found, as documents and as tables."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.cli.checks.finding import Finding, Level, Passed
from meshclient.cli.checks.wording import plural
from meshclient.cli.render import Answer, Cell, Column, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.checks.finding import Kind, Outcome

SCHEMA = "meshclient.check/v1"
RESULT_SCHEMA = "meshclient.check_result/v1"
LIST_SCHEMA = "meshclient.check_list/v1"
KIND_SCHEMA = "meshclient.check_kind/v1"

_MARKS = {
    Level.OK: ("√", "+", "green"),
    Level.INFO: ("i", "i", "cyan"),
    Level.WARNING: ("‼", "!", "yellow"),
    Level.ERROR: ("\N{MULTIPLICATION SIGN}", "x", "red"),
}
_BLANK = " "
# Of MC101, so that all categories stand at the same column.
_ID_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Args:
        outcomes: by categories.
        fail_on: the level from which on the whole has failed.
        services: that were asked for.
    """

    outcomes: Sequence[Outcome]
    fail_on: Level
    services: Sequence[str] = ()

    @property
    def findings(self) -> list[Finding]:
        """What is wrong."""
        return [each for each in self.outcomes if isinstance(each, Finding)]

    @property
    def failed(self) -> list[Finding]:
        """What is so wrong that the whole has failed."""
        return [each for each in self.findings if each.level.reaches(self.fail_on)]

    @property
    def summary(self) -> str:
        """The whole in a line."""
        levels = Counter(each.level for each in self.findings)
        passed = sum(isinstance(each, Passed) for each in self.outcomes)
        skipped = len(self.outcomes) - passed - len(self.findings)
        counts = [plural(levels[level], word) for level, word in _LEVELS if levels[level]]
        counts += [f"{passed} ok"] if passed else []
        counts += [f"{skipped} skipped"] if skipped else []
        return f"{'failed' if self.failed else 'passed'}: {', '.join(counts) or 'nothing was found'}"

    def answer(self) -> Answer:
        """In all forms."""
        results = [_result(each) for each in self.outcomes]
        levels = Counter(result["level"] for result in results)
        document = {
            "schema": SCHEMA,
            "passed": not self.failed,
            "fail_on": self.fail_on,
            "services": list(self.services),
            "counts": {level: levels[level] for level in (*Level, "skipped")},
            "results": results,
        }
        return Answer(
            document=document,
            sheets=[*self._sheets(), Sheet(self.summary, (), ())],
            names=[each.kind.id for each in self.findings],
            lines=[{"schema": RESULT_SCHEMA, **result} for result in results],
        )

    def _sheets(self) -> list[Sheet]:
        categories = dict.fromkeys(_category(each) for each in self.outcomes)
        sheets = []
        for category in categories:
            columns = (Column(_BLANK), Column(_BLANK * _ID_WIDTH), Column(category.upper()))
            rows = [row for each in self.outcomes if _category(each) == category for row in _rows(each)]
            sheets.append(Sheet("", columns, rows))
        return sheets


_LEVELS = ((Level.ERROR, "error"), (Level.WARNING, "warning"), (Level.INFO, "remark"))


def listing(kinds: Sequence[Kind]) -> Answer:
    """All that can be found."""
    entries = [
        {
            "id": kind.id,
            "category": kind.category,
            "level": kind.level,
            "meaning": kind.meaning,
            "why": kind.why,
            "fix": kind.fix,
            "documentation": kind.documentation,
        }
        for kind in kinds
    ]
    columns = (Column("ID"), Column("CATEGORY"), Column("LEVEL"), Column("MEANING"))
    rows = [(kind.id, kind.category, Cell(kind.level, _MARKS[kind.level][2]), kind.meaning) for kind in kinds]
    return Answer(
        document={"schema": LIST_SCHEMA, "kinds": entries},
        sheets=[Sheet("", columns, rows)],
        names=[kind.id for kind in kinds],
        lines=[{"schema": KIND_SCHEMA, **entry} for entry in entries],
    )


def _category(outcome: Outcome) -> str:
    return outcome.kind.category if isinstance(outcome, Finding) else outcome.category


def _result(outcome: Outcome) -> dict[str, object]:
    finding = outcome if isinstance(outcome, Finding) else None
    skipped = not isinstance(outcome, Finding | Passed)
    return {
        "category": _category(outcome),
        "level": finding.level if finding else "skipped" if skipped else Level.OK,
        "id": finding.kind.id if finding else None,
        "subject": (finding.subject or None) if finding else None,
        "what": outcome.what,
        "why": finding.why if finding else getattr(outcome, "reason", None),
        "fix": finding.fix if finding else None,
        "documentation": finding.kind.documentation if finding else None,
    }


def _rows(outcome: Outcome) -> list[tuple[str | Cell, ...]]:
    if isinstance(outcome, Passed):
        return [(_mark(Level.OK), _BLANK, outcome.what)]
    if not isinstance(outcome, Finding):
        return [(Cell("-", "dim"), Cell("skip", "dim"), Cell(f"{outcome.what}: {outcome.reason}", "dim"))]
    kind = outcome.kind
    return [
        (_mark(outcome.level), Cell(kind.id, f"bold {_MARKS[outcome.level][2]}"), outcome.what),
        (_BLANK, Cell("why", "dim"), outcome.why),
        (_BLANK, Cell("fix", "bold"), outcome.fix),
        (_BLANK, Cell("see", "dim"), Cell(kind.documentation, "dim")),
    ]


def _mark(level: Level) -> Cell:
    drawn, plain, style = _MARKS[level]
    return Cell(drawn if _drawable(drawn) else plain, style)


def _drawable(text: str) -> bool:
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
