"""X-Amzn-Trace-Id: what load balancers, Lambda and the SDKs of X-Ray write, and what is written for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshclient.telemetry.propagation.context import TraceContext
from meshclient.telemetry.propagation.formats import get

# The example of AWS's documentation, and the same as W3C writes it.
ROOT, TRACE_ID = "1-5759e988-bd862e3fe1be46a994272793", "5759e988bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
XRAY = get("xray")


def extracted(value: str) -> TraceContext:
    found = XRAY.extract({"X-Amzn-Trace-Id": value})
    assert found is not None
    return found


def again(value: str) -> str:
    ((name, written),) = XRAY.inject(extracted(value))
    assert name == "X-Amzn-Trace-Id"
    return written


@pytest.mark.parametrize(
    ("text", "sampled"), [(";Sampled=1", True), (";Sampled=0", False), ("", None), (";Sampled=?", None)]
)
def test_the_decision_is_kept_open_or_not(text: str, sampled: bool | None) -> None:
    value = f"Root={ROOT};Parent={PARENT}{text}"
    found = extracted(value)
    assert (found.trace_id, found.span_id, found.sampled, found.known) == (TRACE_ID, PARENT, sampled, True)
    assert again(value) == value


def test_the_root_alone_as_load_balancers_send_it_begins_a_span_in_that_trace() -> None:
    first, second = extracted(f"Root={ROOT}"), extracted(f"Root={ROOT}")
    assert first.trace_id == second.trace_id == TRACE_ID
    assert first.span_id != second.span_id
    assert (first.sampled, first.known) == (None, False)
    assert XRAY.inject(first) == [("X-Amzn-Trace-Id", f"Root={ROOT};Parent={first.span_id}")]
    assert first.child(PARENT).parent_id is None
    assert extracted(f"Root={ROOT};Sampled=0").sampled is False


def test_the_same_ids_in_the_form_of_w3c_and_back() -> None:
    for decision in ("0", "1"):
        header = f"Root={ROOT};Parent={PARENT};Sampled={decision}"
        w3c = get("tracecontext").inject(extracted(header))
        assert w3c == [("traceparent", f"00-{TRACE_ID}-{PARENT}-0{decision}")]
        back = get("tracecontext").extract(w3c)
        assert back is not None
        assert XRAY.inject(back) == [("X-Amzn-Trace-Id", header)]


def test_any_trace_of_w3c_has_a_root() -> None:
    found = get("tracecontext").extract({"traceparent": f"00-{'0' * 31}1-{PARENT}-01"})
    assert found is not None
    ((_, value),) = XRAY.inject(found)
    assert value == f"Root=1-00000000-{'0' * 23}1;Parent={PARENT};Sampled=1"
    assert extracted(value).trace_id == found.trace_id


@pytest.mark.parametrize(
    "value",
    [
        f"Sampled=1;Parent={PARENT};Root={ROOT}",
        f"  Root={ROOT} ; Parent={PARENT} ;\tSampled=1 ;",
        f"root={ROOT};PARENT={PARENT};sampled=1",
        f"Root={ROOT.upper()};Parent={PARENT.upper()};Sampled=1",
        f";;Root={ROOT};;Parent={PARENT};Sampled=1;;",
        f"Root={ROOT};nonsense;Parent={PARENT};=x;Sampled=1",
        f"Root={ROOT};Root=1-00000001-{'0' * 24};Parent={PARENT};Sampled=1;Sampled=0;Parent={'1' * 16}",
    ],
)
def test_in_any_order_and_what_is_malformed_is_left_out(value: str) -> None:
    assert again(value) == f"Root={ROOT};Parent={PARENT};Sampled=1"


@pytest.mark.parametrize(
    "parent", ["", "1", PARENT + "0", PARENT[:-1], "0" * 16, "g" * 16, f"{PARENT} x", "-" + PARENT[1:]]
)
def test_a_parent_that_is_none_counts_as_missing(parent: str) -> None:
    found = extracted(f"Root={ROOT};Parent={parent};Sampled=1")
    assert (found.trace_id, found.known, found.sampled) == (TRACE_ID, False, True)
    assert found.span_id != parent


@pytest.mark.parametrize("sampled", ["2", "true", "", "11", "01", "??"])
def test_a_decision_that_is_none_counts_as_missing(sampled: str) -> None:
    assert again(f"Root={ROOT};Parent={PARENT};Sampled={sampled}") == f"Root={ROOT};Parent={PARENT}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        ";",
        "Root",
        "Root=",
        f"Parent={PARENT};Sampled=1",
        f"Self={ROOT}",
        f"Root={ROOT}0",
        f"Root={ROOT[:-1]}",
        f"Root={ROOT[:-1]}g",
        f"Root=2{ROOT[1:]}",
        f"Root=1-00000000-{'0' * 24};Parent={PARENT}",
        f"Root=1-00000000-{'0' * 24};Parent={PARENT};Sampled=1",
        f"Root=1-{TRACE_ID};Parent={PARENT}",
        f"Root={TRACE_ID}",
        f"Roots={ROOT}",
    ],
)
def test_without_a_root_there_is_nothing(value: str) -> None:
    assert XRAY.extract({"x-amzn-trace-id": value}) is None


def test_two_headers_are_none() -> None:
    assert XRAY.extract([("x-amzn-trace-id", f"Root={ROOT}"), ("X-Amzn-Trace-Id", f"Root={ROOT}")]) is None


def test_lineage_and_what_nobody_knows_are_handed_on_and_self_is_not() -> None:
    own = "Self=1-67891234-12456789abcdef012345678a"
    value = f"{own};Root={ROOT};Parent={PARENT};Sampled=1;CalledFrom=app;Lineage=32:e3b0c442:11"
    assert extracted(value).xray == (("Lineage", "32:e3b0c442:11"), ("CalledFrom", "app"))
    assert again(value) == f"Root={ROOT};Parent={PARENT};Sampled=1;Lineage=32:e3b0c442:11;CalledFrom=app"
    assert extracted(f"{own};Root={ROOT}").known is False


def test_what_nobody_knows_is_handed_on_within_bounds_and_lineage_in_any_case() -> None:
    many = ";".join(f"f{number}=v" for number in range(40))
    written = again(f"Root={ROOT};Parent={PARENT};{many};Lineage=1:a:2")
    assert written == f"Root={ROOT};Parent={PARENT};Lineage=1:a:2;" + ";".join(f"f{number}=v" for number in range(15))
    large = ";".join(f"{letter}={letter * 100}" for letter in "abcd")
    assert again(f"Root={ROOT};Parent={PARENT};{large}").count("=") == 4
    assert "a=" not in again(f"Root={ROOT};Parent={PARENT};a={'a' * 129}")
    assert again(f"Root={ROOT};Parent={PARENT};a=b=c;d e=f;g=h i;j=\x00;k=é") == f"Root={ROOT};Parent={PARENT}"


def test_who_asks_for_a_decision_gets_the_one_that_was_made_meanwhile() -> None:
    asked = extracted(f"Root={ROOT};Parent={PARENT};Sampled=?")
    assert XRAY.inject(replace(asked, sampled=True))[0][1] == f"Root={ROOT};Parent={PARENT};Sampled=1"
    assert XRAY.inject(replace(asked, sampled=False, debug=True))[0][1].endswith(";Sampled=1")


def test_a_context_of_ones_own_cannot_make_an_invalid_header() -> None:
    fields = (("Root", "x"), ("sampled", "0"), ("a b", "c"), ("d", "e;f=g"), ("h", "i\r\nj"), ("k", "l"))
    context = TraceContext(TRACE_ID, PARENT, xray=fields)
    assert XRAY.inject(context) == [("X-Amzn-Trace-Id", f"Root={ROOT};Parent={PARENT};k=l")]
