"""A Django project for the tests: views of either kind that wait, fail, and stream."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped]
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
from django.http import HttpResponse, StreamingHttpResponse  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from meshclient.http.ambient import AMBIENT
from meshclient.telemetry.propagation.context import TRACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["meshclient.integrations.django.MeshMiddleware"],
    LOGGING_CONFIG=None,
    MESHCLIENT={
        "services": {"gone": {"endpoints": ["http://127.0.0.1:9"]}},
        "inbound": json.loads(os.environ["INBOUND"]),
    },
)
django.setup()
from meshclient.integrations.django import async_client, client  # noqa: E402 - the setting comes first

GATE = Path(os.environ["GATE"])


def mark(name: str) -> None:
    """Let the test know."""
    Path(f"{GATE}.{name}").touch()


def opened() -> bool:
    return GATE.exists()


def told() -> bytes:
    """What holds for calls made here."""
    trace = TRACE.get()
    return json.dumps([trace and trace.trace_id, AMBIENT.get().ends - time.monotonic() < 60]).encode()


def tell(_: Any) -> Any:
    return HttpResponse(told())


async def atell(_: Any) -> Any:
    await asyncio.sleep(0)
    return HttpResponse(told())


def hold(_: Any) -> Any:
    mark("inside")
    while not opened():
        time.sleep(0.01)
    return HttpResponse(b"held")


async def ahold(_: Any) -> Any:
    mark("inside")
    try:
        while not opened():  # noqa: ASYNC110 - by another process
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        mark("cancelled")
        raise
    return HttpResponse(b"held")


def fail(_: Any) -> Any:
    raise LookupError("the view's own")


def late(_: Any) -> Any:
    time.sleep(0.2)
    return HttpResponse(client().get("http://gone/").content)


async def alate(_: Any) -> Any:
    return HttpResponse((await async_client().get("http://gone/")).content)


def parts() -> Iterator[bytes]:
    yield told()
    yield b"\n"
    yield told()


async def aparts() -> AsyncIterator[bytes]:
    for part in parts():
        await asyncio.sleep(0)
        yield part


def stream(_: Any) -> Any:
    return StreamingHttpResponse(parts())


async def astream(_: Any) -> Any:
    return StreamingHttpResponse(aparts())


VIEWS = (tell, atell, hold, ahold, fail, late, alate, stream, astream)
urlpatterns = [path(view.__name__, view) for view in VIEWS]
wsgi, asgi = get_wsgi_application(), get_asgi_application()
