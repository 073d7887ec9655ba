"""What stands between others and the local application: whether it may be called, how often at once, until when."""

from __future__ import annotations

from meshclient.sidecar.inbound.application import Application
from meshclient.sidecar.inbound.entrance import Entrance
from meshclient.sidecar.inbound.listed import Listed
from meshclient.sidecar.inbound.to_application import ToApplication, application_mesh
from meshclient.sidecar.inbound.turnstile import Turnstile

__all__ = ["Application", "Entrance", "Listed", "ToApplication", "Turnstile", "application_mesh"]
