"""Sticky sessions: a value leads back to its endpoint and to nobody else, and tells nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.core.balance.node import Node
from meshclient.core.balance.sticky import Sticky, stuck_to
from meshclient.model.endpoint import Endpoint
from unit.core.fleet import endpoint, nodes

secrets = st.binary(min_size=16, max_size=100)
SECRET = b"sixteen bytes or more"


def anybody(node: Node) -> bool:
    return True


@given(secrets, st.integers(1, 20))
def test_a_value_leads_back_to_its_endpoint(secret: bytes, count: int) -> None:
    sticky, listed = Sticky(secret, "orders"), nodes([1.0] * count)
    index = sticky.index(listed)
    assert len(index) == count
    for node in listed:
        assert stuck_to(sticky.value(node.endpoint), index, anybody) is node
        # Another process with the same secret.
        assert Sticky(secret, "orders").value(node.endpoint) == sticky.value(node.endpoint)


@given(st.one_of(st.text(), st.from_regex(r"[0-9a-fA-F]{30,34}", fullmatch=True)))
def test_anything_else_leads_nowhere(value: str) -> None:
    sticky = Sticky(SECRET, "orders")
    assert stuck_to(value, sticky.index(nodes([1.0] * 5)), anybody) is None


@given(secrets, secrets)
def test_a_value_is_worth_nothing_with_another_secret_or_at_another_service(one: bytes, other: bytes) -> None:
    target = endpoint(1)
    value = Sticky(one, "orders").value(target)
    assert (Sticky(other, "orders").value(target) == value) is (one == other)
    assert Sticky(one, "stock").value(target) != value
    assert Sticky(one, "ord").value(Endpoint("ers", 1)) != Sticky(one, "orders").value(Endpoint("ers", 1))


@given(st.text(max_size=9), st.integers(1, 65535))
def test_it_needs_no_quoting_and_names_no_address(own: str, port: int) -> None:
    value = Sticky(SECRET, "orders").value(Endpoint("backend-7", port, id=own))
    assert len(value) == 32
    assert set(value) <= set("0123456789abcdef")


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.integers(0, 9))
def test_who_is_gone_or_out_is_not_stuck_to(gone: set[int], out: set[int], target: int) -> None:
    sticky = Sticky(SECRET, "orders")
    every = nodes([1.0] * 10)
    left = [node for number, node in enumerate(every) if number not in gone]
    ejected = {id(every[number]) for number in out}
    found = stuck_to(sticky.value(every[target].endpoint), sticky.index(left), lambda node: id(node) not in ejected)
    assert found is (None if target in gone or target in out else every[target])


def test_what_changes_beside_the_identity_changes_no_value() -> None:
    sticky = Sticky(SECRET, "orders")
    assert sticky.value(endpoint(3)) == sticky.value(endpoint(3, weight=9, priority=2, metadata={"version": "2"}))


def test_values_stay_the_same_from_release_to_release() -> None:
    assert Sticky(SECRET, "orders").value(endpoint(0)) == "71c897b8e21f61d388864728327ec268"


def test_one_question_asks_about_one_endpoint() -> None:
    sticky, listed = Sticky(SECRET, "orders"), nodes([1.0] * 1000)
    index, asked = sticky.index(listed), list[Node]()
    stuck_to(sticky.value(listed[500].endpoint), index, lambda node: bool(asked.append(node)) or True)  # type: ignore[func-returns-value]
    assert asked == [listed[500]]


@pytest.mark.parametrize("secret", [b"", b"short", b"fifteen bytes .."[:15]])
def test_a_short_secret_is_refused_without_being_shown(secret: bytes) -> None:
    with pytest.raises(ValueError, match="use 16 or more") as caught:
        Sticky(secret, "orders")
    assert secret == b"" or secret.decode() not in str(caught.value)
