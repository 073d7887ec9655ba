"""The running state behind all clients: services, their lists, balancers and budgets."""

from meshclient.mesh.mesh import Mesh
from meshclient.mesh.service import MeshService

__all__ = ["Mesh", "MeshService"]
