"""A URL as it may be told to others: without credentials, and without what signs or opens it.

OpenTelemetry's semantic conventions (url.full) ask for the user info and four keys of the query to be left out; the
others here are what signed URLs, OAuth and API keys use. Everything else stays as it is.
"""

from __future__ import annotations

import re

REDACTED = "REDACTED"

_SECRET = (
    # By semantic conventions.
    "awsaccesskeyid", "signature", "sig", "x-goog-signature",
    # Signed URLs of AWS and Google.
    "x-amz-signature", "x-amz-credential", "x-amz-security-token", "x-goog-credential",
    # OAuth, OpenID Connect, and keys by whatever name.
    "access_token", "id_token", "refresh_token", "token", "code", "client_secret", "assertion", "secret",
    "api_key", "api-key", "apikey", "key", "auth", "authorization", "password", "passwd", "pwd", "jwt",
    "session", "sessionid",
)  # fmt: skip
# RFC 3986 section 3.2.1: what stands before the last "@" of the authority.
_USER_INFO = re.compile(r"(?<=//)[^/?#]*@")
_QUERY = re.compile(rf"(?<=[?&;])({'|'.join(map(re.escape, _SECRET))})=[^&;#]*", re.IGNORECASE)


def redacted(url: str) -> str:
    """`url` without secrets."""
    if "@" in url:
        url = _USER_INFO.sub(_user_info, url, count=1)
    return _QUERY.sub(rf"\1={REDACTED}", url) if "?" in url else url


def _user_info(found: re.Match[str]) -> str:
    return f"{REDACTED}:{REDACTED}@" if ":" in found[0] else f"{REDACTED}@"
