"""``meshclient watch NAME -- CMD``: a command for each change, one at a time, and how both end."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from cli.command import LIMIT, Command
from cli.here import Here
from cli.schemas import assert_valid
from meshclient.cli import handler as handling
from meshclient.cli.complaint import CommandError
from meshclient.cli.handler import Handler, variables

# Writes what it was given, and goes on once it may.
WAITS = """\
cat > "$MESHCLIENT_VERSION.part"
mv "$MESHCLIENT_VERSION.part" "$MESHCLIENT_VERSION.json"
while [ ! -e go ]; do sleep 0.02; done
"""
# Tells by which signal it was ended.
ENDS = """\
trap 'echo TERM; exit 0' TERM
trap 'echo INT; exit 0' INT
echo started
while :; do sleep 0.02; done
"""


@pytest.fixture
def here(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command in this process; what its own commands write is caught as well."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waits.sh").write_text(WAITS, "utf-8")
    (tmp_path / "ends.sh").write_text(ENDS, "utf-8")
    return Here(tmp_path, capfd, monkeypatch)


def change(version: int) -> dict[str, object]:
    """What is handed over."""
    return {"service": "orders", "state": "ready", "version": version}


async def until(path: Path) -> None:
    """Wait for a file."""
    end = time.monotonic() + LIMIT
    while not path.exists():  # noqa: ASYNC240 - another process makes it, and nothing else waits here
        assert time.monotonic() < end, f"{path} never came"
        await asyncio.sleep(0.02)


def test_never_two_at_once_and_of_several_changes_the_newest(here: Here) -> None:
    said: list[str] = []

    async def scenario() -> None:
        handler = Handler(("sh", "waits.sh"), said.append, strict=True)
        running = asyncio.create_task(handler.run())
        handler.hand(change(1), [])
        await until(here.folder / "1.json")
        handler.hand(change(2), [])
        handler.hand(change(3), [])
        (here.folder / "go").touch()
        async with asyncio.timeout(LIMIT):
            await handler.idle.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    assert sorted(path.name for path in here.folder.glob("*.json")) == ["1.json", "3.json"]
    assert json.loads((here.folder / "3.json").read_text("utf-8")) == change(3)
    assert said == []


def test_one_that_does_not_end_is_killed(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "GRACE", 0.1)
    (here.folder / "deaf.sh").write_text("trap '' TERM\ntouch began\nwhile :; do sleep 0.02; done\n", "utf-8")
    said: list[str] = []

    async def scenario() -> None:
        handler = Handler(("sh", "deaf.sh"), said.append, strict=False)
        running = asyncio.create_task(handler.run())
        handler.hand(change(1), [])
        await until(here.folder / "began")
        await handler.end()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    assert said[0] == "sh has not ended within 0.1s: killing it"


def test_what_it_is_given(here: Here) -> None:
    script = 'echo "$MESHCLIENT_SERVICE $MESHCLIENT_STATE $MESHCLIENT_VERSION [$MESHCLIENT_ENDPOINTS]"; cat'
    ran = here("watch", "static://a:1,b:2", "orders", "--count", "1", "--", "sh", "-c", script)
    assert (ran.code, ran.err) == (0, "")
    told, document = ran.out.splitlines()
    assert told == "orders ready 1 [http://a:1 http://b:2]"
    assert_valid(json.loads(document))
    assert json.loads(document)["added"] == ["http://a:1", "http://b:2"]

    ran = here("watch", "static://a:1", "orders", "--diff", "--count", "1", "--", "cat")
    assert ran.document["schema"] == "meshclient.watch_diff/v1"
    # One that reads nothing is no failure either.
    assert here("watch", "static://a:1", "orders", "--count", "1", "--", "true").code == 0
    # Nor is one of ours puzzled by what stands in its environment.
    ran = here("watch", "static://a:1", "orders", "--count", "1", "--", "sh", "-c", "env | grep -c ^MESHCLIENT_")
    assert ran.out == "4\n"


def test_a_long_list_for_one_that_reads_nothing_and_leaves_somebody_behind(here: Here) -> None:
    urls = [f"http://i-{number:05}.some-zone.compute.example:8080" for number in range(3000)]
    # Who stays behind holds the standard input, of which nobody has read what no pipe holds at once.
    script = 'exec 3<&0; sh -c "while [ ! -e gone ]; do sleep 0.02; done" <&3 & echo "[${MESHCLIENT_ENDPOINTS-absent}]"'
    said: list[str] = []

    async def scenario() -> None:
        handler = Handler(("sh", "-c", script), said.append, strict=True)
        running = asyncio.create_task(handler.run())
        handler.hand({**change(1), "endpoints": urls}, urls)
        async with asyncio.timeout(LIMIT):
            await handler.idle.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    try:
        asyncio.run(scenario())
    finally:
        (here.folder / "gone").touch()
    assert said == []


def test_the_list_in_the_environment_is_whole_or_absent() -> None:
    assert variables(change(1), ["http://a:1", "http://b:2"])["MESHCLIENT_ENDPOINTS"] == "http://a:1 http://b:2"
    assert "MESHCLIENT_ENDPOINTS" not in variables(change(1), ["http://a:1"] * 20_000)


def test_its_failure_is_told_and_ends_the_watch_only_where_that_is_wanted(here: Here) -> None:
    words = ("watch", "static://a:1", "orders", "--count", "1")
    ran = here(*words, "--", "sh", "-c", "exit 3")
    assert (ran.code, ran.err) == (0, "sh failed with exit code 3; watching on\n")
    assert here(*words, "-q", "--", "sh", "-c", "exit 3").err == ""
    ran = here("watch", "static://a:1", "orders", "--fail", "--", "sh", "-c", "kill -9 $$")
    assert ran.code == 1
    assert ran.err.startswith("error: sh was ended by SIGKILL\n  why: it was run for version 1 of orders\n")


def test_a_registry_that_never_answered_is_told(here: Here) -> None:
    ran = here("watch", "file://missing.json", "orders", "--count", "1", "--", "cat")
    assert (ran.code, ran.document["state"]) == (5, "failed")
    assert "cannot resolve 'orders'" in ran.err


def test_it_ends_with_the_time_of_the_watch(here: Here) -> None:
    ran = here("watch", "static://a:1", "orders", "--for", "1s", "--", "sh", "ends.sh")
    # On a machine that is busy enough it may not have begun.
    assert (ran.code, ran.err) == (0, "")
    assert ran.out in ("started\nTERM\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on(here: Here, meshclient_command: Command, number: signal.Signals) -> None:
    # What the shell leaves behind would hold our standard output open.
    process = meshclient_command.start("watch", "static://a:1", "orders", "--", "sh", "-c", "sleep 120 & . ./ends.sh")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, out, err) == (128 + number, f"{number.name.removeprefix('SIG')}\n", "")
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot start"):
        Handler((str(tmp_path / "nothing"),), print, strict=False)
