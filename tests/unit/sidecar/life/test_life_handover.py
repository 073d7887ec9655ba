"""Sockets on their way from one process to the next, and the files of those that are Unix sockets."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshclient.config.sidecar_shape import SidecarConfig
from meshclient.sidecar.door import Door, open_door
from meshclient.sidecar.handover import Succession, meeting_place, predecessor


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mc") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield Path(short)


def test_files_are_the_old_ones_until_it_is_relieved_and_then_none_is_left(folder: Path) -> None:
    outbound, admin = f"unix:{folder}/out", f"unix:{folder}/admin"
    # The new one has no use for the second.
    wanted = SidecarConfig(outbound=outbound, admin="")

    def files() -> list[str]:
        return sorted(path.name for path in folder.iterdir() if path.is_socket())

    async def scenario() -> None:
        old = {"outbound": open_door("outbound", outbound), "admin": open_door("admin", admin)}
        place = meeting_place(wanted)
        assert place is not None
        relieved = asyncio.Event()
        succession = Succession(place, lambda: old, relieved.set)
        succession.start()
        # One that fails, and closes what it was given.
        new = await asyncio.to_thread(predecessor, wanted)
        assert new is not None
        for door in new.doors.values():
            door.close()
        new.close()
        assert files() == ["admin", "out"]
        new = await asyncio.to_thread(predecessor, wanted)
        assert new is not None
        assert list(new.doors) == ["outbound"]
        assert not relieved.is_set()
        new.relieve()
        async with asyncio.timeout(20):
            await relieved.wait()
        assert files() == ["out"]
        for each in old.values():
            each.close(keep_file=True)
        _end(new.doors["outbound"])
        assert files() == []
        await succession.aclose()

    asyncio.run(scenario())


def _end(door: Door) -> None:
    assert door.sockets
    door.close()
