"""The generator of synchronous twins, tried on small trees, and the twins in this checkout."""

import importlib.util
from pathlib import Path

import pytest

from house.source import ROOT

_spec = importlib.util.spec_from_file_location("unasync", ROOT / "scripts" / "unasync.py")
assert _spec is not None
assert _spec.loader is not None
unasync = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(unasync)

TREES = (("lib/_async", "lib/_sync"),)

SOURCE = '''"""The asynchronous transport."""

import httpx
from lib._async.body import AsyncBody


class AsyncTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self.pool as pool:
            async for chunk in pool:
                await self.send(chunk)
        return await self.receive()

    async def __aexit__(self, *exc: object) -> None:
        await self.body.aclose()
'''

TWIN = '''"""The synchronous transport."""

import httpx
from lib._sync.body import Body


class Transport(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self.pool as pool:
            for chunk in pool:
                self.send(chunk)
        return self.receive()

    def __exit__(self, *exc: object) -> None:
        self.body.close()
'''


@pytest.fixture
def trees() -> tuple[object, ...]:
    """One pair of folders."""
    return tuple(unasync.Tree(*pair) for pair in TREES)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one asynchronous source."""
    folder = tmp_path / "lib" / "_async"
    folder.mkdir(parents=True)
    (folder / "transport.py").write_text(SOURCE, "utf-8")
    return tmp_path


def test_words_are_replaced_and_structure_is_kept() -> None:
    assert unasync.translate(SOURCE) == TWIN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("httpx.AsyncByteStream", "httpx.SyncByteStream"),
        ("AsyncIterator[bytes]", "Iterator[bytes]"),
        ("class AsyncMeshTransport:", "class MeshTransport:"),
        ("def __aiter__(self)", "def __iter__(self)"),
        ("await stream.aclose()", "stream.close()"),
        ("await response.aread()", "response.read()"),
        ("thread already read", "thread already read"),
        (
            "from meshclient.engine.aio.engine import AsyncEngine",
            "from meshclient.engine.blocking.engine import Engine",
        ),
        ("target = engine.aiohttp", "target = engine.aiohttp"),
        ("import asyncio", "import asyncio"),
        ("awaited = asynchrony(data)", "awaited = asynchrony(data)"),
    ],
)
def test_words_are_matched_whole(before: str, after: str) -> None:
    assert unasync.translate(before) == after


def test_twins_are_written_once_and_then_fresh(checkout: Path, trees: tuple[object, ...]) -> None:
    rules = [unasync.Rule(r"\bawait ", "")]
    twin = checkout / "lib" / "_sync" / "transport.py"
    assert unasync.write(checkout, trees, rules) == [twin]
    assert twin.read_text("utf-8").startswith("# Generated from lib/_async/transport.py by scripts/unasync.py")
    assert unasync.write(checkout, trees, rules) == []
    assert unasync.check(checkout, trees, rules) == 1


def test_a_twin_is_formatted(checkout: Path, trees: tuple[object, ...]) -> None:
    (checkout / "lib" / "_async" / "transport.py").write_text("import sys\nimport os\nx = await   f( sys,os )\n")
    unasync.write(checkout, trees, unasync.RULES)
    lines = (checkout / "lib" / "_sync" / "transport.py").read_text("utf-8").splitlines()[1:]
    assert [line for line in lines if line] == ["import os", "import sys", "x = f(sys, os)"]


@pytest.mark.parametrize("side", ["_async", "_sync"])
def test_an_edit_of_either_side_makes_the_twin_stale(checkout: Path, trees: tuple[object, ...], side: str) -> None:
    rules = [unasync.Rule(r"\bawait ", "")]
    unasync.write(checkout, trees, rules)
    with (checkout / "lib" / side / "transport.py").open("a") as file:
        file.write("\n\nEDITED = True\n")
    with pytest.raises(unasync.StaleError, match=r"lib/_sync/transport\.py is stale"):
        unasync.check(checkout, trees, rules)


def test_a_twin_without_a_source_is_found_and_removed(checkout: Path, trees: tuple[object, ...]) -> None:
    rules = [unasync.Rule(r"\bawait ", "")]
    unasync.write(checkout, trees, rules)
    orphan = checkout / "lib" / "_sync" / "gone.py"
    orphan.write_text("", "utf-8")
    with pytest.raises(unasync.StaleError, match=r"lib/_sync/gone\.py has no source"):
        unasync.check(checkout, trees, rules)
    assert unasync.write(checkout, trees, rules) == [orphan]
    assert not orphan.exists()


def test_a_dead_rule_is_found(checkout: Path, trees: tuple[object, ...]) -> None:
    rules = [unasync.Rule(r"\bawait ", ""), unasync.Rule("never there", "")]
    unasync.write(checkout, trees, rules)
    with pytest.raises(unasync.StaleError, match="the rule 'never there' matches nothing"):
        unasync.check(checkout, trees, rules)


def test_without_sources_no_rule_is_dead(tmp_path: Path, trees: tuple[object, ...]) -> None:
    assert unasync.check(tmp_path, trees, unasync.RULES) == 0


def test_the_twins_of_this_checkout_are_fresh() -> None:
    unasync.check(ROOT)
