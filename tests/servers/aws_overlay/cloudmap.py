"""Cloud Map: instances, their health, and what its data plane shows of them."""

from __future__ import annotations

import json
import random
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from servers.aws_overlay.errors import json_error
from servers.aws_overlay.state import CLOUDMAP, LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

_INSTANCE_LIMIT = 1000  # of one service, a quota that AWS does not raise


class Row(NamedTuple):
    """An instance as the data plane shows it."""

    instance_id: str
    attributes: dict[str, str]
    health: str


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    backend = import_module("moto.servicediscovery.models").ServiceDiscoveryBackend
    backend.register_instance = register_instance
    backend.deregister_instance = deregister_instance
    backend.update_instance_custom_health_status = update_health
    answers = import_module("moto.servicediscovery.responses").ServiceDiscoveryResponse
    answers.discover_instances = discover
    answers.discover_instances_revision = discover_revision


def view(service: Any) -> tuple[list[Row], int]:
    """The instances and the revision as the data plane shows them now."""
    if not hasattr(service, "mc_events"):
        service.mc_events, service.mc_shown, service.mc_revision = [], ([], 0), 0
    while service.mc_events and service.mc_events[0][0] + CLOUDMAP.delay <= time.time():
        service.mc_shown = service.mc_events.pop(0)[1]
    shown: tuple[list[Row], int] = service.mc_shown
    return shown


def publish(service: Any, *, counts: bool = True) -> None:
    """Let the data plane show the instances as they are, when the delay is over."""
    view(service)
    if counts:
        service.mc_revision += 1
    rows = [Row(i.instance_id, dict(i.attributes), i.health_status) for i in service.instances]
    service.mc_events.append((time.time(), (rows, service.mc_revision)))
    view(service)


def checked(service: Any) -> bool:
    """Whether the service has a health check of either kind."""
    return bool(service.health_check_config or service.health_check_custom_config is not None)


def known(service: Any, instance_id: str) -> Any:
    """The instance, or None."""
    return next((i for i in service.instances if i.instance_id == instance_id), None)


def register_instance(
    self: Any, service_id: str, instance_id: str, creator_request_id: str, attributes: Mapping[str, str]
) -> Any:
    """RegisterInstance: in place of what has this id."""
    made_of = import_module("moto.servicediscovery.models").ServiceInstance
    with LOCK:
        service = self.get_service(service_id)
        if not attributes:
            raise json_error("InvalidInput", "Attributes are required")
        old = known(service, instance_id)
        if old is None and len(service.instances) >= _INSTANCE_LIMIT:
            raise json_error("ResourceLimitExceeded", f"{_INSTANCE_LIMIT} instances per service")
        kept = dict(attributes)
        health = kept.pop("AWS_INIT_HEALTH_STATUS", "HEALTHY")
        fresh = made_of(service_id, instance_id, creator_request_id, kept)
        fresh.health_status = health if checked(service) else "UNKNOWN"
        if old is None:
            service.instances.append(fresh)
        else:
            service.instances[service.instances.index(old)] = fresh
        publish(service)
        return self._create_operation("REGISTER_INSTANCE", {"INSTANCE": instance_id, "SERVICE": service_id})


def fill(service_id: str, count: int) -> dict[str, int]:
    """List `count` instances, `i-0` and up at 127.1.0.1 and up, in place of all others; how many there are."""
    made_of = import_module("moto.servicediscovery.models").ServiceInstance
    backends = import_module("moto.servicediscovery.models").servicediscovery_backends
    with LOCK:
        every = [backend for account in list(backends.values()) for backend in list(account.values())]
        service = next(b.services[service_id] for b in every if service_id in b.services)
        service.instances.clear()
        for n in range(count):
            place = {"AWS_INSTANCE_IPV4": f"127.1.{n // 250}.{n % 250 + 1}", "AWS_INSTANCE_PORT": "8000"}
            instance = made_of(service_id, f"i-{n}", f"fill-{n}", place)
            instance.health_status = "HEALTHY" if checked(service) else "UNKNOWN"
            service.instances.append(instance)
        publish(service)
    return {"instances": count}


def deregister_instance(self: Any, service_id: str, instance_id: str) -> Any:
    """DeregisterInstance."""
    with LOCK:
        service = self.get_service(service_id)
        old = known(service, instance_id)
        if old is None:
            raise json_error("InstanceNotFound", instance_id, 404)
        service.instances.remove(old)
        publish(service)
        return self._create_operation("DEREGISTER_INSTANCE", {"INSTANCE": instance_id, "SERVICE": service_id})


def update_health(self: Any, service_id: str, instance_id: str, status: str) -> None:
    """UpdateInstanceCustomHealthStatus, which "doesn't update InstancesRevision"."""
    with LOCK:
        service = self.get_service(service_id)
        if service.health_check_custom_config is None:
            raise json_error("CustomHealthNotFound", instance_id, 404)
        if status not in ("HEALTHY", "UNHEALTHY"):
            raise json_error("InvalidInput", "Status")
        self.get_instance(service_id, instance_id).health_status = status
        publish(service, counts=False)


def locate(backend: Any, namespace_name: str, service_name: str) -> Any:
    """The service by its names."""
    for namespace in backend.namespaces.values():
        if namespace_name in (namespace.name, (namespace.http_properties or {}).get("HttpName")):
            for service in backend.services.values():
                if service.name == service_name and service.namespace_id == namespace.id:
                    return service
            raise json_error("ServiceNotFound", service_name, 404)
    raise json_error("NamespaceNotFound", namespace_name, 404)


def _keep(attributes: Mapping[str, str], filters: Mapping[str, str]) -> bool:
    return all(attributes.get(key) == value for key, value in filters.items())


def discover(self: Any) -> str:
    """DiscoverInstances."""
    asked = json.loads(self.body)
    limit = asked.get("MaxResults", 100)
    if not 1 <= limit <= 1000:
        raise json_error("InvalidInput", "MaxResults")
    wanted = asked.get("HealthStatus") or "ALL"
    if wanted not in ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL"):
        raise json_error("InvalidInput", "HealthStatus")
    with LOCK:
        service = locate(self.servicediscovery_backend, asked.get("NamespaceName"), asked.get("ServiceName"))
        rows, revision = view(service)
    rows = [row for row in rows if _keep(row.attributes, asked.get("QueryParameters") or {})]
    if checked(service):
        rows = _by_health(rows, wanted)
    optional = asked.get("OptionalParameters") or {}
    rows = [row for row in rows if optional and _keep(row.attributes, optional)] or rows
    shown = [
        {
            "InstanceId": row.instance_id,
            "NamespaceName": asked["NamespaceName"],
            "ServiceName": service.name,
            "HealthStatus": row.health,
            "Attributes": row.attributes,
        }
        for row in random.sample(rows, len(rows))[:limit]
    ]
    return json.dumps({"InstancesRevision": revision, "Instances": shown})


def _by_health(rows: list[Row], wanted: str) -> list[Row]:
    if wanted == "ALL":
        return rows
    if wanted == "HEALTHY_OR_ELSE_ALL":
        return [row for row in rows if row.health == "HEALTHY"] or rows
    return [row for row in rows if row.health == wanted]


def discover_revision(self: Any) -> str:
    """DiscoverInstancesRevision."""
    asked = json.loads(self.body)
    with LOCK:
        service = locate(self.servicediscovery_backend, asked.get("NamespaceName"), asked.get("ServiceName"))
        return json.dumps({"InstancesRevision": view(service)[1]})
