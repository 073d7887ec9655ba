"""One question to one etcd member, logged in where there is a user, and what to call its failure.

Every failure becomes an `EtcdError` here, so that the resolver and the registrar decide by its class alone and no text
they show can hold the password or a token. Tokens are the cluster's and not a member's (Authenticate goes through
Raft), so one is kept for all; one that has expired, or that a restart has forgotten, is replaced and the question put
again.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import httpx

from meshclient.discovery.http_registry.client import open_client
from meshclient.discovery.http_registry.fields import PayloadError, document, text
from meshclient.discovery.http_registry.question import Question, plain_http
from meshclient_etcd.errors import EtcdError, EtcdUnreachable, Purpose, needs_login, payload_error, refusal
from meshclient_etcd.stream import Stream
from meshclient_etcd.wire import error_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meshclient.model.endpoint import Endpoint
    from meshclient_etcd.options import EtcdOptions

# Without it a member that is cut off from its cluster would keep a watch open on data that no longer changes, and let
# other questions wait for a leader. The gateway hands it on as gRPC metadata (`MetadataRequireLeaderKey` in etcd's
# rpctypes).
_REQUIRE_LEADER = {"Grpc-Metadata-Hasleader": "true"}
_LOGIN = "/v3/auth/authenticate"


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: the path, the body, and the purpose in words."""

    path: str
    body: Mapping[str, object] | str
    purpose: Purpose


