"""Signing httpx requests with AWS Signature Version 4: VPC Lattice, API Gateway, Lambda function URLs.

botocore signs, since AWS checks signatures against its own software; this decides what it is given. Only what hops on
the way leave alone is signed: the Host header, Content-Type and AWS's own headers. A signature holds for the Host
header, which a meshclient client keeps as the user wrote it whatever endpoint a call goes to: for AWS, write the URL
with the name that the receiver knows (``https://orders.example.on.aws``), not with a service's logical name.
"""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import quote_from_bytes, unquote_to_bytes

import httpx

from meshclient.discovery.resolver import off_loop
from meshclient.errors import ConfigError
from meshclient_aws.errors import AwsDenied, AwsUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

UNSIGNED = "UNSIGNED-PAYLOAD"
# VPC Lattice refuses every other payload hash ("SIGv4 authenticated requests", VPC Lattice user guide).
_NEVER_SIGNED_PAYLOAD = frozenset({"vpc-lattice-svcs"})
_SIGNED = frozenset({"host", "content-type"})
_AWS = "x-amz-"
# Set by the signer, and never carried over from an earlier signature.
_SET = ("authorization", "x-amz-date", "x-amz-security-token")
# A chain of redirects is signed anew that often; httpx counts them all against its own limit as well.
_RESIGNED = 5
# Seconds between two attempts to find other credentials after a refusal.
_REREAD = 30.0


class Frozen(Protocol):
    """Credentials at one moment."""

    access_key: str
    secret_key: str
    token: str | None


class Credentials(Protocol):
    """What is used of boto3's credentials; those that expire have `refresh_needed` besides."""

    def get_frozen_credentials(self) -> Frozen:
        """Key, secret and token that belong together, refreshed where that is due."""
        ...


class Session(Protocol):
    """What is used of a boto3 session."""

    @property
    def region_name(self) -> str | None:
        """The region of its configuration."""
        ...

    def get_credentials(self) -> Credentials | None:
        """Whatever the chain of providers finds."""
        ...


