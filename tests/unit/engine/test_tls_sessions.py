"""Sessions are bounded in number, and what was not renewed goes first."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, cast

import pytest

from meshclient.engine.tls_sessions import MOST_SESSIONS, Sessions

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


def session(number: int = 0) -> ssl.SSLSession:
    # None can be made but by a handshake.
    return cast("ssl.SSLSession", number)


def test_the_newest_of_a_name_at_an_endpoint_is_offered() -> None:
    sessions = Sessions()
    sessions.keep("orders", "a:1", session(1))
    sessions.keep("orders", "a:1", session(2))
    sessions.keep("orders", "b:1", session(3))
    assert sessions.of("orders", "a:1") == session(2)
    assert sessions.of("orders", "b:1") == session(3)
    assert sessions.of("orders", "") is None
    assert sessions.of("users", "a:1") is None
    assert len(sessions) == 2


def test_the_one_renewed_the_longest_ago_goes_first() -> None:
    sessions = Sessions(most=3)
    for name in "abcad":
        sessions.keep(name, "", session())
    assert [name for name in "abcd" if sessions.of(name, "") is not None] == ["a", "c", "d"]


@pytest.fixture
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_leave_no_more_than_the_bound() -> None:
    sessions = Sessions()
    failures: list[BaseException] = []

    def fill(thread: int) -> None:
        try:
            for number in range(3000):
                sessions.keep("orders", f"{thread}:{number}", session())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fill, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(sessions) == MOST_SESSIONS
