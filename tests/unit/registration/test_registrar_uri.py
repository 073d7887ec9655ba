"""From a registry's URI to its registrar, with real (if tiny) distributions on `sys.path`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery import schemes
from meshclient.discovery.schemes import REGISTRARS
from meshclient.errors import ConfigError, PluginError, PluginNotFound
from meshclient.registration.schemes import open_registrar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLUGIN = "class Registrar:\n    def __init__(self, uri):\n        self.source = str(uri)\n"


@pytest.fixture(autouse=True)
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with registrars for acme:// and emca://."""
    info = tmp_path / "acme_registry-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-registry\nVersion: 1.0\n")
    points = "".join(f"{name} = acme_registrar_of_a_test:Registrar\n" for name in ("acme", "emca"))
    (info / "entry_points.txt").write_text(f"[{REGISTRARS}]\n{points}")
    (tmp_path / "acme_registrar_of_a_test.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("acme_registrar_of_a_test", None)


def test_the_scheme_chooses_the_registrar() -> None:
    assert open_registrar("acme://a:1?dc=x").source == "acme://a:1?dc=x"


@pytest.mark.parametrize(
    "text",
    [
        "acme://a:1",
        "acme://a:1 | dns://",
        "static:// | acme://a:1",
        "acme://a:1 + dns:// | env://",
        "migrate(dns://, acme://a:1)",
    ],
)
def test_of_a_composition_the_one_registry_that_can_be_written_to_is_taken(text: str) -> None:
    assert open_registrar(text).source == "acme://a:1"


@pytest.mark.parametrize("text", ["acme://a | emca://b", "acme://a + acme://b"])
def test_a_composition_that_leaves_a_choice_is_an_error(text: str) -> None:
    one, _, other = text.split()
    with pytest.raises(ConfigError, match=rf"{one} and {other} can all be registered at: name one .* registry="):
        open_registrar(text)


@pytest.mark.parametrize("text", ["dns://", "dns:// | static://"])
def test_a_registry_that_cannot_be_written_to_is_an_error(text: str) -> None:
    with pytest.raises(PluginError, match=r"registrar scheme 'dns' is unknown; known here: acme, "):
        open_registrar(text)


def test_a_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemes, "DISTRIBUTIONS", {"lore": "meshclient-lore"})
    with pytest.raises(PluginNotFound, match=r"registrar scheme 'lore' needs .*: pip install meshclient-lore"):
        open_registrar("lore://localhost:2379/mesh")


def test_what_is_no_uri_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"'127\.0\.0\.1:8500' is not a resolver"):
        open_registrar("127.0.0.1:8500")
