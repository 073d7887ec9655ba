"""Django in one file, with a view of either kind; `wsgi` and `asgi` are what servers run.

MESHCLIENT_SERVICES__ORDERS__ENDPOINTS=http://127.0.0.1:9001 uvicorn --app-dir examples/inbound django_service:asgi
"""

from __future__ import annotations

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import HttpRequest, JsonResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["meshclient.integrations.django.MeshMiddleware"],
    MESHCLIENT={"inbound": {"needs": ["orders"], "limit": 32, "load_report": True}},
)
django.setup()

from meshclient.integrations.django import async_client, client  # noqa: E402 - the setting comes first


def cart(_: HttpRequest) -> JsonResponse:
    """Ask another service; its answer has to come before this one's caller gives up."""
    return JsonResponse({"order": client().get("http://orders/v1/orders/42").text})


async def async_cart(_: HttpRequest) -> JsonResponse:
    """Likewise."""
    return JsonResponse({"order": (await async_client().get("http://orders/v1/orders/42")).text})


urlpatterns = [path("cart", cart), path("async-cart", async_cart)]
wsgi, asgi = get_wsgi_application(), get_asgi_application()
