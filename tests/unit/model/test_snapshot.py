"""The four answers stay apart, and a listing is Ready or Empty but never a Ready of nothing."""

import pytest

from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Empty, Failed, Pending, Ready, Snapshot, listing

A, B = Endpoint("a", 1), Endpoint("b", 1)
LIST = Ready((A, B), source="static://")


def test_ready_is_never_empty() -> None:
    with pytest.raises(ValueError, match="a Ready snapshot needs at least one endpoint; say Empty"):
        Ready(())


@pytest.mark.parametrize(
    ("snapshot", "state", "endpoints"),
    [
        (Pending(), "pending", ()),
        (LIST, "ready", (A, B)),
        (Empty(), "empty", ()),
        (Empty(last=LIST), "empty", (A, B)),
        (Failed("refused"), "failed", ()),
        (Failed("refused", last=LIST), "failed", (A, B)),
        (Failed("refused", last=Empty()), "failed", ()),
        (Failed("refused", last=Empty(last=LIST)), "failed", (A, B)),
    ],
)
def test_each_answer_names_its_state_and_what_may_be_called(
    snapshot: Snapshot, state: str, endpoints: tuple[Endpoint, ...]
) -> None:
    assert snapshot.state == state
    assert snapshot.endpoints == endpoints


def test_the_four_answers_are_four_values() -> None:
    assert len({Pending(), LIST, Empty(), Failed("")}) == 4


def test_a_listing_of_nothing_is_empty() -> None:
    assert listing([], source="s", ttl=5) == Empty(exists=True, source="s", ttl=5)
    assert listing([], source="s", exists=False) == Empty(exists=False, source="s")


def test_the_first_of_two_with_one_identity_stands() -> None:
    first, second = Endpoint("a", 1, weight=2), Endpoint("a", 1, weight=3)
    assert listing([first, second, B], source="s").endpoints == (first, B)


def test_one_address_under_two_ids_is_two_endpoints() -> None:
    assert len(listing([Endpoint("a", 1, id="i"), Endpoint("a", 1, id="j")], source="s").endpoints) == 2
