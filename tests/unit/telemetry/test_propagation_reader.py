"""Several formats read at once, and the block that calls belong to a trace in."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from meshclient import propagation
from meshclient.config.telemetry_kinds import PROPAGATORS
from meshclient.errors import ConfigError
from meshclient.telemetry.propagation.baggage import BaggageMember
from meshclient.telemetry.propagation.context import TRACE, TraceContext, using
from meshclient.telemetry.propagation.formats import NAMES, get
from meshclient.telemetry.propagation.identifiers import IDS, new_span_id, new_trace, new_trace_id
from meshclient.telemetry.propagation.reader import Reader, extract_any

ONE, TWO = "11111111111111111111111111111111", "22222222222222222222222222222222"
SPAN, OTHER = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
W3C_ONE = ("traceparent", f"00-{ONE}-{SPAN}-01")
ROOT_TWO = f"Root=1-{TWO[:8]}-{TWO[8:]}"
XRAY_TWO = ("x-amzn-trace-id", f"{ROOT_TWO};Parent={OTHER};Sampled=0")


def test_what_can_be_configured_is_what_there_is() -> None:
    assert NAMES == PROPAGATORS


def test_an_unknown_name_is_told() -> None:
    for ask in (lambda: get("jaeger"), lambda: Reader(["jaeger"]), lambda: extract_any({}, ["xray", "jaeger"])):
        with pytest.raises(
            ConfigError, match=r"'jaeger' is no way of writing a trace down: take one of tracecontext, "
        ):
            ask()


def test_the_first_name_that_has_a_trace_and_a_span_says_which_trace_it_is() -> None:
    both = [XRAY_TWO, W3C_ONE]
    assert extract_any(both) == TraceContext(ONE, SPAN, sampled=True)
    assert extract_any(both, ["xray", "tracecontext"]) == TraceContext(TWO, OTHER, sampled=False)
    assert extract_any(both, ["b3", "xray"]) == TraceContext(TWO, OTHER, sampled=False)
    assert extract_any(both, ["b3", "baggage"]) is None
    assert extract_any([]) is None
    assert extract_any([("host", "orders")]) is None
    assert extract_any({"traceparent": "nonsense", "b3": "?"}) is None


def test_the_root_that_a_load_balancer_adds_gives_way_to_a_parent() -> None:
    root = ("x-amzn-trace-id", f"{ROOT_TWO};Lineage=1:a:2")
    found = extract_any([root, W3C_ONE, ("tracestate", "a=1")], ["xray", "tracecontext"])
    assert found == TraceContext(ONE, SPAN, sampled=True, state=(("a", "1"),), xray=(("Lineage", "1:a:2"),))
    alone = extract_any([root, ("baggage", "k=v")], ["baggage", "xray"])
    assert alone is not None
    assert (alone.trace_id, alone.sampled, alone.known) == (TWO, None, False)
    assert alone.baggage == (BaggageMember("k", "v"),)


def test_another_format_adds_what_it_says_of_the_same_trace() -> None:
    headers = [
        ("x-amzn-trace-id", f"Root=1-{ONE[:8]}-{ONE[8:]};Parent={OTHER}"),
        ("traceparent", f"00-{ONE}-{SPAN}-03"),
        ("tracestate", "a=1"),
        ("b3", f"{ONE}-{OTHER}-d-{SPAN}"),
    ]
    found = extract_any(headers, ["xray", "tracecontext", "b3"])
    expected = TraceContext(ONE, OTHER, True, random=True, debug=True, state=(("a", "1"),), parent_id=SPAN)
    assert found == expected


def test_the_parent_of_another_span_is_not_that_of_this_one() -> None:
    headers = {"traceparent": W3C_ONE[1], "b3": f"{ONE}-{OTHER}-1-{'c' * 16}"}
    assert extract_any(headers) == TraceContext(ONE, SPAN, sampled=True)


def test_of_another_trace_it_adds_only_what_is_no_part_of_one() -> None:
    headers = [
        ("x-amzn-trace-id", f"{ROOT_TWO};Parent={OTHER};CalledFrom=app"),
        ("traceparent", f"00-{ONE}-{SPAN}-03"),
        ("tracestate", "a=1"),
        ("baggage", "k=v"),
        ("x-request-id", "r"),
        ("x-correlation-id", "c"),
    ]
    found = extract_any(headers, ["xray", "tracecontext", "baggage", "request-id"])
    assert found == TraceContext(
        TWO,
        OTHER,
        xray=(("CalledFrom", "app"),),
        baggage=(BaggageMember("k", "v"),),
        request_id="r",
        correlation_id="c",
    )


def test_a_decision_alone_is_about_the_trace_that_came() -> None:
    headers = {"x-amzn-trace-id": f"{ROOT_TWO};Parent={OTHER}", "b3": "0"}
    assert extract_any(headers) == TraceContext(TWO, OTHER, sampled=False)


def test_without_any_trace_one_begins() -> None:
    first, second = (extract_any({"x-request-id": "r", "baggage": "k=v"}) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.trace_id != second.trace_id
    assert (first.request_id, first.baggage, first.random, first.known) == (
        "r",
        (BaggageMember("k", "v"),),
        True,
        False,
    )


def test_a_reader_takes_headers_that_were_gathered() -> None:
    reader = Reader(["tracecontext", "xray"])
    assert reader.fields == {"traceparent", "tracestate", "x-amzn-trace-id"}
    gathered = {"host": ["x"], "traceparent": [W3C_ONE[1]], "b3": ["1"]}
    assert reader.read(gathered) == TraceContext(ONE, SPAN, sampled=True)
    assert reader.read({"host": ["x"]}) is None
    assert reader.extract([(b"TraceParent", W3C_ONE[1].encode())]) == TraceContext(ONE, SPAN, sampled=True)


def test_a_block_belongs_to_a_trace() -> None:
    assert TRACE.get() is None
    outer, inner = TraceContext(ONE, SPAN), TraceContext(TWO, OTHER)
    with using(outer):
        assert TRACE.get() is outer
        with using(inner):
            assert TRACE.get() is inner
        with using(None):
            assert TRACE.get() is None
        with pytest.raises(KeyError), using(inner):
            raise KeyError
        assert TRACE.get() is outer
    assert TRACE.get() is None


async def seen(context: TraceContext) -> TraceContext | None:
    with using(context):
        await asyncio.sleep(0)
        return TRACE.get()


def test_tasks_do_not_see_the_traces_of_each_other() -> None:
    async def both() -> list[TraceContext | None]:
        return list(await asyncio.gather(seen(TraceContext(ONE, SPAN)), seen(TraceContext(TWO, OTHER))))

    assert asyncio.run(both()) == [TraceContext(ONE, SPAN), TraceContext(TWO, OTHER)]


@pytest.mark.parametrize(
    ("trace_id", "span_id", "parent_id", "word"),
    [
        ("", SPAN, None, "trace"),
        ("0" * 32, SPAN, None, "trace"),
        (ONE[1:], SPAN, None, "trace"),
        ("A" * 32, SPAN, None, "trace"),
        (ONE + "\n", SPAN, None, "trace"),
        (ONE, "0" * 16, None, "span"),
        (ONE, SPAN + "a", None, "span"),
        (ONE, SPAN, "x", "parent"),
    ],
)
def test_a_context_has_valid_ids(trace_id: str, span_id: str, parent_id: str | None, word: str) -> None:
    with pytest.raises(ValueError, match=rf"is no {word} id: write (32|16) lower-case hex digits"):
        TraceContext(trace_id, span_id, parent_id=parent_id)


def test_a_child_has_the_span_above_it_where_somebody_knows_that_one() -> None:
    context = TraceContext(ONE, SPAN, sampled=True, state=(("a", "1"),), request_id="r")
    assert context.child(OTHER) == TraceContext(
        ONE, OTHER, sampled=True, state=(("a", "1"),), request_id="r", parent_id=SPAN
    )
    assert context.child().span_id not in (SPAN, context.child().span_id)
    made = TraceContext(ONE, SPAN, known=False)
    assert made.child(OTHER) == TraceContext(ONE, OTHER)


@pytest.mark.parametrize("names", [("tracecontext", "xray"), ("xray", "tracecontext"), ("tracecontext", "b3", "xray")])
@pytest.mark.parametrize("sampled", [None, True, False])
def test_a_decision_that_is_open_stays_open_from_hop_to_hop(names: tuple[str, ...], sampled: bool | None) -> None:
    context: TraceContext | None = TraceContext("4" * 32, "5" * 16, sampled)
    for _ in range(3):
        assert context is not None
        child = context.child()
        context = extract_any([header for name in names for header in get(name).inject(child)], names)
    assert context is not None
    assert context.sampled is sampled


def test_another_span_s_open_decision_opens_none() -> None:
    parent = f"00-{'4' * 32}-{'5' * 16}-00"
    root = f"Root=1-{'4' * 8}-{'4' * 24}"
    for tail, sampled in (("", False), (f";Parent={'6' * 16}", False), (f";Parent={'5' * 16}", None)):
        found = extract_any({"traceparent": parent, "X-Amzn-Trace-Id": root + tail})
        assert found is not None
        assert found.sampled is sampled


@pytest.mark.parametrize("value", [None, 5, ["x"]])
def test_what_is_no_text_counts_as_not_there(value: Any) -> None:
    assert extract_any({"traceparent": value}) is None
    assert get("xray").extract({"X-Amzn-Trace-Id": value}) is None


class Zeros:
    def getrandbits(self, k: int, /) -> int:
        return 0


def test_ids_that_begin_here_are_valid_whatever_is_drawn() -> None:
    assert new_span_id(Zeros()) == "0" * 15 + "1"
    assert new_trace_id(Zeros()) == "0" * 31 + "1"
    context = new_trace(Zeros(), sampled=True)
    assert context == TraceContext("0" * 31 + "1", "0" * 15 + "1", sampled=True, random=True, known=False)
    assert new_trace().trace_id != new_trace().trace_id


def test_who_seeds_the_generator_of_all_does_not_seed_that_of_ids() -> None:
    import random

    ids = []
    for _ in range(2):
        random.seed(7)
        ids.append(new_trace_id())
    assert ids[0] != ids[1]


FORKED = """
import os
from meshclient.telemetry.propagation.identifiers import new_trace_id
from meshclient.telemetry.propagation.outbound import STOCK, Outbound
new_trace_id()
outbound = Outbound(["tracecontext"])
outbound.lines()
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, new_trace_id().encode() + b"".join(outbound.lines()[1].encode() for _ in range(STOCK)))
    os._exit(0)
