"""Envoy's configuration on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshclient.config.shape import ServiceConfig
from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.model.endpoint import Endpoint
from meshclient.sidecar.envoy.folder import Folder, version_of
from meshclient.sidecar.envoy.resources import Press
from meshclient.sidecar.envoy.served import Picture, Served

CONFIG = ServiceConfig()


def picture(*names: str, port: int = 80) -> Picture:
    settings = SidecarConfig()
    return Picture(settings, {name: Served(name, CONFIG, (Endpoint("10.0.0.1", port),)) for name in names})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "envoy", most_apart=2)
    made.make()
    return made


def content(folder: Folder, file: str) -> Any:
    return json.loads((folder.path / file / "all.json").read_text())


def test_only_what_changed_is_written(folder: Folder) -> None:
    press = Press(folder)
    first = folder.write(press.resources(picture("orders", "users")))
    assert list(first) == ["eds/orders", "eds/users", "cds", "rds", "lds"]
    assert folder.write(press.resources(picture("orders", "users"))) == {}
    before = {file: (folder.path / file / "all.json").stat().st_ino for file in first}
    second = folder.write(press.resources(picture("orders", "users", port=81)))
    assert list(second) == ["eds/orders", "eds/users"]
    after = {file: (folder.path / file / "all.json").stat().st_ino for file in first}
    assert {file for file in first if before[file] != after[file]} == set(second)
    assert content(folder, "eds/orders")["version_info"] == second["eds/orders"] != first["eds/orders"]


def test_files_are_swapped_whole_and_nothing_else_happens_in_their_folders(folder: Folder) -> None:
    folder.write(Press(folder).resources(picture("orders")))
    listed = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file()}
    assert listed == {"eds/orders/all.json", "cds/all.json", "rds/all.json", "lds/all.json"}


def test_with_too_many_clusters_endpoints_are_within_them_and_stay_there(folder: Folder) -> None:
    press = Press(folder)
    folder.write(press.resources(picture("a", "b")))
    assert {each["type"] for each in content(folder, "cds")["resources"]} == {"EDS"}
    written = folder.write(press.resources(picture("a", "b", "c")))
    assert list(written) == ["cds", "rds"]
    clusters = content(folder, "cds")["resources"]
    assert {each["type"] for each in clusters} == {"STATIC"}
    assert all(each["load_assignment"]["endpoints"] for each in clusters)
    assert len(list(folder.path.glob("eds/*/all.json"))) == 2
    folder.accept("cds", written["cds"])
    assert not list(folder.path.glob("eds/*/all.json"))
    folder.write(press.resources(picture("a", "b")))
    assert {each["type"] for each in content(folder, "cds")["resources"]} == {"STATIC"}


def test_what_was_refused_is_put_back(folder: Folder) -> None:
    press = Press(folder)
    good = folder.write(press.resources(picture("orders")))["eds/orders"]
    folder.accept("eds/orders", good)
    bad = folder.write(press.resources(picture("orders", port=81)))["eds/orders"]
    assert folder.restore("eds/orders", bad)
    assert content(folder, "eds/orders")["version_info"] == good
    # The same state is not offered again by itself, another one is.
    assert folder.write(press.resources(picture("orders", port=81))) == {}
    folder.offer_again(["eds/orders", "cds"])
    assert folder.write(press.resources(picture("orders", port=81))) == {"eds/orders": bad}
    assert list(folder.write(press.resources(picture("orders", port=82)))) == ["eds/orders"]


def test_an_old_refusal_does_not_undo_what_came_after_it(folder: Folder) -> None:
    press = Press(folder)
    folder.accept("eds/orders", folder.write(press.resources(picture("orders")))["eds/orders"])
    old = folder.write(press.resources(picture("orders", port=81)))["eds/orders"]
    new = folder.write(press.resources(picture("orders", port=82)))["eds/orders"]
    assert not folder.restore("eds/orders", old)
    assert content(folder, "eds/orders")["version_info"] == new


def test_what_was_never_taken_cannot_be_put_back(folder: Folder) -> None:
    version = folder.write(Press(folder).resources(picture("orders")))["cds"]
    assert not folder.restore("cds", version)
    assert version_of("nothing") == ""


def test_an_unchanged_document_is_not_made_again(folder: Folder) -> None:
    press = Press(folder)
    first = press.resources(picture("orders", "users"))
    second = press.resources(picture("orders", "users"))
    assert first.clusters["orders"] is second.clusters["orders"]
    third = press.resources(picture("orders", "users", port=81))
    assert first.clusters["orders"] is third.clusters["orders"]
    assert first.assignments["orders"] != third.assignments["orders"]
    assert first.routes["outbound"] is third.routes["outbound"]


def test_endpoints_that_speak_tls_are_a_list_of_their_own(folder: Folder) -> None:
    press = Press(folder)
    folder.accept("cds", folder.write(press.resources(picture("orders")))["cds"])
    secure = Served("orders", CONFIG, (Endpoint("10.0.0.1", 443, scheme="https"),))
    written = folder.write(press.resources(Picture(SidecarConfig(), {"orders": secure})))
    assert list(written) == ["eds/orders~https", "cds"]
    (cluster,) = content(folder, "cds")["resources"]
    assert cluster["eds_cluster_config"]["service_name"] == "orders~https"
    (listed,) = content(folder, "eds/orders~https")["resources"]
    assert listed["cluster_name"] == "orders~https"
    # Until the cluster is taken the list before it is still of use.
    assert (folder.path / "eds/orders/all.json").exists()
    folder.accept("cds", written["cds"])
    assert not (folder.path / "eds/orders/all.json").exists()


def test_a_cluster_that_is_refused_keeps_no_other_back(folder: Folder) -> None:
    press = Press(folder)
    folder.accept("cds", folder.write(press.resources(picture("orders")))["cds"])
    secure = Served("orders", CONFIG, (Endpoint("10.0.0.1", 443, scheme="https"),))
    users = Served("users", CONFIG, (Endpoint("10.0.0.2", 80),))
    wanted = press.resources(Picture(SidecarConfig(), {"orders": secure, "users": users}))
    folder.restore("cds", folder.write(wanted)["cds"])
    assert not folder.hold("Error adding/updating cluster(s) my-orders: no")
    assert folder.hold("Error adding/updating cluster(s) orders: no certificate")
    folder.accept("cds", folder.write(wanted)["cds"])
    named = {each["name"]: each for each in content(folder, "cds")["resources"]}
    assert set(named) == {"orders", "users"}
    assert "transport_socket" not in named["orders"]
    assert (folder.path / "eds/orders/all.json").exists()
    assert folder.held
    folder.offer_again([])
    assert list(folder.write(wanted)) == ["cds"]
    assert "transport_socket" in next(each for each in content(folder, "cds")["resources"] if each["name"] == "orders")
