"""What several proxies do with each case, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from attack.smuggling import judgement, reception
from attack.smuggling.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from attack.smuggling.replay import Observation, Proxy
    from attack.smuggling.responses import ResponseCase

AS_WANTED = "="


@dataclass(frozen=True, slots=True)
class Finding:
    """What one proxy did with one case.

    Args:
        word: for the table; `AS_WANTED` where there is nothing to say.
        complaints: in full.
        danger: whether it is more than a difference.
    """

    word: str
    complaints: list[str] = field(default_factory=list)
    danger: bool = False


def played(proxy: Proxy, case: Case | ResponseCase) -> Finding:
    """Play a case and judge it."""
    if isinstance(case, Case):
        seen = proxy.send(case)
        said, bad = judgement.complaints(case, seen), list(judgement.dangers(case, seen))
    else:
        seen = reception.observed(proxy, case)
        said, bad = reception.complaints(case, seen), list(reception.dangers(seen))
    return Finding(_word(seen) if said else AS_WANTED, said, bool(bad))


def _word(seen: Observation) -> str:
    heard, record = seen.heard, seen.record
    if record.faults:
        return "MALFORMED"
    if seen.hanging:
        return "HANGS"
    if heard.fault:
        return "BAD ANSWER"
    forwarded = f"{len(record.requests)} forwarded" if len(record.requests) > 1 else "forwarded" * len(record.requests)
    statuses = " ".join(map(str, heard.statuses[:3])) or heard.ended or "silent"
    return f"{forwarded}, {statuses}" if forwarded else statuses + ("" if heard.ended else ", kept open")


def table(
    cases: Sequence[Case | ResponseCase], found: Mapping[str, Sequence[Finding]], *, verbose: bool
) -> Iterator[str]:
    """Its lines, in Markdown: where all do as wanted there is none."""
    yield f"{len(cases)} cases. `=`: as wanted. `!`: what leaves the proxy is no message, or more than one."
    yield ""
    yield f"| case | RFC | wanted | {' | '.join(found)} |"
    yield f"|---|---|---|{'---|' * len(found)}"
    for number, case in enumerate(cases):
        row = [findings[number] for findings in found.values()]
        if any(finding.complaints for finding in row):
            cells = [f"{finding.word}{' !' * finding.danger}" for finding in row]
            yield f"| {case.name} | {case.section} | {case.expected} | {' | '.join(cells)} |"
            if verbose:
                yield from (
                    f"    {name}: {said}"
                    for name, finding in zip(found, row, strict=True)
                    for said in finding.complaints
                )
    yield ""
    for name, findings in found.items():
        right = sum(not finding.complaints for finding in findings)
        bad = sum(finding.danger for finding in findings)
        yield f"{name}: {right} of {len(cases)} as wanted, {bad} of the rest with an exclamation mark"
