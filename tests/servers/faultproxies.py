"""Starts fault proxies for a test and stops them at its end."""

from __future__ import annotations

from servers.dnsfaultproxy import DnsFaultProxy
from servers.faultproxy import FaultProxy
from servers.httpfaultproxy import HttpFaultProxy


class FaultProxies:
    """`proxies.http(host, port)` and its like return a running proxy for that upstream."""

    def __init__(self) -> None:
        """Start with no proxy."""
        self._running: list[FaultProxy] = []

    def tcp(self, host: str, port: int) -> FaultProxy:
        """A proxy for any TCP protocol."""
        proxy = FaultProxy(host, port)
        self._running.append(proxy)
        return proxy.start()

    def http(self, host: str, port: int) -> HttpFaultProxy:
        """A proxy that knows HTTP/1.1 requests."""
        proxy = HttpFaultProxy(host, port)
        self._running.append(proxy)
        return proxy.start()

    def dns(self, host: str, port: int) -> DnsFaultProxy:
        """A proxy that knows DNS questions."""
        proxy = DnsFaultProxy(host, port)
        self._running.append(proxy)
        return proxy.start()

    def stop(self) -> None:
        """Stop every proxy."""
        while self._running:
            self._running.pop().stop()
