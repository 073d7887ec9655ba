"""Hosts that are none, and may have been meant as services: httpx's own error, with a note that says what to do."""

from __future__ import annotations

import re
import socket
from typing import Any

import httpx
import pytest

import meshclient
from meshclient.http.unfound import note_unfound
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture

ENDPOINT = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has an address but those who are one."""
    look_up = socket.getaddrinfo

    def none(host: Any, port: Any, *arguments: Any, **keywords: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not re.fullmatch(r"[\d.]+", name):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, port, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", none)


def notes(face: Face, client: Any, url: str, **keywords: Any) -> list[str]:
    with pytest.raises(httpx.TransportError) as caught:
        face.run(client.get(url, **keywords))
    assert type(caught.value) in {httpx.ConnectError, httpx.UnsupportedProtocol}
    return list(getattr(caught.value, "__notes__", ()))


@pytest.mark.parametrize("url", ["http://orders/v1", "mesh://orders/v1"])
def test_a_client_that_knows_nothing_says_what_it_wants(face: Face, url: str) -> None:
    (note,) = notes(face, face.client(), url)
    assert note.startswith("meshclient: 'orders' ")
    assert 'name a registry (resolver = "consul://127.0.0.1:8500")' in note
    assert 'services.orders.endpoints = ["http://127.0.0.1:8080"]' in note


@pytest.mark.parametrize("engine", ["builtin", "httpx"])
@pytest.mark.parametrize("headers", [None, {"x": "1"}], ids=["short", "long"])
@pytest.mark.parametrize(
    ("host", "hint"), [("ordes", "did you mean 'orders'?"), ("zzz", "known are orders")], ids=["near", "far"]
)
def test_a_name_that_no_configuration_knows(face: Face, engine: str, headers: Any, host: str, hint: str) -> None:
    (note,) = notes(face, face.orders(ENDPOINT, engine=engine), f"http://{host}/", headers=headers)
    assert note.startswith(f"meshclient: {host!r} was taken for a host: it is none of the services of this client")
    assert note.endswith(hint)


def test_a_name_with_dots(face: Face) -> None:
    assert notes(face, face.client(), "http://orders.internal/") == []
    (note,) = notes(face, face.orders(ENDPOINT), "http://orders.internal/")
    assert note.endswith("beneath one of `domains`, or as mesh://orders.internal")


def test_a_service_and_a_host_that_refuse_have_no_such_note(face: Face) -> None:
    client = face.orders("http://gone.test:1", defaults={"retry": False})
    (story,) = notes(face, client, "http://orders/")
    assert story.startswith("meshclient: call to service 'orders': tried 1. http://gone.test:1 ")
    assert notes(face, client, f"{ENDPOINT}/") == []
    assert notes(face, face.client(), f"{ENDPOINT}/") == []


def test_an_error_that_knows_no_request(face: Face) -> None:
    error = httpx.ConnectError("of a library that stands in for the network")
    error.__cause__ = socket.gaierror()
    note_unfound(error, error, httpx.Request("GET", "http://orders/"), face.mesh())
    assert len(error.__notes__) == 1


def test_a_mesh_in_the_place_of_a_resolver(face: Face) -> None:
    with pytest.raises(meshclient.ConfigError, match=r"Client\(mesh=\.\.\.\)"):
        face.client(face.mesh())


def test_a_service_without_endpoints_and_nobody_to_ask(face: Face) -> None:
    with pytest.raises(meshclient.NoEndpoints, match=r"name a resolver, or write endpoints into \[services\.ordes\]"):
        face.run(face.orders(ENDPOINT).get("mesh://ordes/"))
