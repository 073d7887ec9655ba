"""Looking at a process that runs, and taking a hand: an HTTP interface and one page over it."""

from meshclient.sidecar.admin.server import Admin
from meshclient.sidecar.admin.view import MeshView, NotOffered, View

__all__ = ["Admin", "MeshView", "NotOffered", "View"]
