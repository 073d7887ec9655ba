"""One connection to one endpoint, and at most one request on it: what it shows, nothing kept.

The request is HEAD, of the path that the service is checked by, or of "/": only an answer tells whether HTTP is spoken
there, whether a client's certificate is taken (TLS 1.3 says so after the handshake), and what the time is. Where the
service is checked by connecting alone (``health.tcp``), nothing is asked. A second connection is made only where the
first failed without a reason, to see whether TLS is spoken where plain text is listed or the other way round, and to
the other address of loopback where one of them refuses.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from socket import getaddrinfo
from typing import TYPE_CHECKING

from meshclient import __version__
from meshclient.cli.checks.reached import Dated, Flaw, How, Reached, Span
from meshclient.discovery.resolver import off_loop
from meshclient.engine.aio.dial import dial, literal
from meshclient.engine.errors import ConnectFailed
from meshclient.engine.target import Target
from meshclient.engine.tls_explanation import explain
from meshclient.model.duration import format_duration
from meshclient.model.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.engine.tls import TlsContexts

# X509_V_ERR_ of openssl/x509_vfy.h.
_FLAWS = {9: Flaw.NOT_YET, 10: Flaw.EXPIRED, **dict.fromkeys((62, 63, 64), Flaw.WRONG_NAME)}
_FLAWS |= dict.fromkeys((2, 18, 19, 20, 21), Flaw.UNTRUSTED)
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})
_HEAD_LIMIT = 65_536
_ALERT, _MODERN = 0x15, 0x03
# Seconds: who has been waited for in vain by a short limit may still speak plainly.
_PLAIN_LIMIT = 5.0
_LAST_WORD = 2.0
_LOOPBACK = {"127.0.0.1": "::1", "::1": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a service's endpoints are looked at.

    Args:
        service: its name, which requests are for.
        tls: for https endpoints.
        server_name: that certificates are checked against.
        path: asked for by HEAD; empty to ask for nothing.
        http2: whether calls speak HTTP/2 where the other side offers it; nothing is asked in that.
    """

    service: str
    tls: TlsContexts
    server_name: str
    path: str = "/"
    http2: bool = False


async def reach(manner: Manner, endpoint: Endpoint, limit: float) -> Reached:
    """What is found at `endpoint`, with `limit` seconds for the connection, and for the answer."""
    target = _target(manner, endpoint)
    seen = Reached(manner.service, endpoint, How.OPENED)
    if trouble := await unnamed(target, limit):
        return replace(seen, how=How.NO_ADDRESS, words=trouble)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit):
            sock = await dial(loop, target)
    except TimeoutError:
        return replace(seen, how=How.UNREACHED, words=f"{target}: no connection within {format_duration(limit)}")
    except ConnectFailed as exc:
        return replace(seen, how=How.UNREACHED, words=str(exc), elsewhere=await _elsewhere(exc, endpoint, limit))
    writer = None
    try:
        async with asyncio.timeout(limit):
            context = target.tls.context() if target.tls else None
            if context is not None and manner.http2:
                context.set_alpn_protocols(["h2", "http/1.1"])
            name = target.server_name if context else None
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
            seen = replace(seen, certificate=_span(writer.get_extra_info("peercert") or {}))
            if not manner.path or _agreed(writer) == "h2":
                return seen
            return await _ask(manner, target, seen, (reader, writer), limit)
    except TimeoutError:
        if target.tls is not None and writer is None and await _speaks_http(target, manner.service, limit):
            words = f"{target}: what answers there speaks no TLS: register the endpoint as http, or correct its port"
            return replace(seen, how=How.TLS_FAILED, flaw=Flaw.PLAIN, words=words)
        words = f"{target} takes connections and has not answered within {format_duration(limit)}"
        return replace(seen, how=How.SILENT, words=words)
    except (OSError, EOFError) as exc:
        return await _broken(manner, target, seen, exc, limit, shaken=writer is not None)
    finally:
        if writer is None:
            sock.close()
        else:
            writer.transport.abort()


async def unnamed(target: Target, limit: float) -> str:
    """Why the host of `target` has no address; empty where it has one, or is one.

    Asked for here as well as by `dial`, on a thread that nobody waits for: a name server that is silent would hold up
    the end of the process.
    """
    if target.path or literal(target.host, target.port):
        return ""
    try:
        async with asyncio.timeout(limit):
            await off_loop(getaddrinfo, target.host, target.port)
    except TimeoutError:
        return f"{target}: the name {target.host!r} is not resolved within {format_duration(limit)}"
    except (OSError, UnicodeError) as exc:
        words = getattr(exc, "strerror", None) or "it is no name"
        return f"{target}: the name {target.host!r} cannot be resolved: {words}"
    return ""


def _target(manner: Manner, endpoint: Endpoint) -> Target:
    path = endpoint.host if endpoint.is_socket else ""
    tls = manner.tls if endpoint.scheme == "https" else None
    return Target(endpoint.host, endpoint.port, path, tls, manner.server_name)


def _agreed(writer: asyncio.StreamWriter) -> str | None:
    made: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return None if made is None else made.selected_alpn_protocol()


def request(service: str, path: str) -> bytes:
    """The question, which shows in logs whose it is."""
    agent = f"User-Agent: meshclient-check/{__version__}"
    return f"HEAD {path} HTTP/1.1\r\nHost: {service}\r\n{agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()


