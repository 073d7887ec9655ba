"""Cloud Map: namespaces, services and operations, and the lists of them."""

from __future__ import annotations

import json
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from servers.aws_overlay.errors import json_error
from servers.aws_overlay.state import CLOUDMAP, LOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


def patch() -> None:
    """Put the corrections in place of moto's own methods."""
    backend = import_module("moto.servicediscovery.models").ServiceDiscoveryBackend
    for kind in ("http", "private_dns", "public_dns"):
        name = f"create_{kind}_namespace"
        setattr(backend, name, _create_namespace(getattr(backend, name)))
    backend.create_service = _create_service(backend.create_service)
    backend.delete_namespace = _delete_namespace(backend.delete_namespace)
    backend.delete_service = delete_service
    backend.get_operation = get_operation
    answers = import_module("moto.servicediscovery.responses").ServiceDiscoveryResponse
    answers.list_operations = list_operations
    answers.list_services = list_services
    answers.list_namespaces = list_namespaces


def _name_zone(backend: Any, name: str) -> None:
    """moto calls the namespace's hosted zone NAME-hz; AWS calls it NAME."""
    zones = import_module("moto.servicediscovery.models").route53_backends[backend.account_id]
    for namespace in backend.namespaces.values():
        zone_id = ((namespace.dns_properties or {}).get("HostedZoneId") or "").rsplit("/", 1)[-1]
        if namespace.name == name and zone_id:
            for region in list(zones.values()):
                if zone_id in region.zones:
                    region.zones[zone_id].name = f"{name.rstrip('.')}."


def _create_namespace(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_namespace(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        with LOCK:
            if any(namespace.name == name for namespace in self.namespaces.values()):
                raise json_error("NamespaceAlreadyExists", name)
            networks = {namespace.id: namespace.vpc for namespace in self.namespaces.values()}
            for namespace in self.namespaces.values():
                namespace.vpc = None  # moto allows a VPC one namespace, AWS any number
            try:
                operation = original(self, *args, name=name, **kwargs)
                _name_zone(self, name)
                return operation
            finally:
                for key, network in networks.items():
                    self.namespaces[key].vpc = network

    return create_namespace


def _create_service(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_service(self: Any, name: str, namespace_id: str, **kwargs: Any) -> Any:
        with LOCK:
            if namespace_id not in self.namespaces:
                raise json_error("NamespaceNotFound", str(namespace_id), 404)
            if any(each.name == name and each.namespace_id == namespace_id for each in self.services.values()):
                raise json_error("ServiceAlreadyExists", name)
            return original(self, name=name, namespace_id=namespace_id, **kwargs)

    return create_service


def _delete_namespace(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_namespace(self: Any, namespace_id: str) -> Any:
        if any(service.namespace_id == namespace_id for service in self.services.values()):
            raise json_error("ResourceInUse", namespace_id)
        return original(self, namespace_id)

    return delete_namespace


def delete_service(self: Any, service_id: str) -> None:
    """DeleteService: not while it has instances."""
    if self.get_service(service_id).instances:
        raise json_error("ResourceInUse", service_id)
    del self.services[service_id]


def get_operation(self: Any, operation_id: str) -> Any:
    """GetOperation: pending until the delay is over."""
    if operation_id not in self.operations:
        raise json_error("OperationNotFound", operation_id, 404)
    operation = self.operations[operation_id]
    operation.status = "SUCCESS" if time.time() >= operation.created + CLOUDMAP.delay else "PENDING"
    return operation


def _page(asked: Mapping[str, Any], key: str, rows: Sequence[object]) -> str:
    start, size = int(asked.get("NextToken") or 0), asked.get("MaxResults") or 100
    reply: dict[str, object] = {key: rows[start : start + size]}
    if start + size < len(rows):
        reply["NextToken"] = str(start + size)
    return json.dumps(reply)


def _matches(filters: Iterable[Mapping[str, Any]] | None, values: Mapping[str, str]) -> bool:
    return all(values.get(each["Name"]) in each["Values"] for each in filters or [])


def list_operations(self: Any) -> str:
    """ListOperations."""
    backend, asked = self.servicediscovery_backend, json.loads(self.body)
    filters = [each for each in asked.get("Filters") or [] if each["Name"] != "UPDATE_DATE"]
    rows = []
    for operation_id in list(backend.operations):
        operation = backend.get_operation(operation_id)
        values = {
            "STATUS": operation.status,
            "TYPE": operation.operation_type,
            "SERVICE_ID": operation.targets.get("SERVICE"),
            "NAMESPACE_ID": operation.targets.get("NAMESPACE"),
        }
        if _matches(filters, values):
            rows.append(operation.to_json(short=True))
    return _page(asked, "Operations", rows)


def list_services(self: Any) -> str:
    """ListServices."""
    asked = json.loads(self.body)
    rows = [
        service.to_json()
        for service in list(self.servicediscovery_backend.services.values())
        if _matches(asked.get("Filters"), {"NAMESPACE_ID": service.namespace_id})
    ]
    return _page(asked, "Services", rows)


def list_namespaces(self: Any) -> str:
    """ListNamespaces."""
    asked = json.loads(self.body)
    rows = []
    for namespace in list(self.servicediscovery_backend.namespaces.values()):
        http_name = (namespace.http_properties or {}).get("HttpName", namespace.name)
        if _matches(asked.get("Filters"), {"TYPE": namespace.type, "NAME": namespace.name, "HTTP_NAME": http_name}):
            rows.append(namespace.to_json())
    return _page(asked, "Namespaces", rows)
