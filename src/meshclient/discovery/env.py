"""``env://``: endpoints from environment variables, for development and for platforms that inject them.

Two spellings are read: our own, and the one that .NET Aspire gives to the processes it starts
("Service discovery in Aspire", learn.microsoft.com), so that a Python service joins an Aspire host without a setting.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

from meshclient.discovery.services_table import parse_endpoints
from meshclient.errors import ConfigError
from meshclient.model.snapshot import Empty, Ready, listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.endpoint import Endpoint
    from meshclient.model.service import ServiceName

_OWN = "MESHCLIENT_SERVICES__"
_ASPIRE = "SERVICES__"
# Which variables list endpoints, and whose; other settings of a service are variables of that family too.
_NAME = "((?:(?!__).)+)"
_LISTS = re.compile(rf"{_OWN}{_NAME}(?:__ENDPOINTS)?|{_ASPIRE}{_NAME}__.+?__\d+")


class EnvResolver:
    """Answers once for each watch, from the process's environment.

    For the service ``orders``: ``MESHCLIENT_SERVICES__ORDERS__ENDPOINTS=http://a:1,http://b:2``, or the same value in
    ``MESHCLIENT_SERVICES__ORDERS``; where neither is set, all of ``services__orders__<endpoint>__<index>=http://a:1``.
    Names are compared in capitals, with ``_`` for everything but letters and digits. A watch raises ConfigError, with
    the variable's name, for a bad value and where two variables claim the same service.

    Args:
        uri: ``env://``; it takes no address and no options.
        environ: the variables; the process's own where not given, read afresh by each watch.
    """

    def __init__(self, uri: ResolverUri, *, environ: Mapping[str, str] | None = None) -> None:
        if uri.authority or uri.path:
            raise ConfigError(f"{uri}: env:// takes no address; it reads {_OWN}<NAME>__ENDPOINTS")
        uri.finish()
        self.source = str(uri)
        self._environ = os.environ if environ is None else environ

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty]:
        """Yield what the environment says, then wait for ever."""
        endpoints = self._endpoints(name)
        yield listing(endpoints or (), source=self.source, exists=endpoints is not None)
        await asyncio.Event().wait()

    async def names(self) -> list[str]:
        """The services that have variables, in small letters and with ``_`` for what a variable cannot spell."""
        found = (_LISTS.fullmatch(_folded(variable)) for variable in self._environ)
        return sorted({(match[1] or match[2]).lower() for match in found if match})

    def _endpoints(self, name: ServiceName) -> tuple[Endpoint, ...] | None:
        key = _folded(name.value)
        own = [v for v in self._environ if _folded(v) in (f"{_OWN}{key}", f"{_OWN}{key}__ENDPOINTS")]
        if len(own) > 1:
            raise ConfigError(f"{' and '.join(sorted(own))} both list the endpoints of {name}: unset one of them")
        indexed = re.compile(rf"{_ASPIRE}{key}__(.+?)__(\d+)")
        aspire = sorted((m[1], int(m[2]), v) for v in self._environ if (m := indexed.fullmatch(_folded(v))))
        variables = own or [variable for _, _, variable in aspire]
        if not variables:
            return None
        return tuple(e for v in variables for e in parse_endpoints(self._environ[v], v))


def _folded(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", text.upper())
