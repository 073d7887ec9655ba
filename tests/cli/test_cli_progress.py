"""What is told of a command that takes longer than a second."""

from __future__ import annotations

import pytest

from meshclient.cli.progress import Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def told(seconds: float, *, quiet: bool = False) -> None:
    """A command that says ten times a second how far it is."""
    clock = Clock()
    with Progress(quiet=quiet, clock=clock) as progress:
        for tick in range(int(seconds * 10) + 1):
            clock.now = 100.0 + tick / 10
            progress.tell(lambda tick=tick: f"{tick} done\x1b")  # type: ignore[misc]


def test_a_short_command_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told(0.9)
    assert capsys.readouterr() == ("", "")


def test_in_a_log_there_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    told(60)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[:3] == ["10 done�", "60 done�", "110 done�"]
    assert len(captured.err.splitlines()) < 9


def test_a_terminal_has_one_line_that_goes_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("_pytest.capture.CaptureIO.isatty", lambda _: True)
    told(2)
    written = capsys.readouterr().err
    assert written.startswith("\r\x1b[K10 done")
    assert "\n" not in written
    assert written.endswith("\r\x1b[K")


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    told(60, quiet=True)
    assert capsys.readouterr() == ("", "")