class Connection:
    """Opens clients and puts questions with the user, time-outs and TLS of the options.

    Args:
        options: the parsed URI.
        transport: what carries the requests instead of the network.
    """

    def __init__(self, options: EtcdOptions, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._transport = transport
        self._token: str | None = None  # empty where etcd wants none
        self._secrets: tuple[str, ...] = ()
        self._turn: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._heard = False  # once something has answered, the scheme is right

    def open(self) -> httpx.AsyncClient:
        """A client for the running event loop; the caller closes it.

        Raises EtcdError where a PEM file is unusable.
        """
        options = self._options
        secure = any(server.scheme == "https" for server in options.servers)
        context = options.tls.context("etcd", EtcdError) if secure else None
        return open_client(context, timeout=options.timeout, transport=self._transport, headers=_REQUIRE_LEADER)

    async def ask(self, client: httpx.AsyncClient, server: Endpoint, request: Request) -> Mapping[str, object]:
        """The answer, complete within the option `timeout`.

        Raises EtcdDenied where the access rules refuse the question, EtcdUnreachable where no answer comes, and
        EtcdError for anything that is no answer.
        """
        response = await self._answer(client, server, request, stream=False)
        try:
            return document(response.content)
        except PayloadError as exc:
            raise payload_error(server.authority, server.url + request.path, request.purpose, exc) from None

    @contextlib.asynccontextmanager
    async def stream(self, client: httpx.AsyncClient, server: Endpoint, request: Request) -> AsyncIterator[Stream]:
        """The lines of an answer that goes on; whatever reading them raises becomes an EtcdError.

        Raises as `ask` does.
        """
        response = await self._answer(client, server, request, stream=True)
        try:
            with self._question(server, request).told():
                async with Stream(response.aiter_lines()) as stream:
                    yield stream
        except EOFError:
            what = f"etcd at {server.authority} ended its answer for {request.purpose.what}"
            raise EtcdUnreachable(f"{what} (POST {server.url}{request.path})") from None
        finally:
            await response.aclose()

    def refused(self, message: str, status: str, server: Endpoint, request: Request) -> EtcdError:
        """The error that etcd's `message` stands for; a token that it refuses is not sent again."""
        if needs_login(message):
            self._token = None
        for secret in self._secrets:
            message = message.replace(secret, "(secret)")
        user = f"user {self._options.user!r}" if self._options.user else "nobody (no user is given)"
        return refusal(message, status, server.authority, request.path, request.purpose, user=user)

    async def _answer(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request, *, stream: bool
    ) -> httpx.Response:
        """An answer of status 200, read unless it is a stream."""
        user = self._options.user
        for attempt in (1, 2):
            token = await self._logged_in(client, server, request) if user else ""
            try:
                response = await self._exchange(client, server, request, token, stream=stream)
            except EtcdUnreachable:
                # After a loss of its data etcd may know the token for one of its future, and wait instead of refusing
                # it: the next question logs in anew.
                self._forget(token)
                raise
            if response.status_code == 200:
                return response
            message = _message(response)
            if attempt == 1 and user and needs_login(message):
                self._forget(token)
                continue
            break
        raise self.refused(message, str(response.status_code), server, request)

    def _forget(self, token: str) -> None:
        # Another watch may have logged in meanwhile.
        if token and self._token == token:
            self._token = None

    async def _logged_in(self, client: httpx.AsyncClient, server: Endpoint, request: Request) -> str:
        """The token. One question at a time asks for it: etcd spends a tenth of a second on each password (bcrypt)."""
        loop = asyncio.get_running_loop()
        if self._turn is None or self._turn[0] is not loop:
            self._turn = (loop, asyncio.Lock())
        async with self._question(server, request).timed(), self._turn[1]:
            if self._token is None:
                self._token = await self._login(client, server, request.purpose)
            return self._token

    async def _login(self, client: httpx.AsyncClient, server: Endpoint, purpose: Purpose) -> str:
        """A token, or an empty text where the cluster has its access rules turned off."""
        # Needed every few minutes at most, so that its file is read each time anew.
        password = self._options.password.reread()
        self._secrets = (password,)
        request = Request(_LOGIN, {"name": self._options.user, "password": password}, purpose)
        response = await self._exchange(client, server, request, "", stream=False)
        message = "" if response.status_code == 200 else _message(response)
        if "authentication is not enabled" in message:
            return ""
        if response.status_code != 200:
            raise self.refused(message, str(response.status_code), server, request)
        try:
            token = text(document(response.content).get("token"), "the token")
            if not token:
                raise PayloadError("it has no token")
        except PayloadError:
            # Not even an excerpt: a token may stand in it.
            raise payload_error(server.authority, server.url + _LOGIN, purpose, "it holds no token") from None
        if not (token.isascii() and token.isprintable()):
            raise payload_error(server.authority, server.url + _LOGIN, purpose, "its token cannot be sent in a header")
        self._secrets = (password, token)
        return token

    async def _exchange(
        self, client: httpx.AsyncClient, server: Endpoint, request: Request, token: str, *, stream: bool
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
        content, body = (request.body, None) if isinstance(request.body, str) else (None, request.body)
        sent = client.build_request("POST", server.url + request.path, content=content, json=body, headers=headers)
        async with self._question(server, request).timed():
            response = await client.send(sent, stream=True)
            self._heard = True
            if not stream or response.status_code != 200:
                try:
                    await response.aread()
                finally:
                    await response.aclose()
            return response

    def _question(self, server: Endpoint, request: Request) -> Question:
        return Question(
            f"etcd at {server.authority}",
            f"{request.purpose.what} (POST {server.url}{request.path})",
            self._options.timeout,
            EtcdUnreachable,
            hint=partial(self._hint, tls=server.scheme == "https"),
        )

    def _hint(self, exc: Exception, *, tls: bool) -> str:
        if isinstance(exc, httpx.ConnectError):
            return plain_http(exc) if tls else ""
        if isinstance(exc, TimeoutError | httpx.TimeoutException | httpx.DecodingError):
            return ""
        if not tls and not self._heard:
            return "; does it speak TLS there (scheme=https)?"
        return "; does it ask for a client certificate (cert_file=)?" if tls and not self._options.tls.cert_file else ""


def _message(response: httpx.Response) -> str:
    try:
        return error_message(document(response.content)) or response.text
    except PayloadError:
        return response.text
