"""A context that resumes sessions by itself, and that says more of certificates it refuses.

asyncio and uvloop make their TLS from a context and take no session, so the context puts it in. They name the server to
it and not its address; what is known of one endpoint is reached through a stand-in, since a context of its own for
each would load the authorities again. The classes of the objects made are ssl's own way of extending them.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Self, cast

from meshclient.engine.tls_certificate import Presented
from meshclient.engine.tls_sessions import Sessions

if TYPE_CHECKING:
    import socket


def _note(error: ssl.SSLCertVerificationError, made: ssl.SSLObject | ssl.SSLSocket) -> None:
    presented = Presented.of(made)
    if presented is not None:
        presented.note(error)


class _TellingObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            _note(error, self)
            raise


class _TellingSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's own
        try:
            super().do_handshake(block)
        except ssl.SSLCertVerificationError as error:
            _note(error, self)
            raise


class ResumingContext(ssl.SSLContext):
    """For clients. A session goes with the context that it was made with: a new context begins without any."""

    sslobject_class = _TellingObject
    sslsocket_class = _TellingSocket
    sessions: Sessions

    def __new__(cls) -> Self:
        """One that verifies, and trusts nobody yet."""
        self = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        self.sessions = Sessions()
        return self

    def at(self, endpoint: str) -> ssl.SSLContext:
        """This context, as far as making connections goes, with the sessions of one endpoint."""
        return resuming(self, self.sessions, endpoint)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - ssl's own
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As ssl's own, with the session that is known of this name."""
        known = session or self._known(server_hostname)
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, known)

    def wrap_socket(  # noqa: PLR0917 - ssl's own
        self,
        sock: socket.socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - ssl's own
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002 - ssl's own
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002 - ssl's own
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As ssl's own, with the session that is known of this name."""
        known = session or self._known(server_hostname)
        return super().wrap_socket(
            sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname, known
        )

    def _known(self, name: str | bytes | None) -> ssl.SSLSession | None:
        return self.sessions.of(name or "", "") if not isinstance(name, bytes) else None


def resuming(context: ssl.SSLContext, sessions: Sessions, at: str) -> ssl.SSLContext:
    """`context` as far as making connections goes, to an endpoint whose sessions are among `sessions`."""
    return cast("ssl.SSLContext", _ContextAt(context, sessions, at))


class _ContextAt:
    """Stands for a context where that is asked to wrap something."""

    def __init__(self, context: ssl.SSLContext, sessions: Sessions, at: str) -> None:
        self._context = context
        self._sessions = sessions
        self._at = at

    def __getattr__(self, name: str) -> object:
        return getattr(self._context, name)

    def wrap_bio(self, *given: Any, server_hostname: str | None = None, **named: Any) -> ssl.SSLObject:  # noqa: ANN401
        return self._context.wrap_bio(*given, **self._complete(server_hostname, named))

    def wrap_socket(self, *given: Any, server_hostname: str | None = None, **named: Any) -> ssl.SSLSocket:  # noqa: ANN401
        return self._context.wrap_socket(*given, **self._complete(server_hostname, named))

    def _complete(self, name: str | None, named: dict[str, Any]) -> dict[str, Any]:
        return {"session": self._sessions.of(name or "", self._at), **named, "server_hostname": name}


def session_of(made: ssl.SSLObject | ssl.SSLSocket) -> ssl.SSLSession | None:
    """The session of a connection, where it can be resumed.

    Under TLS 1.3 the tickets come after the handshake: there is one when something was read.
    """
    session = made.session
    if session is not None and (session.has_ticket or (session.id and made.version() != "TLSv1.3")):
        return session
    return None
