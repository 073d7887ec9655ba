"""Envoy's own admin interface, asked by its plane alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.model.listening import Listening

# Seconds for one question; Envoy answers on its main thread, which large updates keep busy.
TIMEOUT = 5.0
_LINE = re.compile(r'^([^\s:]+(?:\.[^\s:]+)*): (?:"(.*)"|(-?[0-9]+))$', re.MULTILINE)


class Host(NamedTuple):
    """An endpoint as Envoy sees it.

    Args:
        good: attempts that went well, since it knows the endpoint.
        bad: those that did not.
        ejected: whether outlier detection has taken it out.
    """

    good: int
    bad: int
    ejected: bool


class EnvoyAdmin:
    """Asks one Envoy.

    Args:
        place: where its admin interface listens.
    """

    def __init__(self, place: Listening) -> None:
        # There is no TLS here, and reading certificates takes longer than all questions together.
        transport = httpx.AsyncHTTPTransport(uds=place.path or None, verify=False)
        host = "envoy" if place.path else str(place)
        self._client = httpx.AsyncClient(
            transport=transport, base_url=f"http://{host}", timeout=TIMEOUT, trust_env=False
        )

    async def live(self) -> bool:
        """Whether it serves: it has all of its configuration and does not drain."""
        try:
            return (await self._client.get("/ready")).status_code == 200
        except httpx.HTTPError:
            return False

    async def stats(self, pattern: str) -> Mapping[str, str]:
        """Counters, gauges and texts whose names match the regular expression. Raises httpx.HTTPError."""
        response = await self._client.get("/stats", params={"filter": pattern})
        response.raise_for_status()
        return {name: text or number for name, text, number in _LINE.findall(response.text)}

    async def listening(self) -> Mapping[str, str]:
        """By listener, where it listens. Raises httpx.HTTPError."""
        response = await self._client.get("/listeners", params={"format": "json"})
        response.raise_for_status()
        # Without a listener there is no list.
        listed = json.loads(response.text).get("listener_statuses", ())
        return {each["name"]: _address(each["local_address"]) for each in listed}

    async def hosts(self) -> Mapping[str, Mapping[str, Host]]:
        """The endpoints of each cluster by address: ``host port``, or a path. Raises httpx.HTTPError."""
        response = await self._client.get("/clusters", params={"format": "json"})
        response.raise_for_status()
        return {
            each["name"]: {_place(host["address"]): _host(host) for host in each.get("host_statuses", ())}
            for each in json.loads(response.text).get("cluster_statuses", ())
        }

    async def order(self, path: str) -> None:
        """Have it do something. Raises httpx.HTTPError."""
        (await self._client.post(path)).raise_for_status()

    async def aclose(self) -> None:
        """Ask no more."""
        await self._client.aclose()


def _host(said: Mapping[str, Any]) -> Host:
    # What is zero, or false, is left out.
    counts = {each["name"]: int(each.get("value", 0)) for each in said["stats"]}
    out = bool(said.get("health_status", {}).get("failed_outlier_check"))
    return Host(counts.get("rq_success", 0), counts.get("rq_error", 0), out)


def _place(address: Mapping[str, Mapping[str, object]]) -> str:
    if "pipe" in address:
        return str(address["pipe"]["path"])
    place = address["socket_address"]
    return f"{place['address']} {place['port_value']}"


def _address(address: dict[str, dict[str, object]]) -> str:
    if "pipe" in address:
        return f"unix:{address['pipe']['path']}"
    host, port = address["socket_address"]["address"], address["socket_address"]["port_value"]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
