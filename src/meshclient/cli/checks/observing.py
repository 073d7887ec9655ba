"""What the category ``telemetry`` decides on, and the time that registries tell."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from meshclient.cli.checks.reaching import dated, request, unnamed
from meshclient.cli.checks.telemetry import Collector, TelemetryFacts
from meshclient.engine.aio.dial import dial
from meshclient.engine.errors import ConnectFailed
from meshclient.engine.target import Target
from meshclient.model.duration import format_duration
from meshclient.model.endpoint import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.cli.checks.reached import Dated

_ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in ("", "TRACES_", "METRICS_", "LOGS_"))
_EXPORTERS = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Registries whose address is that of an HTTP server.
_HTTP = frozenset({"consul", "etcd", "eureka"})
_HEAD_LIMIT = 16_384
# As exporters over HTTP and over gRPC have it.
_PROXIED = frozenset({"http", "https", "grpc", "all"})


async def telemetry_of(environ: Mapping[str, str], limit: float) -> TelemetryFacts:
    """Everything about telemetry that this environment says; each collector is connected to once."""
    given = {name: value.strip() for name, value in environ.items() if name.startswith("OTEL_") and value.strip()}
    endpoints = [name for name in _ENDPOINTS if name in given]
    asked = [name for name in _EXPORTERS if given.get(name, "none").lower() != "none"]
    disabled = given.get("OTEL_SDK_DISABLED", "").lower() == "true"
    facts = TelemetryFacts(
        set=(*endpoints, *asked),
        disabled=disabled,
        sdk=_there("opentelemetry.sdk"),
        otlp=_there("opentelemetry.exporter.otlp"),
        propagators=tuple(p.strip() for p in given.get("OTEL_PROPAGATORS", "").split(",") if p.strip()),
        installed=tuple(sorted(point.name for point in entry_points(group="opentelemetry_propagator"))),
    )
    if disabled:
        return facts
    found: dict[str, Collector] = {}
    proxies = _proxies(environ)
    for name in endpoints:
        # Of the same address once.
        collector = await _collector(name, given[name], limit, proxies)
        found.setdefault(collector.address or name, collector)
    return TelemetryFacts(
        facts.set, facts.disabled, facts.sdk, facts.otlp, tuple(found.values()), facts.propagators, facts.installed
    )


async def date_of(source: str, limit: float) -> Dated | None:
    """What the clock of a registry shows that is an HTTP server in plain text; None where it cannot be told."""
    scheme, _, rest = source.partition("://")
    where, _, options = rest.partition("?")
    if scheme not in _HTTP or "scheme=https" in options:
        return None
    try:
        server = Endpoint.parse(where.partition("/")[0].partition(",")[0])
        if await unnamed(Target(server.host, server.port), limit):
            return None
        began = time.time()
        async with asyncio.timeout(limit):
            sock = await dial(asyncio.get_running_loop(), Target(server.host, server.port))
            reader, writer = await asyncio.open_connection(sock=sock)
            try:
                writer.write(request(server.authority, "/"))
                head = await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.transport.abort()
    except (ValueError, OSError, EOFError, asyncio.LimitOverrunError, ConnectFailed):
        return None
    return dated(f"{scheme}://{server.authority}", head[:_HEAD_LIMIT], began)


def _there(module: str) -> bool:
    with suppress(ImportError, ValueError):
        return find_spec(module) is not None
    return False


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """By scheme, what exporters go through, and under "no" what they do not; the library itself goes through none."""
    given = ((name.lower(), value) for name, value in environ.items() if value)
    return {name.removesuffix("_proxy"): value for name, value in given if name.endswith("_proxy")}


async def _collector(variable: str, url: str, limit: float, proxies: dict[str, str]) -> Collector:
    # gRPC's exporter takes host:port alone as well.
    parts = urlsplit(url if "://" in url else f"//{url}")
    try:
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        return Collector(variable, "")
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if proxies.keys() & _PROXIED and not proxy_bypass_environment(f"{host}:{port}", proxies):
        return Collector(variable, address, proxied=True)
    if trouble := await unnamed(Target(host, port), limit):
        return Collector(variable, address, trouble.partition(": ")[2])
    try:
        async with asyncio.timeout(limit):
            (await dial(asyncio.get_running_loop(), Target(host, port))).close()
    except TimeoutError:
        return Collector(variable, address, f"no connection within {format_duration(limit)}")
    except (ConnectFailed, OSError) as exc:
        return Collector(variable, address, str(exc).partition(": ")[2] or str(exc))
    return Collector(variable, address)
