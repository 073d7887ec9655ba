"""Contexts for TLS that follow their files.

Certificates live for hours where they are handed out by machines, and the process outlives them. Whoever opens a
connection asks for the context; at most once a second that looks at the files, and what has changed makes a new
context. Connections that are open keep what they were made with.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.discovery.runtime.loop import fork_safe_lock
from meshclient.engine.tls_context import ResumingContext, resuming, session_of
from meshclient.engine.tls_sessions import Sessions
from meshclient.engine.tls_settings import ALPN, TlsUnusable
from meshclient.engine.tls_settings import TlsSettings as TlsSettings  # noqa: PLC0414 - goes with what it is for

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from meshclient.engine.target import Tls

_LOG = logging.getLogger("meshclient")
_LOOK_EVERY = 1.0


class TlsContexts:
    """The current context of some settings, for any thread and loop; a `Tls`.

    Args:
        settings: what they are made by.
        owner: whom errors and logs name, such as "service 'orders'".
        clock: seconds.
    """

    def __init__(
        self, settings: TlsSettings, owner: str = "TLS", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._owner = owner
        self._clock = clock
        self._lock = fork_safe_lock()
        self._made: ResumingContext | None = None
        self._look_at = 0.0
        self._seen: tuple[object, ...] = ()
        self._complaint = ""

    @property
    def shows_certificate(self) -> bool:
        """Whether servers that ask for a certificate get one."""
        return bool(self.settings.cert)

    def at(self, endpoint: str) -> Tls:
        """The same for the endpoint of that name, in whatever words: servers of one name know their own sessions."""
        return TlsAt(self, endpoint)

    def context(self) -> ResumingContext:
        """As `Tls` says.

        Where changed files cannot be used, as while they are being written, the context before stays. Raises
        TlsUnusable where there is none.
        """
        made = self._made
        if made is not None and self._clock() < self._look_at:
            return made
        # Whoever cannot have the lock goes on with what there is; a context takes some 40 ms.
        if not self._lock.acquire(blocking=made is None):
            assert made is not None  # noqa: S101 - or it would have blocked
            return made
        try:
            return self._look()
        finally:
            self._lock.release()

    def context_at(self, endpoint: str) -> ssl.SSLContext:
        """The same with the sessions of `endpoint`."""
        return self.context().at(endpoint)

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str, at: str = "") -> None:
        """As `Tls` says, of the endpoint `at`. A session goes with its context, which need not be the current one."""
        session, context = session_of(made), made.context
        if session is not None and isinstance(context, ResumingContext):
            context.sessions.keep(server_name, at, session)

    def apart(self) -> ssl.SSLContext:
        """A context for httpx's transport, which changes what contexts offer; as the files are now, and for good.

        Raises TlsUnusable.
        """
        return self.settings.load()

    def _look(self) -> ResumingContext:
        now, made = self._clock(), self._made
        if made is None or now >= self._look_at:
            # Before they are read: a change in between is seen the next time.
            settings = self.settings
            seen = tuple(_state(path) for path in (settings.authorities, settings.cert, settings.key) if path)
            if made is None or seen != self._seen:
                made = self._renewed(seen, made)
            self._look_at, self._made = now + _LOOK_EVERY, made
        return made

    def _renewed(self, seen: tuple[object, ...], before: ResumingContext | None) -> ResumingContext:
        try:
            made = self.settings.load()
        except TlsUnusable as error:
            complaint = f"{self._owner}: {error}"
            if before is None:
                raise TlsUnusable(complaint) from None
            # `_seen` stays, so that it is tried again: half a file and a whole one may look alike.
            if complaint != self._complaint:
                self._complaint = complaint
                _LOG.warning("%s; what was there before stays in use", complaint)
            return before
        if before is not None:
            _LOG.info("%s: the files of tls have changed, new connections use them", self._owner)
        elif not self.settings.verify:
            _LOG.warning(
                "%s: tls.verify is false: whoever stands between this process and its endpoints can read and change "
                "everything; remove it, and set tls.ca where endpoints have certificates of your own authority",
                self._owner,
            )
        self._seen, self._complaint = seen, ""
        return made


class AdoptedContext:
    """A context that somebody else made, as a `Tls`. It is left as it is, but for one thing that httpx does as well.

    Args:
        context: to be used.
        given: whether it is the caller's own, and not what httpx makes for a client: then it may change at any time,
            so that nothing is resumed, and errors speak of it.
    """

    def __init__(self, context: ssl.SSLContext, *, given: bool = True) -> None:
        self._context = context
        self._sessions = None if given else Sessions()

    @property
    def shows_certificate(self) -> bool | None:
        """None: nobody knows."""
        return None if self._sessions is None else False

    def at(self, endpoint: str) -> Tls:
        """As `TlsContexts` has it."""
        return self if self._sessions is None else TlsAt(self, endpoint)

    def context(self) -> ssl.SSLContext:
        """As `Tls` says, but always the same. It offers HTTP/1.1 alone: whoever shares it may have offered more."""
        self._context.set_alpn_protocols(ALPN)
        return self._context

    def context_at(self, endpoint: str) -> ssl.SSLContext:
        """As `TlsContexts` has it."""
        context = self.context()
        return context if self._sessions is None else resuming(context, self._sessions, endpoint)

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str, at: str = "") -> None:
        """As `TlsContexts` has it."""
        session = None if self._sessions is None else session_of(made)
        if session is not None and self._sessions is not None:
            self._sessions.keep(server_name, at, session)

    def apart(self) -> ssl.SSLContext:
        """As `TlsContexts` has it, but there is one only."""
        return self._context


@dataclass(frozen=True, slots=True)
class TlsAt:
    """`contexts` for one endpoint; a `Tls`, equal to another of the same."""

    contexts: TlsContexts | AdoptedContext
    endpoint: str

    @property
    def shows_certificate(self) -> bool | None:
        """As `contexts` has it."""
        return self.contexts.shows_certificate

    def context(self) -> ssl.SSLContext:
        """As `Tls` says; raises as `contexts` does."""
        return self.contexts.context_at(self.endpoint)

    def learn(self, made: ssl.SSLObject | ssl.SSLSocket, server_name: str) -> None:
        """As `Tls` says."""
        self.contexts.learn(made, server_name, self.endpoint)


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


# What is asked for the contexts of one endpoint after another.
Contexts = TlsContexts | AdoptedContext
