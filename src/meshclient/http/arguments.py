"""httpx's own client arguments, spelled out so that editors and type checkers know them on our clients too."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    import httpx
    from httpx._client import UseClientDefault
    from httpx._types import (
        AuthTypes,
        CertTypes,
        CookieTypes,
        HeaderTypes,
        ProxyTypes,
        QueryParamTypes,
        RequestExtensions,
        TimeoutTypes,
    )


class _Arguments(TypedDict, total=False):
    auth: AuthTypes | None
    params: QueryParamTypes | None
    headers: HeaderTypes | None
    cookies: CookieTypes | None
    verify: ssl.SSLContext | str | bool
    cert: CertTypes | None
    http1: bool
    http2: bool
    proxy: ProxyTypes | None
    timeout: TimeoutTypes
    follow_redirects: bool
    limits: httpx.Limits
    max_redirects: int
    base_url: httpx.URL | str
    trust_env: bool
    default_encoding: str | Callable[[bytes], str]


class ClientArguments(_Arguments, total=False):
    """Of httpx.Client."""

    mounts: Mapping[str, httpx.BaseTransport | None] | None
    event_hooks: Mapping[str, list[Callable[..., object]]] | None
    transport: httpx.BaseTransport | None


class AsyncClientArguments(_Arguments, total=False):
    """Of httpx.AsyncClient."""

    mounts: Mapping[str, httpx.AsyncBaseTransport | None] | None
    event_hooks: Mapping[str, list[Callable[..., object]]] | None
    transport: httpx.AsyncBaseTransport | None


class GetArguments(TypedDict, total=False):
    """Of ``get``."""

    params: QueryParamTypes | None
    headers: HeaderTypes | None
    cookies: CookieTypes | None
    auth: AuthTypes | UseClientDefault | None
    follow_redirects: bool | UseClientDefault
    timeout: TimeoutTypes | UseClientDefault
    extensions: RequestExtensions | None
