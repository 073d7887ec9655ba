"""A channel: httpx's keywords, the mesh's options, and one service."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from meshclient.errors import ConfigError
from meshclient.http import options as http_options
from meshclient.rpc import AsyncChannel, Channel, DecodeError
from meshclient.rpc.arguments import CALL_OPTIONS
from unit.http.face import Face, face_fixture  # noqa: F401 - a fixture
from unit.rpc.shop import Order, Wire, json, overridden, shared_mesh, wire_fixture  # noqa: F401 - a fixture


def channel(face: Face, source: Any, service: str = "orders", **keywords: Any) -> Any:
    """A channel of the face's colour."""
    return (AsyncChannel if face.is_async else Channel)(source, service, **keywords)


def asked(wire: Wire) -> Any:
    """The mesh's options that went with the last request."""
    return wire.last.extensions.get("mesh")


@pytest.mark.parametrize("verb", ["get", "head", "options", "post", "put", "patch", "delete"])
def test_every_verb_is_sent_to_the_service(face: Face, wire: Wire, verb: str) -> None:
    response = face.run(getattr(channel(face, wire.client), verb)("/v1/orders?a=b", params={"c": "d"}))
    assert response.status_code == 204
    assert response.extensions["mesh"].service == "orders"
    assert (wire.last.method, wire.last.url.host) == (verb.upper(), "127.0.0.1")
    assert wire.target == "/v1/orders?c=d"


def test_keywords_are_httpxs(face: Face, wire: Wire) -> None:
    face.run(channel(face, wire.client).request("POST", "/v1", json={"a": 1}, headers={"x-one": "1"}, timeout=3.0))
    assert wire.last.content == b'{"a":1}'
    assert wire.last.headers["x-one"] == "1"
    assert wire.last.extensions["timeout"]["read"] == 3.0


@pytest.mark.parametrize(("path", "target"), [("v1/a", "/v1/a"), ("/v1/a", "/v1/a"), ("?a=b", "/?a=b"), ("", "/")])
def test_paths_are_relative_to_the_service(face: Face, wire: Wire, path: str, target: str) -> None:
    face.run(channel(face, wire.client).get(path))
    assert wire.target == target


def test_a_path_is_text(face: Face, wire: Wire) -> None:
    with pytest.raises(ConfigError, match=r"the path is 5: give text such as '/v1/orders'"):
        face.run(channel(face, wire.client).get(5))
    assert wire.requests == []


@pytest.mark.parametrize("url", ["http://orders/v1", "mesh://users/v1", "//users/v1", "HTTPS://x"])
def test_an_absolute_url_is_refused(face: Face, wire: Wire, url: str) -> None:
    with pytest.raises(ConfigError, match=r"names a host, and this channel goes to service 'orders' only: give a path"):
        face.run(channel(face, wire.client).get(url))
    assert wire.requests == []


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("orders", "http://orders"),
        ("Orders", "http://orders"),
        ("localhost", "mesh://localhost"),
        ("a.b", "mesh://a.b"),
    ],
)
def test_a_channel_calls_a_service_whatever_host_has_its_name(face: Face, name: str, base: str) -> None:
    client = face.client("dns://127.0.0.1:9", transport=httpx.MockTransport(lambda _: httpx.Response(204)))
    orders = channel(face, client, name)
    assert orders.base == base
    service = client.mesh.service_of(*base.split("://"))
    assert service is not None
    assert service.name == name.lower()


def test_a_colon_in_a_path_is_no_host(face: Face, wire: Wire) -> None:
    face.run(channel(face, wire.client).get("v1/a:b//c"))
    assert wire.target == "/v1/a:b//c"


def test_the_options_are_those_of_a_call() -> None:
    assert set(http_options._KEYS) == CALL_OPTIONS


def test_a_calls_options_are_stronger_than_the_blocks_and_these_than_the_channels(face: Face, wire: Wire) -> None:
    orders = channel(face, wire.client, deadline=3, hedge=False, priority=2)
    face.run(orders.get("/"))
    assert asked(wire) == {"deadline": 3, "hedge": False, "priority": 2}
    overridden(face, lambda: orders.get("/", deadline=1), deadline=2, hedge=True)
    assert asked(wire) == {"deadline": 1, "hedge": True, "priority": 2}
    face.run(orders.get("/", extensions={"mesh": {"priority": 4}, "own": 1}, deadline="500ms"))
    assert asked(wire) == {"deadline": "500ms", "hedge": False, "priority": 4}
    assert wire.last.extensions["own"] == 1


def test_a_call_without_options_has_none(face: Face, wire: Wire) -> None:
    face.run(channel(face, wire.client).get("/"))
    assert asked(wire) is None


def test_an_option_has_an_effect(face: Face, wire: Wire) -> None:
    with pytest.raises(ConfigError, match="deadline"):
        face.run(channel(face, wire.client).get("/", deadline="soon"))


