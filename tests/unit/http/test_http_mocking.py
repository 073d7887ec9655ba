"""Whether a mocking library is at work is noticed, and so is its end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
import pytest
import respx

from meshclient.http import mocking
from meshclient.http.mocking import async_mocked, mocked

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, params=["known", "not asked before"])
def before(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The originals are known already, or are still to be learnt."""
    for name in ("_async_seen", "_seen"):
        seen = getattr(mocking, name)
        monkeypatch.setattr(mocking, name, [seen[0], None, seen[2], None, None, None, None])
    if request.param == "known":
        assert not answers()
    yield
    monkeypatch.undo()
    assert not answers()


def answers() -> set[str]:
    """The colours that are mocked."""
    return {name for name, asked in (("sync", mocked), ("async", async_mocked)) if asked() or asked()}


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx(using: str) -> None:
    assert not answers()
    with respx.mock(using=using):
        assert answers() == {"sync", "async"}
        with respx.mock(using=using):
            assert answers() == {"sync", "async"}
        assert answers() == {"sync", "async"}
    assert not answers()


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_a_mock_that_was_there_first(using: str) -> None:
    with respx.mock(using=using):
        assert answers() == {"sync", "async"}
    assert not answers()
    with respx.mock(using=using):
        assert answers() == {"sync", "async"}


@pytest.mark.parametrize(
    ("owner", "name", "colour"),
    [
        (httpx.HTTPTransport, "handle_request", "sync"),
        (httpx.AsyncHTTPTransport, "handle_async_request", "async"),
        (httpx.Client, "_send_single_request", "sync"),
        (httpx.AsyncClient, "_send_single_request", "async"),
    ],
)
def test_methods_that_others_replace(owner: Any, name: str, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def replaced(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, replaced)
        assert answers() == {colour}
    assert not answers()
    with mock.patch.object(owner, name):
        assert answers() == {colour}
    assert not answers()


def test_an_imitation_is_told_from_the_original() -> None:
    assert not answers()
    with mock.patch.object(httpx.HTTPTransport, "handle_request", autospec=True):
        assert answers() == {"sync"}
    assert not answers()


def test_without_httpcore_nothing_of_it_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "httpcore")
        assert not answers()
        with mock.patch.object(httpx.AsyncHTTPTransport, "handle_async_request"):
            assert answers() == {"async"}
    assert not answers()
