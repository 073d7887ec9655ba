"""Each failure on the wire has its name in httpx, and keeps its own."""

from __future__ import annotations

import httpx
import pytest

from meshclient.engine import errors
from meshclient.http.engine_errors import outcome_of, translated
from meshclient.http.engine_framing import WrongLength
from meshclient.model.outcome import Kind, Repeat

REQUEST = httpx.Request("GET", "http://orders/")


class Newer(errors.ConnectTimeout):
    """One that nobody has thought of here."""


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (errors.ConnectFailed, httpx.ConnectError),
        (errors.TlsFailed, httpx.ConnectError),
        (errors.ConnectTimeout, httpx.ConnectTimeout),
        (errors.PoolTimeout, httpx.PoolTimeout),
        (errors.ReadTimeout, httpx.ReadTimeout),
        (errors.WriteTimeout, httpx.WriteTimeout),
        (errors.Disconnected, httpx.RemoteProtocolError),
        (errors.StaleConnection, httpx.RemoteProtocolError),
        (errors.MalformedResponse, httpx.RemoteProtocolError),
        (errors.MalformedRequest, httpx.LocalProtocolError),
        (WrongLength, httpx.LocalProtocolError),
        (Newer, httpx.ConnectTimeout),
        (errors.WireError, httpx.TransportError),
    ],
)
def test_every_error_has_a_name(error: type[errors.WireError], named: type[httpx.TransportError]) -> None:
    wire = error("what happened")
    made = translated(wire, REQUEST)
    assert type(made) is named
    assert str(made) == "what happened"
    assert made.request is REQUEST
    made.__cause__ = wire
    outcome = outcome_of(made)
    assert outcome is not None
    assert outcome.kind is error.kind
    assert outcome.detail == f"{named.__name__}: what happened"


def test_none_is_forgotten() -> None:
    def below(kind: type[errors.WireError]) -> list[type[errors.WireError]]:
        # Those of the twin for httpx2 are told by the twin.
        ours = [each for each in kind.__subclasses__() if not each.__module__.startswith("meshclient.httpx2")]
        return [kind, *(deeper for each in ours for deeper in below(each))]

    plain = [kind for kind in below(errors.WireError) if type(translated(kind(""), REQUEST)) is httpx.TransportError]
    assert plain == [errors.WireError]


@pytest.mark.parametrize("kind", [errors.Disconnected, errors.StaleConnection])
def test_a_reset_is_told_from_an_end(kind: type[errors.WireError]) -> None:
    broken = kind("reset")
    broken.__cause__ = ConnectionResetError()
    assert type(translated(broken, REQUEST)) is httpx.ReadError


def test_other_errors_are_left_to_others() -> None:
    assert outcome_of(httpx.ReadTimeout("late")) is None
    error = httpx.ReadTimeout("late")
    error.__cause__ = OSError()
    assert outcome_of(error) is None


def test_a_body_of_the_wrong_length_is_not_sent_again() -> None:
    # Part of it may have arrived: nothing says "never sent".
    assert WrongLength.kind is Kind.CANCELLED
    outcome = outcome_of(_caused(WrongLength("too long")))
    assert outcome is not None
    assert outcome.verdict.repeat is Repeat.NEVER


def _caused(error: errors.WireError) -> httpx.TransportError:
    made = translated(error, REQUEST)
    made.__cause__ = error
    return made
