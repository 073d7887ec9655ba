"""docs/admin.md tells of every path and of every refusal."""

from __future__ import annotations

import re
from pathlib import Path

import meshclient
from meshclient.sidecar.admin import MeshView
from meshclient.sidecar.admin.routes import Routes
from meshclient.sidecar.admin.sight import Sight

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "src/meshclient/sidecar/admin"


def test_every_path_has_a_chapter_and_an_example() -> None:
    text = (ROOT / "docs/admin.md").read_text("utf-8")
    with meshclient.Mesh() as mesh:
        routes = Routes(MeshView(mesh), Sight(lambda: mesh), page=True)
    chapters = dict(re.findall(r"^### (/\w+)\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL))
    assert set(chapters) == set(routes._routes) - {"/"}
    for path, chapter in chapters.items():
        assert re.search(rf"^\$ curl .*localhost:7190{path}\b", chapter, re.MULTILINE), path
        assert ("-X POST" in chapter) == ("POST" in routes._routes[path].methods), path


def test_every_refusal_is_in_the_table() -> None:
    text = (ROOT / "docs/admin.md").read_text("utf-8")
    table = text[text.index("| status | `mesh-error`") : text.index("## Security model")]
    sources = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.py"))
    words = set(re.findall(r"Refused\(\s*HTTPStatus\.\w+,\s*\"(\w+)\"", sources))
    assert len(words) > 10
    assert {word for word in words if f"`{word}`" not in table} == set()


def test_every_picture_is_there() -> None:
    text = (ROOT / "docs/admin.md").read_text("utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 3
    assert all((ROOT / "docs" / picture).is_file() for picture in pictures)
