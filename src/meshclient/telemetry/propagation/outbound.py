"""The headers by which an attempt says which trace it belongs to.

Every plain call passes here, so the lines are made ahead, once for each context, and only ids are put into them. Those
of new traces are made ahead with their ids, `STOCK` at a time: between two system calls the same steps cost a multiple.

Who is the parent: the span that OpenTelemetry has open, under its own id, for whoever opened it tells of it. Otherwise
the attempt itself: each has an id of its own, below the span that the request being served came with. No backend hears
of these spans of ours; what it hears of is that the spans below them belong to one trace, and to one attempt.

What a new trace says of its recording: nothing, by default. Nobody records it here, and to say so ("not sampled") is
for X-Ray and B3 another thing than to leave it open. W3C's header cannot leave it open. By its own rule for decisions
that are put off (3.2.2.5.1) the flag is then zero, which the usual samplers of OpenTelemetry ("parent based") take for
a decision. Where that is not wanted, ``new_traces`` is "sampled" or "none".
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from meshclient.telemetry.propagation.active import active_span, as_context, global_headers
from meshclient.telemetry.propagation.context import TRACE, TraceContext
from meshclient.telemetry.propagation.formats import get
from meshclient.telemetry.propagation.identifiers import (
    IDS,
    Randomness,
    made_ahead_by,
    new_span_id,
    new_trace,
    new_trace_id,
)
from meshclient.telemetry.propagation.reader import Reader
from meshclient.telemetry.propagation.request_id import as_uuid
from meshclient.telemetry.propagation.trace_context import TRACEPARENT, TRACESTATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Attempts for which the lines of new traces are made at once: 40 us of work.
STOCK = 32
# Where the ids go. No header has such characters.
_SPAN, _TRACE, _ROOT, _UUID = "\0", "\1", "\2", "\3"
_MODULES = sys.modules
_OPENTELEMETRY = "opentelemetry.trace"
_ALONE = {TRACEPARENT}
# Version 00, to the letter; ids that are all zero are none.
_USUAL = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})").fullmatch
# What is no trace, and is said without one too.
_UNTRACED = get("request-id")


class Outbound:
    """What the attempts of one service's calls say.

    Args:
        names: of the formats, as for `formats.get`; none for no headers at all.
        new_traces: what is said of a trace that begins with a call: "undecided", "sampled", or "none" for no trace.
        random: where ids come from.

    Attributes:
        fields: the headers of these formats, in lower case. A request that has one already goes by `headers`.

    Raises ConfigError for an unknown name.
    """

    __slots__ = (
        "__weakref__", "_bits", "_continued", "_formats", "_key", "_new", "_random", "_reader", "_sampled", "_stock",
        "_text", "_uuid", "fields",
    )  # fmt: skip

    def __init__(self, names: Iterable[str], *, new_traces: str = "undecided", random: Randomness = IDS) -> None:
        names = tuple(names)
        self._formats = [get(name) for name in names]
        # Not itself: a context that lasts would keep all that ever said it.
        self._key = " ".join(names)
        # Those of a new trace.
        self._new = [each for each in self._formats if each is _UNTRACED or new_traces != "none"]
        self._reader = Reader(names)
        self.fields = self._reader.fields
        self._sampled = True if new_traces == "sampled" else None
        self._random = random
        self._bits = random.getrandbits
        new = new_trace(sampled=self._sampled)
        self._text = _blank([header for each in self._new for header in each.inject(new)], new)
        # By the flags of what is continued.
        self._continued: dict[str, str] = {}
        self._uuid = _UNTRACED in self._formats
        self._stock: list[tuple[bytes, str, str]] = []
        made_ahead_by(self)

    def lines(self, trace_id: str = "", given: Callable[[], Mapping[str, str]] | None = None) -> tuple[bytes, str, str]:
        """The header lines of one attempt, the id of its trace, and that of its span, which is a new one each time.

        Args:
            trace_id: what an earlier attempt of this call has got; a new trace is begun where there is none.
            given: says the headers that the request has already, none of them one of `fields`; asked only where
                OpenTelemetry's global propagators write beside.
        """
        if _OPENTELEMETRY in _MODULES and active_span() is not None:
            headers, trace_id, span_id = self.headers(trace_id, given() if given else None)
            return _joined(headers).encode("latin-1"), trace_id, span_id
        context = TRACE.get()
        if context is None and not trace_id:
            try:
                return self._stock.pop()
            except IndexError:
                self._stock.extend([self._begun((self._bits(128) or 1).to_bytes(16).hex()) for _ in range(STOCK)])
                return self.lines()
        if context is None:
            return self._begun(trace_id)
        span_id = (self._bits(64) or 1).to_bytes(8).hex()
        text = context.prepared.get(self._key) or self._prepare(context)
        return text.replace(_SPAN, span_id).encode("latin-1"), context.trace_id, span_id

    def continued(self, said: Mapping[str, str]) -> tuple[bytes, str]:
        """What `headers` gives for a request with the headers `said`, as lines, and the id of its trace.

        For whoever sends requests of others on: most of them say the same but for the ids.

        Args:
            said: by names in lower case.
        """
        # Whatever else is said of the trace may have a part in what is added.
        alone = self.fields.intersection(said) == _ALONE
        usual = _USUAL(said.get(TRACEPARENT, "")) if alone else None
        if usual is None:
            headers, trace_id, _ = self.headers("", said)
            return _joined(headers).encode("latin-1"), trace_id
        trace_id, span_id, flags = usual.groups()
        text = self._continued.get(flags)
        if text is None:
            # There are no more than 256.
            new = new_trace()
            headers, *_ = self.headers("", {TRACEPARENT: f"00-{new.trace_id}-{new.span_id}-{flags}"})
            text = self._continued[flags] = _blank(headers, new)
        return self._filled(text, trace_id, span_id), trace_id

    def bereave(self) -> None:
        """In a forked child: what was made ahead is its parent's, and so are the ids in it."""
        self._stock.clear()

    def headers(
        self, trace_id: str = "", given: Mapping[str, str] | None = None
    ) -> tuple[list[tuple[str, str]], str, str]:
        """The same as a list.

        Args:
            trace_id: as in `lines`.
            given: the headers that the request has already, by names in any case. What they say of a trace stays, and
                is said in the other formats too.
        """
        present = {name.lower() for name in given} if given else set[str]()
        own = self._reader.extract_trace(given) if given and present & self.fields else None
        formats, written = self._formats, list[tuple[str, str]]()
        if own is not None:
            context = own
        elif (span := active_span()) is not None and (found := as_context(span, TRACE.get())) is not None:
            context = found
            written = _missing(global_headers(), present) if formats else written
        elif (served := TRACE.get()) is not None:
            context = served.child(new_span_id(self._random))
        else:
            formats = self._new
            trace_id = trace_id or new_trace_id(self._random)
            context = TraceContext(trace_id, new_span_id(self._random), self._sampled, random=True)
        present.update(name.lower() for name, _ in written)
        for each in formats:
            headers = each.inject(context)
            missing = _missing(headers, present)
            # The two ids of requests have nothing to do with each other; headers of a trace are one statement.
            if missing == headers or each is _UNTRACED:
                written += missing
        return written, context.trace_id, context.span_id

    def _begun(self, trace_id: str) -> tuple[bytes, str, str]:
        """The lines of an attempt in a trace that began here."""
        span_id = (self._bits(64) or 1).to_bytes(8).hex()
        return self._filled(self._text, trace_id, span_id), trace_id, span_id

    def _filled(self, text: str, trace_id: str, span_id: str) -> bytes:
        text = text.replace(_TRACE, trace_id).replace(_ROOT, f"{trace_id[:8]}-{trace_id[8:]}")
        if self._uuid:
            text = text.replace(_UUID, as_uuid(trace_id))
        return text.replace(_SPAN, span_id).encode("latin-1")

    def _prepare(self, context: TraceContext) -> str:
        """The lines of a context, with a place for the id of the span."""
        # An id that was never seen stands nowhere else in them.
        span_id = new_span_id()
        child = context.child(span_id)
        lines = _joined([header for each in self._formats for header in each.inject(child)])
        text = context.prepared[self._key] = lines.replace(span_id, _SPAN)
        return text


def _blank(headers: list[tuple[str, str]], context: TraceContext) -> str:
    """The lines of `headers`, with places for the ids of `context`, which was never seen before."""
    trace_id = context.trace_id
    lines = _joined(headers).replace(trace_id, _TRACE).replace(f"{trace_id[:8]}-{trace_id[8:]}", _ROOT)
    return lines.replace(as_uuid(trace_id), _UUID).replace(context.span_id, _SPAN)


def _joined(headers: list[tuple[str, str]]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def _missing(headers: list[tuple[str, str]], present: set[str]) -> list[tuple[str, str]]:
    """Those that are not there yet; no state of one trace beside the parent of another."""
    names = present | {TRACESTATE} if TRACEPARENT in present else present
    return [header for header in headers if header[0].lower() not in names]