async def _ask(
    manner: Manner,
    target: Target,
    seen: Reached,
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    limit: float,
) -> Reached:
    reader, writer = streams
    began = time.time()
    writer.write(request(manner.service, manner.path))
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_LIMIT and (part := await reader.read(_HEAD_LIMIT)):
        head += part
    if not head:
        raise EOFError
    # An alert, or a server's words that it wanted TLS.
    hint = head.startswith(bytes([_ALERT, _MODERN])) or (b" 400 " in head[:16] and b"https" in head.lower())
    if target.tls is None and hint and await _speaks_tls(target, manner.server_name, limit):
        return replace(seen, how=How.SPEAKS_TLS, words=f"{target} speaks TLS, and is listed as http")
    if not head.startswith(b"HTTP/1."):
        return replace(seen, how=How.NOT_HTTP, words=f"{target} answers, and not in HTTP/1.1: {head[:24]!r}")
    return replace(seen, how=How.ANSWERED, dated=dated(str(target), head, began))


async def _broken(
    manner: Manner, target: Target, seen: Reached, error: Exception, limit: float, *, shaken: bool
) -> Reached:
    """What it means that a connection failed by `error` before an answer; `shaken` after a handshake, or without."""
    if target.tls is None:
        if await _speaks_tls(target, manner.server_name, limit):
            return replace(seen, how=How.SPEAKS_TLS, words=f"{target} speaks TLS, and is listed as http")
        return replace(seen, how=How.CLOSED, words=f"{target} closes connections without an answer")
    if shaken and not isinstance(error, ssl.SSLError):
        # What a server says of a certificate is lost where it closes before it has read the request.
        error = await _last_word(target, limit) or error
    reason = getattr(error, "reason", None) or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        flaw = _FLAWS.get(error.verify_code, Flaw.OTHER)
    elif reason in _NO_TLS:
        flaw = Flaw.PLAIN
    elif "ALERT" in reason and any(word in reason for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")):
        flaw = Flaw.CLIENT
    elif shaken and not isinstance(error, ssl.SSLError):
        return replace(seen, how=How.CLOSED, words=f"{target} closes connections without an answer")
    else:
        flaw = Flaw.OTHER
    words = explain(error if isinstance(error, OSError) else None, target)
    return replace(seen, how=How.TLS_FAILED, flaw=flaw, words=words)


async def _speaks_tls(target: Target, server_name: str, limit: float) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(limit):
            sock = await dial(asyncio.get_running_loop(), target)
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=server_name)
            writer.transport.abort()
    except ssl.SSLError as exc:
        # What is said by an alert is said in TLS.
        return "ALERT" in (exc.reason or "")
    except (OSError, EOFError, ConnectFailed):
        return False
    return True


async def _last_word(target: Target, limit: float) -> ssl.SSLError | None:
    """What the server says right after a handshake to a client that asks for nothing."""
    context = target.tls.context() if target.tls else None
    try:
        async with asyncio.timeout(limit):
            sock = await dial(asyncio.get_running_loop(), target)
            reader, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=target.server_name)
            try:
                # Who has nothing to say waits for a question.
                async with asyncio.timeout(_LAST_WORD):
                    await reader.read(1)
            finally:
                writer.transport.abort()
    except ssl.SSLError as exc:
        return exc
    except (OSError, ConnectFailed):
        return None
    return None


async def _speaks_http(target: Target, service: str, limit: float) -> bool:
    """Whether plain HTTP is spoken there: a server that reads lines waits for the end of one in a handshake."""
    try:
        async with asyncio.timeout(max(limit, _PLAIN_LIMIT)):
            sock = await dial(asyncio.get_running_loop(), target)
            reader, writer = await asyncio.open_connection(sock=sock)
            try:
                writer.write(request(service, "/"))
                return (await reader.read(_HEAD_LIMIT)).startswith(b"HTTP/1.")
            finally:
                writer.transport.abort()
    except (OSError, EOFError, ConnectFailed):
        return False


async def _elsewhere(error: ConnectFailed, endpoint: Endpoint, limit: float) -> str:
    """The other loopback address, where something listens at that and nothing at the one that is listed."""
    other = _LOOPBACK.get(endpoint.host)
    if other is None or not isinstance(error.__cause__, ConnectionRefusedError):
        return ""
    found = Endpoint(other, endpoint.port, endpoint.scheme)
    with suppress(ConnectFailed, OSError):
        async with asyncio.timeout(limit):
            (await dial(asyncio.get_running_loop(), Target(other, endpoint.port))).close()
            return found.url
    return ""


def _span(certificate: Mapping[str, object]) -> Span | None:
    begins, ends = certificate.get("notBefore"), certificate.get("notAfter")
    if not isinstance(begins, str) or not isinstance(ends, str):
        return None
    return Span(ssl.cert_time_to_seconds(begins), ssl.cert_time_to_seconds(ends))


def dated(source: str, head: bytes, began: float) -> Dated | None:
    """The time in a response's head; `began` is when it was asked for. None where a cache has kept the response."""
    now = time.time()
    lines = (line.partition(b":") for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    fields = {field.strip().lower(): value.decode("latin-1").strip() for field, _, value in lines}
    # RFC 9111, section 5.1: with Age, Date is when somebody else made it, and some time ago.
    if b"date" in fields and b"age" not in fields:
        with suppress(ValueError, TypeError, OverflowError):
            told = parsedate_to_datetime(fields[b"date"]).timestamp()
            return Dated(source, told, now, max(0.0, now - began))
    return None