os.wait()
said = os.read(read, 32 * (STOCK + 1)).decode()
childs = {said[at : at + 32] for at in range(0, len(said), 32)}
print(len(childs) == STOCK + 1 and childs.isdisjoint([new_trace_id(), *(outbound.lines()[1] for _ in range(STOCK))]))
"""
LAZY = """
import sys
import meshclient
assert not [name for name in sys.modules if "propagation" in name and name.startswith("meshclient")]
from meshclient import propagation
assert propagation.get("xray").extract({}) is None
assert propagation.extract_any({"b3": "1"}) is not None
from meshclient.telemetry.propagation.outbound import Outbound
Outbound(propagation.NAMES).lines()
Outbound(propagation.NAMES).headers()
print([name for name in sys.modules if name.startswith(("opentelemetry", "httpx", "asyncio"))] == [])
"""


@pytest.mark.parametrize("program", [FORKED, LAZY], ids=["forked", "lazy"])
def test_in_a_process_of_its_own(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"]


def test_the_public_face() -> None:
    assert propagation.get("b3") is get("b3")
    assert propagation.TraceContext is TraceContext
    assert propagation.using is using
    assert propagation.extract_any is extract_any
    assert set(propagation.__all__) <= set(vars(propagation))
    assert IDS.getrandbits(1) in (0, 1)
