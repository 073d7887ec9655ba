"""Which services are Envoy's from the start, and what a host means to it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import certifi

from meshclient.config.origin import Layer, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshclient.config.loaded import Loaded
    from meshclient.config.shape import MeshConfig
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.mesh import Mesh


def named(config: MeshConfig, settings: SidecarConfig) -> list[str]:
    """The services that the configuration names, each once."""
    if settings.service:
        return [settings.service]
    spelled = [name for name in config.services if name not in config.unspelled]
    return list(dict.fromkeys([*spelled, *settings.prefixes.values()]))


def hosts_name(mesh: Mesh, host: str) -> str | None:
    """The service that an authority means, or None."""
    name, colon, port = host.rpartition(":")
    service = mesh.service_of("http", name if colon and port.isdigit() else host)
    return None if service is None else service.name


def throttled(loaded: Loaded, name: str) -> bool:
    """Whether a throttle is configured for the service, for itself or for all, rather than on by default."""
    places = ("defaults.throttle", dotted(("services", name, "throttle")))
    return any(
        setting.origin.layer is not Layer.DEFAULT for setting in loaded.settings if setting.path.startswith(places)
    )


def trusted(environ: Mapping[str, str]) -> str:
    """The PEM file of the authorities that are trusted where a service names none, which are httpx's."""
    return environ.get(ssl.get_default_verify_paths().openssl_cafile_env) or certifi.where()