class SigV4Auth(httpx.Auth):
    """Signs each request: ``httpx.Client(auth=SigV4Auth("execute-api"))``, or `auth` of a meshclient client.

    Credentials come from a boto3 session, are read once for a request, and are refreshed when they are about to expire;
    an asynchronous client does that off its event loop. After a 401 or 403 the session is made anew for the requests
    that follow (not one that was given), so that replaced credentials are found without a restart.

    The payload is signed when the body is known beforehand. Streamed bodies, and all of VPC Lattice's, are sent with
    ``x-amz-content-sha256: UNSIGNED-PAYLOAD``.

    A request that httpx has redirected within the same origin is signed anew when the receiver refuses its old
    signature; one to another origin is not. httpx takes the Authorization header off the latter but leaves the session
    token in it: follow redirects only from hosts that you trust.

    Args:
        service: the signing name: ``execute-api`` (API Gateway), ``vpc-lattice-svcs``, ``lambda``.
        region: such as ``eu-central-1``; by default the session's.
        session: a `boto3.Session`; by default a new one, made with the first request.
        sign_payload: off leaves out the payload's hash everywhere.
        read_streams: read streamed bodies into memory and sign them, for receivers that refuse unsigned payloads.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str = "",
        session: Session | None = None,
        sign_payload: bool = True,
        read_streams: bool = False,
    ) -> None:
        self._service = service
        self._region = region
        self._given = session
        self._sign_payload = sign_payload and service not in _NEVER_SIGNED_PAYLOAD
        self.requires_request_body = read_streams and self._sign_payload
        self._found: tuple[Credentials, str] | None = None
        self._reread = -math.inf

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, send, and sign a redirected request anew.

        Raises AwsDenied without credentials, AwsUnreachable where they cannot be refreshed, ConfigError without region.
        """
        if self.requires_request_body:
            request.read()
        for _ in range(_RESIGNED):
            self._sign(request, *self._credentials())
            response = yield request
            again = self._redirected(request, response)
            if again is None:
                return
            request = again

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As `sync_auth_flow`; whatever may block happens on a thread of its own."""
        if self.requires_request_body:
            await request.aread()
        for _ in range(_RESIGNED):
            found = self._credentials() if self._fresh() else await off_loop(self._credentials)
            self._sign(request, *found)
            response = yield request
            again = self._redirected(request, response)
            if again is None:
                return
            request = again

    def _sign(self, request: httpx.Request, credentials: Frozen, region: str) -> None:
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        for name in _SET:
            request.headers.pop(name, None)
        _prefer_percent(request)
        body = _body(request)
        if body is None or not self._sign_payload:
            request.headers["x-amz-content-sha256"] = UNSIGNED
        headers = [(k.lower(), v) for k, v in request.headers.multi_items()]
        wanted = {k: v for k, v in headers if k in _SIGNED or k.startswith(_AWS)}
        signed = AWSRequest(request.method, _canonical(request.url), headers=wanted, data=body or b"")
        Signer(credentials, self._service, region).add_auth(signed)
        for name in _SET:
            value = signed.headers.get(name)
            if value is not None:
                request.headers[name] = value

    def _credentials(self) -> tuple[Frozen, str]:
        """Credentials of this moment and the region; may block."""
        from botocore.exceptions import BotoCoreError

        try:
            # Two threads may find them at the same time; a lock would be held over a fork.
            found = self._found
            if found is None:
                found = self._found = self._find()
            credentials, region = found
            return credentials.get_frozen_credentials(), region
        except BotoCoreError as exc:
            raise AwsUnreachable(f"no credentials to sign a request to {self._service} with: {exc}") from None

    def _find(self) -> tuple[Credentials, str]:
        session = self._given
        if session is None:
            from boto3.session import Session as BotoSession

            # boto3 reads AWS_DEFAULT_REGION alone, where AWS's other SDKs, ECS and Lambda say AWS_REGION.
            session = cast("Session", BotoSession(region_name=os.environ.get("AWS_REGION") or None))
        credentials, region = session.get_credentials(), self._region or session.region_name
        if credentials is None:
            raise AwsDenied(
                f"no AWS credentials to sign a request to {self._service} with: set AWS_PROFILE, or give a role"
            )
        if not region:
            raise ConfigError(f"no region to sign a request to {self._service} for: give region=, or set AWS_REGION")
        return credentials, region

    def _fresh(self) -> bool:
        """Whether credentials are at hand without anything that blocks."""
        found = self._found
        if found is None:
            return False
        refresh_needed: Callable[[], bool] | None = getattr(found[0], "refresh_needed", None)
        return refresh_needed is None or not refresh_needed()

    def _redirected(self, sent: httpx.Request, response: httpx.Response) -> httpx.Request | None:
        """The request to sign anew and send, where a redirect has made the signature void."""
        if response.status_code not in (401, 403):
            return None
        last = response.request
        if last is not sent and _origin(last.url) == _origin(sent.url):
            return last
        now = time.monotonic()
        if self._given is None and now >= self._reread + _REREAD:
            self._reread, self._found = now, None
        return None


def _body(request: httpx.Request) -> bytes | None:
    """The body, or None where it is only known while it is sent."""
    # httpx has read no redirected request yet, however short.
    if isinstance(request.stream, httpx.ByteStream):
        return request.read()
    return None


def _prefer_percent(request: httpx.Request) -> None:
    """Write spaces of the query as %20: httpx writes a plus sign, which a receiver of signatures takes literally."""
    path, mark, query = request.url.raw_path.partition(b"?")
    if b"+" in query:
        request.url = request.url.copy_with(raw_path=path + mark + query.replace(b"+", b"%20"))


def _canonical(url: httpx.URL) -> str:
    """The URL as it is signed: each part of the query percent-encoded as strictly as SigV4 wants it.

    The path goes as it is sent; the signer normalises and encodes it once more.
    """
    path, _, query = url.raw_path.partition(b"?")
    pairs = []
    for part in query.split(b"&") if query else ():
        name, _, value = part.partition(b"=")
        pairs.append("=".join(quote_from_bytes(unquote_to_bytes(each), safe="-_.~") for each in (name, value)))
    host = url.netloc.decode("ascii")
    return f"{url.scheme}://{host}{path.decode('ascii')}" + (f"?{'&'.join(pairs)}" if pairs else "")


def _origin(url: httpx.URL) -> tuple[str, bytes]:
    return url.scheme, url.netloc
