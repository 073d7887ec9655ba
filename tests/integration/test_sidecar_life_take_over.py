"""A new sidecar takes the place of one that runs, and nobody notices."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from integration.sidecar_life import Load, ask, backend, sidecars, until
from servers.ports import free_port


def test_a_restart_under_load_fails_nothing() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            words = ("-o", "json", "--listen", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}")
            old = start(*words, "--upstream", a.url)
            await old.serving()
            async with Load([old.port]).running() as load:
                # From one process to a supervisor and its workers, and back.
                for workers in ("2", "1"):
                    new = start(*words, "--upstream", a.url, "--workers", workers, "--take-over")
                    assert (await new.serving())["listening"] == old.told["listening"]
                    assert await old.ended() == 0
                    await load.some()
                    assert load.failed == []
                    assert new.process.poll() is None
                    assert (await ask(new.admin, "/ready", "Host: localhost")).status == 200
                    old = new
            assert load.failed == []

    asyncio.run(scenario())


def test_one_that_cannot_serve_or_is_not_asked_to_leaves_the_one_that_runs_alone() -> None:
    async def scenario(folder: Path) -> None:
        async with backend("a") as a, sidecars() as start:
            outbound = f"unix:{folder}/out"
            inbound = ("--inbound", f"127.0.0.1:{free_port()}")
            words = ("-o", "json", "--listen", outbound, "--upstream", a.url)
            old = start(*words, *inbound, "--admin", "off", "--app", f"127.0.0.1:{a.port}")
            await old.serving()
            # All at once: an address that is taken, in one process and for workers, and no word of taking over.
            taken = ("--admin", f"127.0.0.1:{a.port}", "--take-over")
            alone = start(*words, *inbound, "--admin", "off")
            failing = [start(*words, *inbound, *taken), start(*words, *inbound, *taken, "--workers", "2")]
            for new in (alone, *failing):
                assert await new.ended() == 2
            assert "--take-over" in alone.err.read_text()
            for new in failing:
                assert "sidecar.admin: cannot listen" in new.err.read_text()
            assert (await ask(outbound)).body == "a"
            assert (await ask(old.inbound)).body == "a"
            assert old.process.poll() is None

    with tempfile.TemporaryDirectory(prefix="mc") as short:
        asyncio.run(scenario(Path(short)))


def test_unix_sockets_are_passed_on_and_the_last_one_tidies_up() -> None:
    async def scenario(folder: Path) -> None:
        async with backend("a") as a, sidecars() as start:
            outbound, admin = f"unix:{folder}/out", f"unix:{folder}/admin"
            words = ("-o", "json", "--listen", outbound, "--admin", admin, "--upstream", a.url)
            # What a process that was killed has left behind is replaced.
            left = os.open(folder / "kept", os.O_CREAT)
            os.close(left)
            old = start(*words)
            assert (await old.serving())["url"] == outbound
            async with Load([outbound]).running() as load:
                new = start(*words, "--take-over")
                await new.serving()
                assert await old.ended() == 0
                await load.some()
            assert load.failed == []
            assert (await ask(admin, "/live", "Host: localhost")).status == 200
            new.process.kill()
            await new.ended()
            assert (folder / "out").exists()
            third = start(*words)
            await third.serving()
            assert (await ask(outbound)).body == "a"
            third.process.terminate()
            assert await third.ended() == 0
            await until(lambda: sorted(path.name for path in folder.iterdir()) == ["kept"], "the files to go")

    with tempfile.TemporaryDirectory(prefix="mc") as short:
        asyncio.run(scenario(Path(short)))
