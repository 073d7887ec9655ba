"""Several workers: one that ends has another in its place, and all know of one discovery."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from integration.sidecar_life import ANY, Load, ask, backend, sidecars, until


def listed(path: Path, *urls: str) -> Path:
    beside = path.with_suffix(".new")
    beside.write_text(f"[services.orders]\nendpoints = {list(urls)}\n")
    return beside.replace(path)


def test_a_worker_that_ends_is_replaced_and_none_outlives_the_supervisor() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*ANY, "--upstream", a.url, "--workers", "2")
            await sidecar.serving()
            for number in (signal.SIGTERM, signal.SIGKILL):
                # What a crash breaks off is broken off: idempotent requests are sent again by those who sent them.
                async with Load([sidecar.port], patient=number == signal.SIGKILL).running() as load:
                    before = set(sidecar.workers())
                    assert len(before) == 2
                    ended = min(before)
                    os.kill(ended, number)
                    await until(
                        lambda ended=ended: ended not in sidecar.workers() and len(sidecar.workers()) == 2,  # type: ignore[misc]
                        "the next one",
                    )
                    await load.some()
                assert load.failed == []
            pids = sidecar.workers()
            sidecar.process.kill()
            await sidecar.ended()
            await until(lambda: not any(_lives(pid) for pid in pids), "the workers to end")

    asyncio.run(scenario())


def test_where_one_cannot_serve_none_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with sidecars() as start:
            words = ("--upstream", "http://127.0.0.1:9", "--set", f"sidecar.admin_token_file={token}")
            sidecar = start(*ANY, *words, "--workers", "2")
            assert await sidecar.ended() == 2
            err = sidecar.err.read_text()
            assert "cannot serve: the token of the administration needs" in err
            assert "Traceback" not in err

    token = tmp_path / "token"
    token.write_text("short")
    asyncio.run(scenario())


def test_all_are_told_anew_or_none(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with backend("a") as a, backend("b") as b, sidecars() as start:
            file = listed(tmp_path / "mesh.toml", a.url)
            sidecar = start("--config", str(file), *ANY, "--workers", "2")
            await sidecar.serving()
            async with Load([sidecar.port]).running() as load:
                file.write_text("[services.orders]\nendpoints = 3\n")
                sidecar.send(signal.SIGHUP)
                await until(lambda: "the one before stays in use" in sidecar.err.read_text(), "the complaint")
                told = (await sidecar.stats())["reload"]
                assert (told["failed"] >= 1, told["generation"]) == (True, 1)
                listed(file, b.url)
                sidecar.send(signal.SIGHUP)
                await until(lambda: "configuration 2 is in use" in sidecar.err.read_text(), "the reload")
                load.answers.clear()
                await load.some(200)
                # The answers to what was under way.
                assert load.answers["a"] <= 8
            assert load.failed == []
            # A worker that comes later goes by it as well.
            for pid in sidecar.workers():
                os.kill(pid, signal.SIGKILL)
            await until(lambda: sidecar.err.read_text().count("has ended") == 2, "their ends")
            assert (await ask(sidecar.port)).body == "b"

    asyncio.run(scenario())


def test_one_discovery_serves_them_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with backend("a") as a, backend("b") as b, sidecars() as start:
            registry = listed(tmp_path / "registry.toml", a.url)
            more = registry.read_text().replace("orders", "users")
            registry.write_text(registry.read_text() + more)
            file = tmp_path / "mesh.toml"
            file.write_text(f"resolver = 'file://{registry}'\n")
            sidecar = start("--config", str(file), *ANY, "--workers", "2")
            await sidecar.serving()
            assert (await ask(sidecar.port)).body == "a"
            # What is for the sidecar alone leaves workers their lists, and they go on asking for others.
            file.write_text(f"resolver = 'file://{registry}'\n[sidecar]\ndrain = '9s'\n")
            sidecar.send(signal.SIGHUP)
            await until(lambda: "configuration 2 is in use" in sidecar.err.read_text(), "the reload")
            for _ in range(8):
                assert (await ask(sidecar.port, "/", "Host: users")).body == "a"
            async with Load([sidecar.port]).running() as load:
                listed(registry, b.url)
                await until(lambda: load.answers["b"], "the new list")
                load.answers.clear()
                await until(lambda: load.answers["b"] > 500 or not load.answers["a"], "all to know of it")
            assert load.failed == []
            # The registry is gone: all go on with the last list, and a worker that begins now gets it too.
            registry.unlink()
            for pid in sidecar.workers():
                os.kill(pid, signal.SIGKILL)
            await until(lambda: sidecar.err.read_text().count("has ended") == 2, "their ends")
            assert (await ask(sidecar.port)).body == "b"

    asyncio.run(scenario())


def test_metrics_are_those_of_all_and_drain_ends_all() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*ANY, "--upstream", a.url, "--workers", "2")
            await sidecar.serving()
            assert (await ask(sidecar.port)).body == "a"
            rather = "Accept: application/openmetrics-text"
            text = (await ask(sidecar.admin, "/metrics", "Host: localhost", rather)).body
            assert text.count("# TYPE meshclient_build_info ") == 1
            assert 'meshclient_build_info{worker="1"' in text
            assert 'meshclient_build_info{worker="2"' in text
            # The workers check who asks.
            assert (await ask(sidecar.admin, "/metrics", "Host: evil.example")).status // 100 == 4
            pids = sidecar.workers()
            got = await ask(sidecar.admin, "/drain", "Host: localhost", "Content-Length: 0", method="POST")
            assert got.status // 100 == 2, got
            assert await sidecar.ended() == 0
            assert not any(_lives(pid) for pid in pids)

    asyncio.run(scenario())


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