def test_headers_of_a_channel_give_way_to_a_calls(face: Face, wire: Wire) -> None:
    orders = channel(face, wire.client, headers={"X-Tenant": "a", "X-Other": "o"})
    face.run(orders.get("/", headers={"x-tenant": "b"}))
    assert (wire.last.headers.get_list("x-tenant"), wire.last.headers["x-other"]) == (["b"], "o")
    face.run(wire.client.get("http://orders/"))
    assert "x-tenant" not in wire.last.headers


def test_headers_over_a_mesh(face: Face) -> None:
    mesh = shared_mesh()
    orders = channel(face, mesh, headers={"X-Tenant": "a"})
    assert orders.client.headers["x-tenant"] == "a"
    face.close(orders)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"deadlin": 1}, "channel 'orders' has no option 'deadlin'; did you mean 'deadline'?"),
        ({"deadline": -1}, "channel 'orders': option deadline: "),
        ({"priority": "high"}, "channel 'orders': option priority is 'high'"),
        ({"headers": 5}, "channel 'orders': its headers are 5: give a table"),
        ({"headers": {"x": 5}}, "channel 'orders': the header 'x' is 5: give text"),
        ({"codec": "jsn"}, "there is no codec 'jsn'; did you mean 'json'?"),
        ({"service": "or ders"}, "'or ders' is not a service name"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_when_it_is_made(
    face: Face, wire: Wire, keywords: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        channel(face, wire.client, **keywords)
    assert said in str(caught.value)


def test_a_mesh_that_knows_nothing_is_said_when_it_is_made(face: Face) -> None:
    with pytest.raises(ConfigError, match="give it a resolver or services"):
        channel(face, face.mesh())


def test_a_misspelt_option_of_a_call_is_refused(face: Face, wire: Wire) -> None:
    with pytest.raises(TypeError, match="dedline"):
        face.run(channel(face, wire.client).get("/", dedline=1))


@pytest.mark.parametrize(
    ("codec", "media_type", "read"),
    [
        ("json", "application/json", msgspec.json.decode),
        ("msgpack", "application/msgpack", msgspec.msgpack.decode),
    ],
)
def test_a_body_for_the_codec(face: Face, wire: Wire, codec: str, media_type: str, read: Any) -> None:
    orders = channel(face, wire.client, codec=codec, headers={"x-a": "1"})
    for _ in range(2):
        face.run(orders.post("/v1", body=Order(7, ["a"]), headers={"x-b": "2"}))
        assert read(wire.last.content) == {"id": 7, "items": ["a"]}
        headers = wire.last.headers
        assert [headers[name] for name in ("content-type", "accept", "x-a", "x-b")] == [
            media_type,
            media_type,
            "1",
            "2",
        ]


def test_two_bodies_are_refused(face: Face, wire: Wire) -> None:
    with pytest.raises(ConfigError, match=r"give body= or json=, not both"):
        face.run(channel(face, wire.client).post("/", body=1, json=2))


def test_a_body_the_codec_cannot_write_is_refused(face: Face, wire: Wire) -> None:
    with pytest.raises(ConfigError, match=r"codec 'protobuf': Order is no Protocol Buffers message"):
        face.run(channel(face, wire.client, codec="protobuf").post("/", body=Order(1)))


def test_an_answer_is_decoded(face: Face, wire: Wire) -> None:
    orders = channel(face, wire.client)
    wire.answer = json({"id": 1, "items": []})
    assert orders.decode(face.run(orders.get("/")), Order) == Order(1)
    wire.answer = json({"id": "1"})
    with pytest.raises(DecodeError, match=r"orders answered GET /a with 200.*Expected `int`") as caught:
        orders.decode(face.run(orders.get("/a")), Order)
    assert (caught.value.path, caught.value.method) == ("$.id", "")
    with pytest.raises(ConfigError, match="Face cannot be read"):
        orders.decode(face.run(orders.get("/a")), Face)


def test_a_stream(face: Face, wire: Wire) -> None:
    wire.answer = httpx.Response(200, content=b"abc")
    streamed = channel(face, wire.client).stream("GET", "/v1", deadline=1)
    if face.is_async:
        response = face.run(streamed.__aenter__())
        face.run(response.aread())
        face.run(streamed.__aexit__(None, None, None))
    else:
        with streamed as response:
            response.read()
    assert (response.content, asked(wire)) == (b"abc", {"deadline": 1})


def test_a_clients_own_settings_hold_and_it_stays_open(face: Face, wire: Wire) -> None:
    wire.client.headers["x-mine"] = "1"
    orders = channel(face, wire.client)
    face.run(orders.get("/"))
    assert wire.last.headers["x-mine"] == "1"
    face.close(orders)
    face.run(wire.client.get("http://orders/"))


def test_the_client_of_a_mesh_is_closed_with_the_channel(face: Face) -> None:
    mesh = shared_mesh()
    orders = channel(face, mesh)
    if face.is_async:
        face.run(orders.__aenter__())
        face.run(orders.__aexit__(None, None, None))
    else:
        with orders:
            pass
    assert orders.client.is_closed
