"""What an inbound request's headers ask for: when the work is to be over, and which trace it belongs to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from meshclient.http.ambient import AMBIENT, INBOUND_HEADERS, NOTHING, TIMEOUT_HEADER, Ambient, inbound, parse_timeout
from meshclient.telemetry.propagation.context import TRACE
from meshclient.telemetry.propagation.formats import NAMES
from meshclient.telemetry.propagation.identifiers import new_trace
from meshclient.telemetry.propagation.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextvars import Context, Token
    from types import TracebackType

    from meshclient.telemetry.propagation.context import TraceContext

# RFC 9218; read only where callers are trusted to say how important they are.
PRIORITY = "priority"


def _variable(name: str) -> str:
    """PEP 3333, "environ Variables"."""
    return f"HTTP_{name.upper().replace('-', '_')}"


class Brought:
    """What a request brought. Calls made in a ``with`` block of it continue that, and nothing else.

    What held before does not: a server may begin a request in the context of the one before on that connection (as
    uvicorn does, which reads on from within the request whose body it was waiting for).

    Attributes:
        ambient: for the calls made while it is served.
        trace: the one it belongs to, or None.
        priority: its header of that name, where it is read.
    """

    __slots__ = ("_ambient", "_trace", "ambient", "priority", "trace")

    def __init__(self, ambient: Ambient, trace: TraceContext | None, priority: str = "") -> None:
        self.ambient = ambient
        self.trace = trace
        self.priority = priority

    def __bool__(self) -> bool:
        """Whether calls have something to continue."""
        return self.ambient is not NOTHING or self.trace is not None

    def __enter__(self) -> None:
        self._ambient: Token[Ambient] = AMBIENT.set(self.ambient)
        self._trace: Token[TraceContext | None] = TRACE.set(self.trace)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        TRACE.reset(self._trace)
        AMBIENT.reset(self._ambient)

    def stay(self) -> None:
        """Let calls that are made from now on in this context continue it."""
        AMBIENT.set(self.ambient)
        TRACE.set(self.trace)

    def enter(self, context: Context) -> None:
        """Let calls that are made in `context` continue it."""
        context.run(self.stay)


class Intake:
    """Reads it.

    Args:
        propagators: formats of trace contexts; None for all.
        begins: whether a request that brings no trace begins one.
        trust_priority: whether to read ``priority``.

    Raises ConfigError for a format that is not known.
    """

    def __init__(self, propagators: Sequence[str] | None, *, begins: bool, trust_priority: bool) -> None:
        self._reader = Reader(NAMES if propagators is None else propagators)
        self._begins = begins
        told = {*INBOUND_HEADERS, *([PRIORITY] if trust_priority else [])}
        # By the name in the interface to the server: the header's own, and whether it is about the trace.
        names = {**dict.fromkeys(told, False), **dict.fromkeys(self._reader.fields, True)}
        self._headers = {name.encode(): (name, traced) for name, traced in names.items()}
        self._variables = [(_variable(name), name, traced) for name, traced in names.items()]

    def asgi(self, headers: Iterable[tuple[bytes, bytes]]) -> Brought:
        """Of an ASGI scope's headers."""
        read = self._headers
        told: dict[str, str] = {}
        traces: dict[str, list[str]] = {}
        for name, value in headers:
            if name in read:
                text = value.decode("latin-1").strip(" \t")
                found, traced = read[name]
                if traced:
                    traces.setdefault(found, []).append(text)
                else:
                    told[found] = text
        return self._brought(told, traces)

    def wsgi(self, environ: Mapping[str, object]) -> Brought:
        """Of a WSGI environ, which Django's ``request.META`` is too. A server joins headers that come twice."""
        told: dict[str, str] = {}
        traces: dict[str, list[str]] = {}
        for variable, name, traced in self._variables:
            if variable in environ:
                text = str(environ[variable]).strip(" \t")
                if traced:
                    traces[name] = [text]
                else:
                    told[name] = text
        return self._brought(told, traces)

    def _brought(self, told: dict[str, str], traces: dict[str, list[str]]) -> Brought:
        trace = self._reader.read(traces) if traces else None
        if trace is None and self._begins:
            trace = new_trace()
        return Brought(_ambient(told), trace, told.get(PRIORITY, "")) if told else Brought(NOTHING, trace)


def _ambient(told: dict[str, str]) -> Ambient:
    # What nearly every caller with a deadline says, and no more.
    if len(told) == 1 and TIMEOUT_HEADER in told:
        seconds = parse_timeout(told[TIMEOUT_HEADER])
        return NOTHING if seconds is None else Ambient(time.monotonic() + seconds)
    return inbound(told, time.monotonic())
