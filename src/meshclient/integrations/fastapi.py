"""FastAPI, which is Starlette in this respect."""

from meshclient.integrations.starlette import MeshMiddleware, client, lifespan

__all__ = ["MeshMiddleware", "client", "lifespan"]
