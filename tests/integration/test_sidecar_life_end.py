"""A sidecar ends in order, and at once for whoever insists."""

from __future__ import annotations

import asyncio
import signal

from integration.sidecar_life import ANY, Load, ask, backend, sidecars, until


def test_an_end_under_load_fails_nothing_where_there_is_another_which_ends_as_it_is_told_to() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            both = [start(*ANY, "--upstream", a.url) for _ in range(2)]
            for each in both:
                await each.serving()
            async with Load([each.port for each in both]).running() as load:
                both[0].send(signal.SIGTERM)
                assert await both[0].ended() == 0
                await load.some()
            assert load.failed == []
            got = await ask(both[1].admin, "/drain", "Host: localhost", "Content-Length: 0", method="POST")
            assert got.status // 100 == 2, got
            assert await both[1].ended() == 0

    asyncio.run(scenario())


def test_what_is_under_way_ends_and_nothing_new_begins() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*ANY, "--upstream", a.url, "--set", "sidecar.drain=1h")
            await sidecar.serving()
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 200
            held = asyncio.create_task(ask(sidecar.port, "/hold"))
            await until(lambda: a.holding, "the request to be under way")
            sidecar.send(signal.SIGTERM)
            await until(lambda: "draining" in sidecar.err.read_text(), "the drain")
            async with asyncio.timeout(20):
                while True:
                    try:
                        await ask(sidecar.port)
                    except OSError:
                        break
            assert (await ask(sidecar.admin, "/ready", "Host: localhost")).status == 503
            assert (await ask(sidecar.admin, "/live", "Host: localhost")).status == 200
            a.release.set()
            got = await held
            assert (got.status, got.body) == (200, "a")
            assert await sidecar.ended() == 0

    asyncio.run(scenario())


def test_a_second_signal_does_not_wait() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*ANY, "--upstream", a.url, "--set", "sidecar.drain=1h")
            await sidecar.serving()
            held = asyncio.create_task(ask(sidecar.port, "/hold"))
            await until(lambda: a.holding, "the request to be under way")
            sidecar.send(signal.SIGTERM)
            await until(lambda: "draining" in sidecar.err.read_text(), "the drain")
            sidecar.send(signal.SIGINT)
            assert await sidecar.ended() == 128 + signal.SIGINT
            assert isinstance((await asyncio.gather(held, return_exceptions=True))[0], OSError | EOFError)

    asyncio.run(scenario())


def test_the_drain_is_bounded() -> None:
    async def scenario() -> None:
        async with backend("a") as a, sidecars() as start:
            sidecar = start(*ANY, "--upstream", a.url, "--set", "sidecar.drain=200ms")
            await sidecar.serving()
            held = asyncio.create_task(ask(sidecar.port, "/hold"))
            await until(lambda: a.holding, "the request to be under way")
            sidecar.send(signal.SIGTERM)
            assert await sidecar.ended() == 0
            assert "1 requests were cut off" in sidecar.err.read_text()
            await asyncio.gather(held, return_exceptions=True)

    asyncio.run(scenario())
