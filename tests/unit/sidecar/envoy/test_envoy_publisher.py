"""What is written for Envoy, and what is left of it when Envoy ends over it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.model.endpoint import Endpoint
from meshclient.sidecar.envoy.folder import Folder, version_of
from meshclient.sidecar.envoy.publisher import Publisher
from meshclient.sidecar.envoy.served import Picture, Served

if TYPE_CHECKING:
    from pathlib import Path

    from meshclient.sidecar.envoy.admin import EnvoyAdmin

CONFIG = ServiceConfig()


class Desk:
    """A publisher, the endpoint that it is to publish, and an Envoy that takes what it is told to."""

    def __init__(self, path: Path) -> None:
        self.port = 1
        self.folder = Folder(path, most_apart=2)
        self.folder.make()
        self.publisher = Publisher(self.folder, cast("EnvoyAdmin", self), self._picture, lambda: "")

    def publish(self, port: int) -> None:
        self.port = port
        self.publisher.write()

    def take(self) -> None:
        asyncio.run(self.publisher.look())

    def on_disk(self) -> int:
        text = (self.folder.path / "eds/orders/all.json").read_text()
        [locality] = json.loads(text)["resources"][0]["endpoints"]
        return int(locality["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["port_value"])

    async def stats(self, _pattern: str) -> dict[str, str]:
        """As `EnvoyAdmin.stats`: it goes by what is there."""
        names = {
            "eds/orders": "cluster.orders",
            "cds": "cluster_manager.cds",
            "rds": "http.outbound.rds.outbound",
            "lds": "listener_manager.lds",
        }
        texts = {name: (self.folder.path / file / "all.json").read_text() for file, name in names.items()}
        return {f"{name}.version_text": version_of(text) for name, text in texts.items()}

    def _picture(self) -> Picture:
        return Picture(SidecarConfig(), {"orders": Served("orders", CONFIG, (Endpoint("10.0.0.1", self.port),))})


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    made = Desk(tmp_path / "envoy")
    made.publish(1)
    made.take()
    assert made.publisher.taken == 4
    return made


def end_and_start(desk: Desk) -> int:
    """What Envoy finds when it is started again."""
    desk.publisher.ended()
    found = desk.on_disk()
    desk.publisher.restarted()
    desk.publisher.write()
    return found


def test_what_envoy_ended_over_is_offered_once_more(desk: Desk) -> None:
    desk.publish(2)
    assert end_and_start(desk) == 1
    assert desk.on_disk() == 2
    assert "eds/orders" in desk.publisher.reason
    desk.take()
    assert desk.publisher.reason == ""
    # It is what is good now.
    assert end_and_start(desk) == 2


def test_what_envoy_ends_over_again_is_left_out_until_it_is_another(desk: Desk) -> None:
    desk.publish(2)
    assert end_and_start(desk) == 1
    assert end_and_start(desk) == 1
    assert desk.on_disk() == 1
    # An end for another reason is no reason to try it.
    assert end_and_start(desk) == 1
    assert desk.on_disk() == 1
    assert "eds/orders" in desk.publisher.reason
    desk.publish(3)
    assert desk.on_disk() == 3
    desk.take()
    assert desk.publisher.reason == ""


def test_an_end_while_nothing_is_open_changes_nothing(desk: Desk) -> None:
    assert end_and_start(desk) == 1
    assert desk.publisher.reason == ""
