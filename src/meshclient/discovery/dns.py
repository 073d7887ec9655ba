"""``dns://``: the A and AAAA records of a name, asked for again as their TTL runs out, also while all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshclient.discovery.nameserver import TTL_CEILING, Nameserver, refresh_after
from meshclient.discovery.resolver import PollingResolver
from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, MAX_PORT, Endpoint
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    import random

    from meshclient.discovery.resolver import ResolverUri


class DnsResolver(PollingResolver):
    """Every address of a name is an endpoint.

    ``dns://`` asks the system's name servers, with its search domains; ``dns://10.0.0.2:53`` (or the option
    ``nameserver``) asks that one, for absolute names. Options besides: ``domain`` (appended to the service's name),
    ``port`` (the scheme's own where not given: address records know none), ``scheme`` (http), ``family`` (any, ipv4,
    ipv6) and ``timeout`` (5 s). No such name is an unknown service; a name without addresses is a known one without
    endpoints; anything else is a failure. Raises ConfigError for a bad URI.
    """

    def __init__(self, uri: ResolverUri, *, rng: random.Random | None = None) -> None:
        if uri.path not in ("", "/"):
            raise ConfigError(f"{uri}: dns:// takes no path; write dns://<name server> and ?domain=")
        self._nameserver = Nameserver(uri, uri.authority)
        self._scheme = scheme_option(uri) or "http"
        self._port = int(uri.number("port", DEFAULT_PORTS[self._scheme]))
        if not 1 <= self._port <= MAX_PORT:
            raise ConfigError(f"port={self._port} in {uri} is out of range: use 1 to {MAX_PORT}")
        self._domain = domain_name(uri.text("domain"), uri)
        uri.finish()
        super().__init__(source=str(uri), interval=TTL_CEILING, rng=rng)

    async def fetch(self, name: ServiceName) -> Ready | Empty:
        """Ask for the addresses once. Raises ConnectionError where nothing can be told."""
        question = f"{name}.{self._domain}" if self._domain else name.value
        search = self._nameserver.address is None and not self._domain
        found = await self._nameserver.addresses(question, search=search)
        return listing(
            (Endpoint(host, self._port, self._scheme) for host in found.hosts),
            source=self.source,
            exists=found.exists,
            ttl=refresh_after(found.ttl, complete=bool(found.hosts)),
        )


def scheme_option(uri: ResolverUri) -> str:
    """The option ``scheme``, or nothing. Raises ConfigError where it is neither http nor https."""
    scheme = uri.text("scheme")
    if scheme and scheme not in DEFAULT_PORTS:
        raise ConfigError(f"scheme={scheme!r} in {uri} is not supported: use {' or '.join(DEFAULT_PORTS)}")
    return scheme


def domain_name(text: str, uri: ResolverUri) -> str:
    """`text` as a domain without its final dot, or nothing. Raises ConfigError where it is none."""
    try:
        return ServiceName.parse(text).value if text else ""
    except ValueError:
        raise ConfigError(f"{text!r} in {uri} is not a domain") from None
