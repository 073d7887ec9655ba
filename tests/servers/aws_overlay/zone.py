"""A zone file of what Route 53 and Cloud Map publish, for a real name server to serve."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from servers.aws_overlay.route53 import record_type

if TYPE_CHECKING:
    from collections.abc import Iterator


def zone_text(name: str) -> str:
    """Route 53's records of the zone `name` and Cloud Map's instances of the namespace of that name."""
    name = name.rstrip(".")
    head = [f"@ SOA ns.{name}. admin.{name}. {int(time.time())} 60 60 600 1", "@ NS ns", "ns A 127.0.0.1"]
    return "\n".join([*head, *_route53(name), *_cloudmap(name)]) + "\n"


def _backends(module: str, attribute: str) -> Iterator[Any]:
    for account in list(getattr(import_module(module), attribute).values()):
        yield from list(account.values())


def _route53(name: str) -> Iterator[str]:
    for backend in _backends("moto.route53.models", "route53_backends"):
        for zone in backend.zones.values():
            if zone.name.rstrip(".") != name:
                continue
            for record in zone.rrsets:
                if record_type(record) in ("SOA", "NS"):  # the server that loads the zone has its own
                    continue
                for value in record.records:
                    data = value["Value"] if isinstance(value, dict) else value
                    yield f"{record.name.rstrip('.')}. {record.ttl or 60} {record_type(record)} {data}"


def _cloudmap(name: str) -> Iterator[str]:
    for backend in _backends("moto.servicediscovery.models", "servicediscovery_backends"):
        spaces = {space.id for space in backend.namespaces.values() if space.name.rstrip(".") == name}
        for service in backend.services.values():
            if service.namespace_id not in spaces or not service.dns_config:
                continue
            for instance in service.instances:
                if instance.health_status != "UNHEALTHY":
                    yield from _records(service, instance, name)


def _records(service: Any, instance: Any, name: str) -> Iterator[str]:
    owner, attributes = f"{service.name}.{name}.", instance.attributes
    v4, v6 = attributes.get("AWS_INSTANCE_IPV4"), attributes.get("AWS_INSTANCE_IPV6")
    for record in service.dns_config["DnsRecords"]:
        kind, ttl = record["Type"], record["TTL"]
        target = owner
        if kind == "SRV":
            target = f"{instance.instance_id}.{owner}"
            yield f"{owner} {ttl} SRV 1 1 {attributes.get('AWS_INSTANCE_PORT', 80)} {target}"
        if kind in ("SRV", "A") and v4:
            yield f"{target} {ttl} A {v4}"
        if kind in ("SRV", "AAAA") and v6:
            yield f"{target} {ttl} AAAA {v6}"
        if kind == "CNAME" and attributes.get("AWS_INSTANCE_CNAME"):
            yield f"{owner} {ttl} CNAME {attributes['AWS_INSTANCE_CNAME'].rstrip('.')}."
