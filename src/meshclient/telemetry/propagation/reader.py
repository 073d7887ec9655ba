"""Several formats read at once: whatever the caller, its proxies and load balancers speak."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.carrier import gathered
from meshclient.telemetry.propagation.formats import NAMES, get
from meshclient.telemetry.propagation.identifiers import completed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshclient.telemetry.propagation.context import TraceContext
    from meshclient.telemetry.propagation.formats import Format
    from meshclient.telemetry.propagation.propagator import Fields, Finding, Headers

# Sets of headers in the order they came: there are few, unless somebody makes them up.
_REMEMBERED = 64


class Reader:
    """Reads the formats of these names together.

    The trace is that of the first of them that says both a trace and a span in it; if none does, of the first that says
    a trace (a load balancer gives every request a trace, while a caller's own says more); if none does, a new one.
    Another format adds what it says of the same trace: a decision where there is none yet, the members of tracestate.
    Baggage, request ids and the other fields of X-Ray, which are no part of a trace, are added in any case.

    Args:
        names: as for `formats.get`, the most trusted first.

    Attributes:
        fields: the headers that are read, in lower case.

    Raises ConfigError for an unknown name.
    """

    __slots__ = ("_formats", "_places", "_together", "fields")

    def __init__(self, names: Iterable[str] = NAMES) -> None:
        self._formats = [get(name) for name in names]
        # Both propagators of B3 read the same.
        self._places: dict[str, int] = {}
        for place, each in enumerate(self._formats):
            for field in each.fields:
                self._places.setdefault(field, place)
        self._together: dict[tuple[str, ...], list[Format]] = {}
        self.fields = frozenset(self._places)

    def extract(self, headers: Headers) -> TraceContext | None:
        """What `headers` say, or None where they say nothing that is valid. Never raises."""
        fields = gathered(headers, self.fields)
        return self.read(fields) if fields else None

    def read(self, fields: Fields) -> TraceContext | None:
        """The same of headers that have been gathered; such that are read here, or any others.

        Args:
            fields: the values under each lower-case name, without white space around them.
        """
        found = self._find(fields)
        return None if found is None else completed(found)

    def extract_trace(self, headers: Headers) -> TraceContext | None:
        """As `extract`, and None as well where no trace is named."""
        found = self._find(gathered(headers, self.fields))
        return completed(found) if found is not None and found.trace_id else None

    def _find(self, fields: Fields) -> Finding | None:
        findings = [found for each in self._spoken(tuple(fields)) if (found := each.read(fields)) is not None]
        if not findings:
            return None
        if len(findings) > 1:
            # Stable: among equals the order of the names decides.
            findings.sort(key=_rank)
            first, *rest = findings
            for other in rest:
                _join(first, other)
        return findings[0]

    def _spoken(self, names: tuple[str, ...]) -> list[Format]:
        """The formats that headers of these names may be in, the most trusted first."""
        found = self._together.get(names)
        if found is None:
            places = {place for name in names if (place := self._places.get(name)) is not None}
            found = [self._formats[place] for place in sorted(places)]
            if len(self._together) < _REMEMBERED:
                self._together[names] = found
        return found


def extract_any(headers: Headers, names: Iterable[str] = NAMES) -> TraceContext | None:
    """What `headers` say in all of these formats together, as `Reader` reads them.

    Raises ConfigError for an unknown name, and nothing for headers.
    """
    return _reader(tuple(names)).extract(headers)


@lru_cache(maxsize=64)
def _reader(names: tuple[str, ...]) -> Reader:
    return Reader(names)


def _rank(finding: Finding) -> int:
    return 0 if finding.trace_id and finding.span_id else 1 if finding.trace_id else 2


def _join(first: Finding, other: Finding) -> None:
    """Add to `first` what `other` says beside."""
    first.baggage = first.baggage or other.baggage
    first.request_id = first.request_id or other.request_id
    first.correlation_id = first.correlation_id or other.correlation_id
    first.xray = first.xray or other.xray
    if other.trace_id and other.trace_id != first.trace_id:
        return
    if other.span_id == first.span_id and None in {first.sampled, other.sampled} and _zero(first, other):
        # Whoever wrote both says by the one that nobody has decided, which the other cannot say.
        first.sampled = None
    elif first.sampled is None:
        first.sampled = other.sampled
    first.random = first.random or other.random
    first.debug = first.debug or other.debug
    first.state = first.state or other.state
    if other.span_id == first.span_id:
        first.parent_id = first.parent_id or other.parent_id


def _zero(*findings: Finding) -> bool:
    """Whether one of them has a negative decision that may be an open one."""
    return any(each.undecidable and each.sampled is False for each in findings)
