"""``meshclient resolve`` when all is not well: from disk, failing since, and what is held."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cli.here import Here
from meshclient import Endpoint, Mesh
from meshclient.cli.resolve import past_document, past_text
from meshclient.discovery.state_folder import StateFolder
from meshclient.testing import FakeResolver

FLEET = [Endpoint(f"10.0.0.{number}", 80) for number in range(1, 6)]


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process, in an empty folder."""
    return Here(tmp_path, capsys, monkeypatch)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry file with two endpoints."""
    path = tmp_path / "mesh.toml"
    path.write_text('[services.orders]\nendpoints = ["http://10.0.0.1:80", "http://10.0.0.2:80"]\n', "utf-8")
    return path


def test_a_list_that_was_resolved_once_is_there_when_the_registry_is_gone(here: Here, registry: Path) -> None:
    words = ("resolve", "orders", "--resolver", f"file://{registry}", "--set", "state_dir=state")
    first = here(*words, "-o", "json")
    assert (first.code, first.document["state"], first.document["from_disk"]) == (0, "ready", False)
    assert first.document["failed_seconds"] is None
    registry.unlink()
    ran = here(*words, "-o", "json")
    assert (ran.code, ran.document["state"], ran.document["from_disk"]) == (5, "failed", True)
    assert len(ran.document["endpoints"]) == 2
    assert 0 <= ran.document["failed_seconds"] < 60
    assert 0 <= ran.document["age_seconds"] < 60
    assert "cannot be read" in ran.document["cause"]
    assert ran.document["held"] is None
    assert "the 2 endpoints above may be outdated" in ran.err
    ran = here(*words)
    assert ", read from disk, failing for " in ran.out
    # What takes a screen to tell is told once.
    assert ("cannot be read" in ran.out, ran.err.count("cannot be read")) == (False, 1)


def test_the_age_is_that_of_the_last_confirmation(here: Here, registry: Path) -> None:
    registry.unlink()
    source = f"file://{registry}"
    folder = StateFolder(here.folder / "state", wall=lambda: time.time() - 7200)
    folder.file(source, "orders").write(FLEET)
    words = ("resolve", "orders", "--resolver", source, "--set", "state_dir=state")
    assert 7200 <= here(*words, "-o", "json").document["age_seconds"] < 7260
    assert ", age 2h, took " in here(*words).out
    folder = StateFolder(here.folder / "state", wall=lambda: time.time() - 90_000)
    folder.file(source, "orders").write(FLEET)
    ran = here(*words, "-o", "json")
    assert (ran.code, ran.document["endpoints"], ran.document["from_disk"]) == (5, [], False)
    assert "the list on disk is 25h old (limit 24h) and is not used" in ran.err


def test_what_is_held_is_listed_by_address() -> None:
    registry = FakeResolver({"orders": FLEET})
    with Mesh(registry) as mesh:
        mesh.warm("orders")
        registry.set("orders", [FLEET[0]])
        course = mesh.service("orders").watch.course
        assert course.hold is not None
        document = past_document(course, course.hold.until - 12.5)
        assert past_text(course, course.hold.until - 12.5) == ["4 removed are held for another 12s"]
    assert document == {
        "from_disk": False,
        "failed_seconds": None,
        "held": {"removed": [f"http://10.0.0.{number}:80" for number in (2, 3, 4, 5)], "seconds_left": 12.5},
    }
