"""What may be registered, and where."""

from __future__ import annotations

import math
import socket

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.registration.address import local_address
from meshclient.registration.registrar import Registration

NAME = ServiceName("orders")
ENDPOINT = Endpoint("10.0.0.1", 8080)


def test_a_health_path_is_optional_and_begins_with_a_slash() -> None:
    assert Registration(NAME, ENDPOINT).health == ""
    assert Registration(NAME, ENDPOINT, "/healthz").health == "/healthz"
    for text in ("healthz", "http://10.0.0.1:8080/healthz", " /healthz"):
        with pytest.raises(ValueError, match=r"is not a path on the instance: write one such as '/healthz'"):
            Registration(NAME, ENDPOINT, text)


@pytest.mark.parametrize("ttl", [0.0, -1.0, math.inf, math.nan])
def test_a_time_to_live_is_some_time(ttl: float) -> None:
    with pytest.raises(ValueError, match="is not a time to live"):
        Registration(NAME, ENDPOINT, ttl=ttl)


def test_the_local_address_is_one_of_this_host() -> None:
    address = local_address()
    assert address != "0.0.0.0"
    with socket.socket() as listener:
        listener.bind((address, 0))


def test_without_a_way_out_the_local_address_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)
    assert local_address() == "127.0.0.1"
