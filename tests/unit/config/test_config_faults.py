"""Faults on purpose as they are written."""

from __future__ import annotations

import re

import pytest

from meshclient.config.faults_schema import FAULTS
from meshclient.core.injection import FaultRule
from meshclient.errors import ConfigError
from meshclient.model.outcome import Kind


@pytest.mark.parametrize(
    ("given", "value", "written"),
    [
        (False, (), ()),
        ([], (), ()),
        ([{"share": "10%", "delay": "2s"}], (FaultRule(0.1, 2.0),), ({"share": 0.1, "delay": "2s"},)),
        (
            {"share": 1, "error": "connect_error", "headers": {"X-Chaos": True}},
            (FaultRule(1.0, error=Kind.CONNECT_ERROR, headers={"x-chaos": "*"}),),
            ({"share": 1.0, "error": "connect_error", "headers": {"x-chaos": "*"}},),
        ),
        (
            [{"share": 0.5, "status": 503}, {"share": 0.5, "delay": 1, "error": "timeout"}],
            (FaultRule(0.5, status=503), FaultRule(0.5, 1.0, Kind.TIMEOUT)),
            ({"share": 0.5, "status": 503}, {"share": 0.5, "delay": "1s", "error": "timeout"}),
        ),
    ],
)
def test_faults_are_read_and_written_back(given: object, value: object, written: object) -> None:
    assert FAULTS.read(given) == value
    assert FAULTS.write(value) == written
    assert FAULTS.read(written) == value


def test_a_variable_spells_them_in_one_line() -> None:
    assert FAULTS.read(FAULTS.spelled("[{ share = '1%', status = 500 }]")) == (FaultRule(0.01, status=500),)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (5, "5 is not a list: write [{ share = '10%', status = 503 }], or false for none"),
        ([5], "[0]: 5 is not a table: write { share = '10%', status = 503 }"),
        ([{"status": 503}], "[0]: meets no share of the requests: write share = '10%', or '100%' for all"),
        ([{"share": 1}], "[0]: does nothing: give it a delay, an error or a status"),
        ([{"share": 1, "status": 503, "error": "timeout"}], "[0]: has an error and a status, of which an attempt can"),
        ([{"share": 1, "status": 200}], "[0]: status: 200 is no error: write a status from 400 to 599"),
        (
            [{"share": 1, "status": 503}, {"share": 1, "error": "boom"}],
            "[1]: error: 'boom' is unknown: write one of con",
        ),
        ([{"share": 1, "error": ["timeout"]}], "[0]: error: ['timeout'] is unknown: write one of connect_error, conn"),
        ([{"share": 2, "status": 503}], "[0]: share: 2 is out of place: write a number from 0 to 1, or text like '20"),
        ([{"share": 1, "delay": 0}], "[0]: delay: 0 leaves no time at all: write a duration above zero"),
        ([{"share": 1, "delya": 1}], "[0]: unknown key 'delya'; did you mean 'delay'?"),
        ([{"share": 1, "delay": 1, "headers": 5}], '[0]: headers: 5 is not a table: write { name = "value" }, with'),
    ],
)
def test_a_refusal_says_where_and_why_and_what_to_write(given: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(reason)}"):
        FAULTS.read(given)
