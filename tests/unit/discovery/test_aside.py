"""Blocking calls beside the caller: in threads while there are some to be had."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from meshclient.discovery.runtime.aside import THREAD_NAME, Aside


def thread() -> str:
    return threading.current_thread().name


def test_a_call_runs_in_a_thread_of_its_own_with_its_result_or_error() -> None:
    aside = Aside()
    assert aside.run(thread).result(10) == THREAD_NAME
    with pytest.raises(ZeroDivisionError):
        aside.run(lambda: 1 // 0).result(10)


def test_without_a_thread_the_caller_carries_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    aside = Aside()
    answer = aside.run(thread)
    assert answer.done()
    assert answer.result() == thread()
    assert isinstance(aside.run(lambda: 1 // 0).exception(), ZeroDivisionError)
