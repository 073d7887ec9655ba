"""Where requests lead that are addressed to a host and not to a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from meshclient.engine.target import Target

if TYPE_CHECKING:
    from meshclient.engine.target import Tls

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
# More are forgotten: who asks that many hosts asks most of them once.
_REMEMBERED = 1024


class Targets:
    """Remembers them, since an engine finds the pool of a known target fastest. For any number of threads.

    Args:
        tls: for https; by default certificates are checked against the authorities that httpx trusts.
        uds: path of a Unix socket that takes the place of all hosts and ports.
    """

    def __init__(self, tls: Tls | None, uds: str) -> None:
        self._tls = tls
        self._uds = uds
        self._known: dict[tuple[str, bytes, int | None, object], Target] = {}

    def of(self, request: httpx.Request) -> Target:
        """Where `request` goes. Raises httpx.UnsupportedProtocol."""
        url = request.url
        asked = (url.scheme, url.raw_host, url.port, request.extensions.get("sni_hostname"))
        return self._known.get(asked) or self._add(request, *asked)

    def _add(self, request: httpx.Request, scheme: str, raw_host: bytes, port: int | None, name: object) -> Target:
        if scheme not in _PORTS:
            what = f"has an unsupported protocol '{scheme}://'"
            said = what if scheme else "is missing an 'http://' or 'https://' protocol"
            msg = f"Request URL {said}."
            raise httpx.UnsupportedProtocol(msg, request=request)
        tls = None
        if _PORTS[scheme] == 443:
            tls = self._tls = self._tls or _default_tls()
        host = raw_host.decode("ascii")
        target = Target(host, port or _PORTS[scheme], self._uds, tls, str(name or host))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[scheme, raw_host, port, name] = target
        return target


def _default_tls() -> Tls:
    # It loads ssl, and files of certificates.
    from meshclient.engine.tls import TlsContexts
    from meshclient.engine.tls_settings import TlsSettings

    return TlsContexts(TlsSettings())
