"""A sidecar is told anew while it works: by SIGHUP and by its file; what is wrong is refused."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

from integration.sidecar_life import ANY, Load, ask, backend, sidecars, until


def written(path: Path, *urls: str, more: str = "") -> Path:
    beside = path.with_suffix(".new")
    beside.write_text(f"[services.orders]\nendpoints = {list(urls)}\n{more}")
    return beside.replace(path)


def test_a_changed_file_is_in_use_and_no_request_fails(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with backend("a") as a, backend("b") as b, sidecars() as start:
            file = written(tmp_path / "mesh.toml", a.url)
            sidecar = start("--config", str(file), *ANY)
            await sidecar.serving()
            async with Load([sidecar.port]).running() as load:
                assert set(load.answers) == {"a"}
                written(file, b.url)
                await until(lambda: load.answers["b"], "answers of b")
                load.answers.clear()
                written(file, a.url)
                # The file alone, and again with the signal.
                sidecar.send(signal.SIGHUP)
                await until(lambda: load.answers["a"], "answers of a")
                await load.some()
            assert load.failed == []
            assert (await sidecar.stats())["reload"]["generation"] >= 3

    asyncio.run(scenario())


def test_what_is_wrong_is_refused_and_seen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            file = written(tmp_path / "mesh.toml", a.url)
            sidecar = start("--config", str(file), *ANY)
            await sidecar.serving()
            async with Load([sidecar.port]).running() as load:
                written(file, a.url, more="deadline = 'soon'\n")
                sidecar.send(signal.SIGHUP)
                await until(lambda: "services.orders.deadline" in sidecar.err.read_text(), "the complaint")
                told = (await sidecar.stats())["reload"]
                assert (told["generation"], told["succeeded"]) == (1, 0)
                assert told["failed"] >= 1
                assert "services.orders.deadline" in told["last_error"]
                text = (await ask(sidecar.admin, "/metrics", "Host: localhost")).body
                line = next(each for each in text.splitlines() if 'reloads_total{result="failed"}' in each)
                assert float(line.split()[-1]) >= 1
                # Its listeners stay too where one of them cannot be had.
                taken = f"[sidecar]\ninbound = '127.0.0.1:{a.port}'\n"
                written(file, a.url, more=taken)
                sidecar.send(signal.SIGHUP)
                await until(lambda: "address already in use" in sidecar.err.read_text(), "the complaint")
                assert list((await sidecar.stats())["listening"]) == ["outbound", "admin"]
                # Nothing of it holds where one thing cannot: these endpoints are not used either.
                token = tmp_path / "token"
                token.write_text("short")
                written(file, "http://127.0.0.1:9", more=f"[sidecar]\nadmin_token_file = '{token}'\n")
                sidecar.send(signal.SIGHUP)
                await until(lambda: "the token of the administration" in sidecar.err.read_text(), "the complaint")
                await load.some()
                assert load.failed == []
                written(file, a.url, more="deadline = '3s'\n")
                sidecar.send(signal.SIGHUP)
                await until(lambda: "configuration 2 is in use" in sidecar.err.read_text(), "the reload")
                assert (await sidecar.stats())["reload"]["last_error"] is None
            assert load.failed == []
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 200

    asyncio.run(scenario())


def test_what_is_under_way_ends_with_what_it_began_with(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with backend("a") as a, backend("b") as b, sidecars() as start:
            file = written(tmp_path / "mesh.toml", a.url)
            sidecar = start("--config", str(file), *ANY)
            await sidecar.serving()
            held = asyncio.create_task(ask(sidecar.port, "/hold"))
            await until(lambda: a.holding, "the request to be under way")
            written(file, b.url)
            sidecar.send(signal.SIGHUP)
            await until(lambda: "configuration 2 is in use" in sidecar.err.read_text(), "the reload")
            assert (await ask(sidecar.port)).body == "b"
            a.release.set()
            assert (await held).body == "a"

    asyncio.run(scenario())


def test_a_listener_moves(tmp_path: Path) -> None:
    async def scenario() -> None:
        with tempfile.TemporaryDirectory(prefix="mc") as short:
            await moved(Path(short))

    async def moved(folder: Path) -> None:
        async with backend("a") as a, sidecars() as start:
            first, second = f"unix:{folder}/one", f"unix:{folder}/two"
            words = ("-o", "json", "--admin", "127.0.0.1:0")
            file = written(tmp_path / "mesh.toml", a.url, more=f"[sidecar]\noutbound = '{first}'\n")
            sidecar = start("--config", str(file), *words)
            await sidecar.serving()
            assert (await ask(first)).body == "a"
            written(file, a.url, more=f"[sidecar]\noutbound = '{second}'\n")
            sidecar.send(signal.SIGHUP)
            await until(lambda: "configuration 2 is in use" in sidecar.err.read_text(), "the reload")
            assert (await ask(second)).body == "a"
            assert not (folder / "one").exists()

    asyncio.run(scenario())
