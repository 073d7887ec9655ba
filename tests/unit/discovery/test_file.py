"""``file://``: formats, every way of writing a file, and what a broken one does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.file import PATIENCE, POLL, FileResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Empty, Failed, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    Answer = Ready | Empty | Failed

NAME = ServiceName("orders")
# Shorter than the real one, so that the tests are quick; proportions stay.
FAST = 0.02
BOUND = 60.0


def toml(*urls: str) -> str:
    return f"[services.orders]\ndeadline = '1s'\nendpoints = {json.dumps(list(urls))}\n"


def rename(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.rename(path)


def overwrite(path: Path, text: str) -> None:
    path.write_text(text)


def resolver(path: Path, poll: float = FAST) -> FileResolver:
    return FileResolver(ResolverUri.parse(f"file://{path}"), poll=poll)


class Watch:
    """A watch whose answers are taken one at a time."""

    def __init__(self, path: Path) -> None:
        self.answers: AsyncGenerator[Answer, None] = resolver(path).watch(NAME)  # type: ignore[assignment]

    async def next(self) -> Answer:
        return await asyncio.wait_for(anext(self.answers), BOUND)

    async def urls(self) -> list[str]:
        found = await self.next()
        assert isinstance(found, Ready), found
        return [e.url for e in found.endpoints]

    async def failure(self) -> str:
        found = await self.next()
        assert isinstance(found, Failed), found
        return found.cause


@contextlib.asynccontextmanager
async def watching(path: Path) -> AsyncGenerator[Watch, None]:
    watch = Watch(path)
    try:
        yield watch
    finally:
        await watch.answers.aclose()


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", toml("http://a:1", "https://b")),
        (".TOML", "\ufeff" + toml("http://a:1", "https://b")),
        (".json", json.dumps({"services": {"Orders": {"endpoints": [{"host": "a", "port": 1}, "https://b"]}}})),
        (".yaml", "services:\n  orders:\n    endpoints: ['http://a:1', {host: b, scheme: https}]\n"),
        (".yml", "services: {orders: {endpoints: ['http://a:1', 'https://b']}, users: {retry: false}}\n"),
    ],
)
def test_formats(tmp_path: Path, suffix: str, text: str) -> None:
    path = tmp_path / f"mesh{suffix}"
    path.write_text(text, encoding="utf-8")

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.urls() == ["http://a:1", "https://b:443"]

    asyncio.run(check())


def test_the_first_answer_carries_the_source(tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text("[services]\n")

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.next() == Empty(exists=False, source=f"file://{path}")
            overwrite(path, "[services.orders]\nendpoints = []\n")
            assert await watch.next() == Empty(exists=True, source=f"file://{path}")

    asyncio.run(check())


@pytest.mark.parametrize("write", [rename, overwrite])
def test_changes_are_seen(tmp_path: Path, write: Callable[[Path, str], None]) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.urls() == ["http://a:1"]
            # The same size each time: only the times and the inode tell.
            for host in "bcd":
                write(path, toml(f"http://{host}:1"))
                assert await watch.urls() == [f"http://{host}:1"]

    asyncio.run(check())


def test_a_swapped_symbolic_link_is_seen(tmp_path: Path) -> None:
    for host in "ab":
        (tmp_path / f"{host}.toml").write_text(toml(f"http://{host}:1"))
    path = tmp_path / "mesh.toml"
    path.symlink_to("a.toml")

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.urls() == ["http://a:1"]
            link = tmp_path / "link"
            link.symlink_to("b.toml")
            link.rename(path)
            assert await watch.urls() == ["http://b:1"]

    asyncio.run(check())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty (write [services] alone"),
        (" \n", "is empty"),
        ("[services.orders]\nendpoints = [", "is not valid TOML: "),
        ("[services.orders]\nendpoints = ['a:1', 'b:99999']", "services.orders.endpoints[1]: 'b:99999'"),
        ("[services.orders]\nendpoints = [{host='a', prot=1}]", "did you mean 'port'?"),
        ("[services.users]\nendpoints = ['a:0']", "services.users.endpoints[0]: port 0"),
        ("\xff\xfe".encode("latin-1"), "is not valid TOML: "),
    ],
)
def test_an_invalid_file_says_so_once_and_is_seen_when_mended(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.urls() == ["http://a:1"]
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            cause = await watch.failure()
            assert cause.startswith(str(path))
            assert reason in cause
            overwrite(path, toml("http://a:1"))
            assert await watch.urls() == ["http://a:1"]

    asyncio.run(check())


def test_a_missing_file_names_its_path_and_is_seen_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"

    async def check() -> None:
        async with watching(path) as watch:
            assert await watch.failure() == f"{path} cannot be read: No such file or directory"
            overwrite(path, toml("http://a:1"))
            assert await watch.urls() == ["http://a:1"]
            path.unlink()
            assert await watch.failure() == f"{path} cannot be read: No such file or directory"
            overwrite(path, toml("http://a:1"))
            assert await watch.urls() == ["http://a:1"]

    asyncio.run(check())


def test_a_file_that_can_be_read_again_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))
    broken = True
    original = Path.read_bytes

    def read(self: Path) -> bytes:
        if broken:
            raise OSError(24, "Too many open files")
        return original(self)

    monkeypatch.setattr(Path, "read_bytes", read)

    async def check() -> None:
        nonlocal broken
        async with watching(path) as watch:
            assert await watch.failure() == f"{path} cannot be read: Too many open files"
            broken = False
            assert await watch.urls() == ["http://a:1"]

    asyncio.run(check())


def test_the_real_pause_keeps_the_promised_second() -> None:
    assert POLL * (PATIENCE + 1) < 1.0


def test_changes_are_seen_within_a_second_at_the_real_pause(tmp_path: Path) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))

    async def check() -> dict[str, float]:
        took = {}
        answers = resolver(path, POLL).watch(NAME)
        await anext(answers)
        for host, (kind, write) in zip("bc", [("rename", rename), ("in place", overwrite)], strict=True):
            begun = time.monotonic()
            write(path, toml(f"http://{host}:1"))
            found = await asyncio.wait_for(anext(answers), BOUND)
            took[kind] = time.monotonic() - begun
            assert [e.host for e in found.endpoints] == [host]
        return took

    print("seen after (s):", asyncio.run(check()))


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///etc/mesh.toml", "/etc/mesh.toml"),
        ("file://mesh.toml", "mesh.toml"),
        ("file://conf/mesh.toml", "conf/mesh.toml"),
        ("file:///with%20space.json", "/with space.json"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    made = FileResolver(ResolverUri.parse(uri))
    assert made._path == Path(path)
    assert made.source == uri


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("file:///etc/mesh.ini", "the suffix '.ini' names no format; write file://<path> with one of .toml, .json"),
        ("file://", "the suffix '' names no format"),
        ("file:///m.toml?pol=1", "no option 'pol'"),
    ],
)
def test_bad_uris_say_what_is_wrong(uri: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FileResolver(ResolverUri.parse(uri))
    assert text in str(caught.value)


def test_yaml_without_pyyaml_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match=r"pip install 'meshclient\[yaml\]'"):
        FileResolver(ResolverUri.parse("file:///m.yaml"))


@pytest.mark.parametrize("text", ["a: [1", "{a: 1}: 2", "a: !!python/object:os.system {}", "&a [*a]"])
def test_bad_yaml_is_invalid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(text)

    async def check() -> None:
        async with watching(path) as watch:
            assert str(path) in await watch.failure()

    asyncio.run(check())


def test_broken_yaml_is_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text("services:\n  orders: {endpoints: 'http://u:hunter2@h' ]\n")

    async def check() -> None:
        async with watching(path) as watch:
            cause = await watch.failure()
            assert "hunter2" not in cause
            assert cause.endswith(" at line 2")

    asyncio.run(check())


@pytest.mark.parametrize("call", ["stat", "read_bytes"])
def test_a_mount_that_hangs_leaves_the_loop_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "mesh.toml"
    path.write_text(toml("http://a:1"))
    hanging, freed = threading.Event(), threading.Event()
    original = getattr(Path, call)

    def hang(self: Path) -> object:
        hanging.set()
        assert freed.wait(BOUND)
        return original(self)

    monkeypatch.setattr(Path, call, hang)

    async def check() -> None:
        async with watching(path) as watch:
            asked = asyncio.create_task(watch.urls())
            assert await asyncio.to_thread(hanging.wait, BOUND / 2)
            assert not asked.done()
            freed.set()
            assert await asked == ["http://a:1"]

    asyncio.run(check())
