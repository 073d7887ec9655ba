"""What went wrong with TLS, in one sentence that says what to change.

OpenSSL knows what happened, in words for those who know OpenSSL. The names of reasons and the numbers of verification
errors are its own and stay the same from version to version; its texts do not.
"""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshclient.engine.tls_certificate import Presented

if TYPE_CHECKING:
    from meshclient.engine.target import Target

# X509_V_ERR_ of openssl/x509_vfy.h.
_NOT_YET, _EXPIRED = 9, 10
_SELF_SIGNED = 18
_UNKNOWN_AUTHORITY = frozenset({2, 19, 20, 21})
_WRONG_NAME = frozenset({62, 63, 64})

_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)
_TOO_OLD = frozenset({"UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "VERSION_TOO_LOW", "TLSV1_ALERT_PROTOCOL_VERSION"})
# Alerts (RFC 8446 section 6.2) by which a server turns a client's certificate down.
_TURNED_DOWN = {
    "BAD_CERTIFICATE": "it is not in order",
    "UNSUPPORTED_CERTIFICATE": "its kind is not supported",
    "CERTIFICATE_REVOKED": "it is revoked",
    "CERTIFICATE_EXPIRED": "it has expired, or is not valid yet",
    "CERTIFICATE_UNKNOWN": "it is not acceptable",
    "UNKNOWN_CA": "the authority that signed it is not trusted there",
    "ACCESS_DENIED": "it gives no access",
    "DECRYPT_ERROR": "its signature is wrong",
}
# What servers say of a certificate that is missing, beside the one word that TLS 1.3 has for it.
_MISSING = frozenset({"CERTIFICATE_REQUIRED", "BAD_CERTIFICATE"})


def explain(error: BaseException | None, target: Target) -> str:
    """One sentence: where, what happened, and which setting to change.

    Under TLS 1.3 a server looks at the client's certificate after the client has finished its handshake: what it says
    of it, if anything, comes in place of the first response.

    Args:
        error: what a handshake, or the first exchange after one, ended with: an ssl.SSLError, an OSError, or None
            where the peer closed the connection without a word.
        target: where the connection leads.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{target}: {_unverified(error, target)}"
    reason = (getattr(error, "reason", None) or "") if isinstance(error, ssl.SSLError) else ""
    if reason == "UNEXPECTED_EOF_WHILE_READING" or isinstance(
        error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError | EOFError | None
    ):
        return f"{target}: {_silent(target)}"
    known = _reason(reason, target)
    if known:
        return f"{target}: {known}"
    words = reason.lower().replace("_", " ") or getattr(error, "strerror", None) or str(error)
    return f"{target}: TLS failed: {words}"


def _unverified(error: ssl.SSLCertVerificationError, target: Target) -> str:
    shown, code = Presented.noted(error), error.verify_code
    if code in _WRONG_NAME:
        name = repr(str(target.server_name or target.host))
        said = (
            f"its certificate is for {shown.listed}, not for {name}" if shown else f"its certificate is not for {name}"
        )
        return f"{said}: set tls.identity to a name that it is for, or give the endpoint one for {name}"
    if code == _EXPIRED:
        if shown is None or shown.ends > time.time():
            return "a certificate above its own has expired: renew that of its authority, here (tls.ca) or there"
        return f"its certificate expired on {_date(shown.ends)}: renew it there"
    if code == _NOT_YET:
        since = f" before {_date(shown.begins)}" if shown else " yet"
        return f"its certificate is not valid{since}: set the clock of this host right, or replace the certificate"
    remedy = _remedy(
        target, "set tls.ca to the file of {}", "load {} into the SSLContext that was given, or set tls.ca"
    )
    if code == _SELF_SIGNED:
        return f"its certificate is signed by itself: {remedy.format('that certificate')}"
    if code in _UNKNOWN_AUTHORITY:
        issuer = shown.issuer if shown else "an authority"
        return (
            f"its certificate is signed by {issuer}, not trusted here: {remedy.format('that authority')}, or have the "
            "endpoint send the certificates in between"
        )
    return f"its certificate is refused: {error.verify_message}"


def _reason(reason: str, target: Target) -> str:
    alert = reason.partition("ALERT_")[2]
    if reason in _NO_TLS:
        return "what answers there speaks no TLS: register the endpoint as http, or correct its port"
    if reason in _TOO_OLD:
        return "no version of TLS is common to both: this side speaks 1.2 and 1.3, have the endpoint speak one of them"
    if reason.endswith("UNRECOGNIZED_NAME"):
        name = repr(str(target.server_name or target.host))
        return f"the server knows no {name}: set tls.identity to a name that it serves"
    if alert in _MISSING and not _shows(target):
        return f"the server wants a client certificate: {_certificate(target)}"
    if alert in _TURNED_DOWN:
        named = _remedy(target, "tls.cert", "the SSLContext that was given")
        return f"the server refuses the client certificate of {named}: {_TURNED_DOWN[alert]}; replace it"
    if alert == "CERTIFICATE_REQUIRED":
        return "the server wants a client certificate and does not take that of tls.cert: have its authority sign one"
    if alert == "HANDSHAKE_FAILURE":
        return f"the server found no way to go on, as those do that {_wanting(target)}; or no cipher is common to both"
    return ""


def _silent(target: Target) -> str:
    return (
        f"the server closed the connection during the TLS handshake or right after it, as those do that "
        f"{_wanting(target)}; or it speaks no TLS"
    )


def _wanting(target: Target) -> str:
    if _shows(target):
        return "refuse a client's certificate: look into the server's log, and replace tls.cert"
    return f"want a client certificate: {_certificate(target)}"


def _certificate(target: Target) -> str:
    return _remedy(
        target, "set tls.cert and tls.key", "load one into the SSLContext that was given, or set tls.cert and tls.key"
    )


def _remedy(target: Target, configured: str, given: str) -> str:
    return given if _shown(target) is None else configured


def _shows(target: Target) -> bool:
    return bool(_shown(target))


def _shown(target: Target) -> bool | None:
    """Whether there is a certificate to show; None where somebody else made the context."""
    return getattr(target.tls, "shows_certificate", None)


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
