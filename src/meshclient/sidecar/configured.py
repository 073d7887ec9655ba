"""What follows from ``[sidecar]`` for the parts: their settings, services that are needed, the token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient.sidecar.proxy import ProxySettings
from meshclient.sidecar.proxy.route import OutboundRoute

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.mesh.mesh import Mesh
    from meshclient.sidecar.proxy import Gate


def proxy_settings(config: SidecarConfig, log: Callable[[str], None], gate: Gate | None = None) -> ProxySettings:
    """Of one listener; `log` is given lines where an access log is wanted."""
    return ProxySettings(
        header_timeout=config.header_timeout,
        idle_timeout=config.idle_timeout,
        body_timeout=config.body_timeout,
        tunnel_timeout=config.tunnel_timeout,
        max_head=config.max_head,
        max_line=config.max_line,
        replay=config.replay,
        max_connections=config.max_connections,
        via=config.via,
        forwarded=config.forwarded,
        gate=gate,
        log=log if config.access_log else None,
    )


def outbound_route(mesh: Mesh, config: SidecarConfig) -> OutboundRoute:
    """The rules of the outbound listener."""
    return OutboundRoute(
        mesh,
        service=config.service,
        prefixes=config.prefixes,
        connect=config.connect,
        passthrough=config.passthrough,
    )


def needed(config: SidecarConfig) -> set[str]:
    """Services that are called without anybody having named them."""
    return {name for name in (config.service, *config.prefixes.values()) if name}


def token(config: SidecarConfig) -> str | None:
    """What the admin interface asks for, or None. Raises ConfigError where the file cannot be read, or is empty."""
    if not config.admin or not config.admin_token_file:
        return None
    path = Path(config.admin_token_file).expanduser()
    try:
        text = path.read_text().strip()
    except (OSError, ValueError) as exc:
        raise ConfigError(f"sidecar.admin_token_file {path} cannot be read: {exc}; write the token into it") from None
    if not text:
        raise ConfigError(f"sidecar.admin_token_file {path} is empty: write a token into it")
    return text
