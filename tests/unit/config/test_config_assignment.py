"""``--set``: which texts are assignments, and what they assign."""

import re

import pytest

from meshclient.config.assignment import parse_assignment
from meshclient.config.kinds import Spelled
from meshclient.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("resolver=srv://x?nameserver=a:1", {"resolver": "srv://x?nameserver=a:1"}),
        ("defaults.retry.attempts = 3 ", {"defaults": {"retry": {"attempts": "3"}}}),
        ('services."api.example".deadline=1s', {"services": {"api.example": {"deadline": "1s"}}}),
        ("resolver=", {"resolver": ""}),
    ],
)
def test_an_assignment_is_a_nested_table_with_its_text(text: str, tables: object) -> None:
    assert parse_assignment(text) == tables


def test_the_value_stays_text_for_its_kind_to_understand() -> None:
    assert type(parse_assignment("mode=3")["mode"]) is Spelled


@pytest.mark.parametrize("text", ["", "=", "=3", "defaults.deadline", "a..b=1", "a b=1", "a\n=1", "[a]\nb=1", "#=1"])
def test_anything_else_is_refused(text: str) -> None:
    reason = f"{text!r} is not an assignment: write key.path=value, such as defaults.deadline=2s"
    with pytest.raises(ConfigError, match=f"^{re.escape(reason)}$"):
        parse_assignment(text)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"'\.\.\.@host' is not an assignment") as caught:
        parse_assignment("services.orders.endpoints http://user:hunter2@host")
    assert "hunter2" not in str(caught.value)
