"""What each category of ``meshclient check`` makes of facts: what cannot be planted, and the edges of what can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshclient.cli.checks import clock, endpoints, names, registry, telemetry, tls
from meshclient.cli.checks.asking import trouble_of
from meshclient.cli.checks.finding import Finding, Level, Outcome, Passed, Skipped
from meshclient.cli.checks.reached import Dated, Flaw, How, Reached, Span
from meshclient.cli.checks.registry import Asked, Heard, RegistryFacts, Trouble
from meshclient.cli.checks.wording import listed, parted
from meshclient.discovery.schemes import REGISTRARS, RESOLVERS, load
from meshclient.errors import PluginNotFound
from meshclient.model.endpoint import Endpoint
from meshclient.model.snapshot import Failed, Ready

DAY = 86_400.0
HERE = Endpoint("10.0.0.1", 80)


def ids(outcomes: list[Outcome]) -> list[str]:
    return [each.kind.id for each in outcomes if isinstance(each, Finding)]


class AcmeThrottled(Exception):
    """As plugins name theirs."""


class AcmeDenied(Exception):
    """Likewise."""


class AcmeUnreachable(Exception):
    """Likewise."""


class AcmeStatus(Exception):
    """With the status of an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"answered {status}")
        self.status = status


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (AcmeThrottled("slow down"), Trouble.THROTTLED),
        (AcmeStatus(429), Trouble.THROTTLED),
        (AcmeDenied("no"), Trouble.DENIED),
        (AcmeStatus(401), Trouble.DENIED),
        (AcmeUnreachable("gone"), Trouble.UNREACHABLE),
        (ConnectionRefusedError("refused"), Trouble.UNREACHABLE),
        (TimeoutError(), Trouble.SILENT),
        (Exception("none of 3 servers: A cannot be reached for service 'a': refused"), Trouble.UNREACHABLE),
        (ValueError("what is this"), Trouble.USELESS),
    ],
)
def test_what_a_plugin_raises_is_known_by_its_name(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


def test_a_registry_that_throttles_is_told_once_for_all_services() -> None:
    heard = {name: Heard(0.1, trouble=Trouble.THROTTLED, cause="too many requests") for name in ("a", "b", "c", "d")}
    (finding,) = registry.judge(RegistryFacts((Asked("cloudmap://prod", heard),)))
    assert isinstance(finding, Finding)
    assert (finding.kind.id, finding.subject) == ("MC306", "cloudmap://prod")
    assert finding.what == "cloudmap://prod: too many requests (so it is for a, b, c and 1 more)"


def test_a_question_for_no_service_in_particular_may_be_denied() -> None:
    asked = Asked("consul://a:8500", {"": Heard(0.1, trouble=Trouble.DENIED, cause="no")})
    (outcome,) = registry.judge(RegistryFacts((asked,)))
    assert isinstance(outcome, Skipped)


def test_only_the_quickest_answer_makes_a_registry_slow() -> None:
    ready = Ready((HERE,))
    quick, slow = Heard(0.1, ready), Heard(registry.SLOW + 1, ready)
    assert ids(list(registry.judge(RegistryFacts((Asked("a", {"x": quick, "y": slow}),))))) == []
    assert ids(list(registry.judge(RegistryFacts((Asked("a", {"x": slow, "y": slow}),))))) == ["MC304"]


def test_a_service_of_which_nothing_is_known_is_skipped_and_not_unknown() -> None:
    (outcome,) = names.judge(names.NameFacts((names.Named("orders", Failed("down")),)))
    assert isinstance(outcome, Skipped)


def test_what_is_known_in_part_is_known() -> None:
    half = Failed("a: down", last=Ready((HERE,)))
    assert [type(each) for each in names.judge(names.NameFacts((names.Named("orders", half),)))] == [Passed]


def test_a_registry_that_some_need_has_failed_for_them() -> None:
    heard = {name: Heard(0.1, trouble=Trouble.UNREACHABLE, cause="refused") for name in ("a", "b")}
    asked = (Asked("consul://a:8500", heard),)

    def told(*spared: str) -> list[tuple[str, str]]:
        outcomes = registry.judge(RegistryFacts(asked, spared=frozenset(spared)))
        return [(each.kind.id, each.what) for each in outcomes if isinstance(each, Finding)]

    assert told() == [("MC301", "consul://a:8500: refused (so it is for a, b)")]
    assert told("a") == [("MC301", "consul://a:8500: refused")]
    assert told("a", "b") == [("MC307", "consul://a:8500: refused (so it is for a, b)")]


def test_many_of_a_kind_are_counted() -> None:
    def reached(service: str, deaf: int) -> list[Reached]:
        hosts = [Endpoint(f"10.0.0.{n + 1}", 80) for n in range(deaf + 1)]
        hows = [How.ANSWERED] + [How.UNREACHED] * deaf
        return [Reached(service, host, how, "refused") for host, how in zip(hosts, hows, strict=True)]

    facts = endpoints.EndpointFacts({}, (*reached("orders", 200), *reached("stock", 2)))
    told = [each for each in endpoints.judge(facts) if isinstance(each, Finding)]
    assert ids([*told]) == ["MC502"] * 13
    assert [each.what for each in told[9:12]] == [
        "orders: refused",
        "orders: and so it is for 190 more",
        "stock: refused",
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["127.0.0.1", "10.0.0.1"], ["MC505"]),
        (["169.254.1.1", "10.0.0.1"], ["MC505"]),
        (["fe80::1", "10.0.0.1"], ["MC505"]),
        (["127.0.0.1", "::1"], []),
        (["127.0.0.1", "elsewhere.example"], []),
        (["10.0.0.1", "10.0.0.2"], []),
        (["0.0.0.0", "10.0.0.1"], ["MC506"]),
        (["::", "224.0.0.1"], ["MC506", "MC506"]),
    ],
)
def test_addresses(hosts: list[str], expected: list[str]) -> None:
    facts = endpoints.EndpointFacts({"orders": [Endpoint(host, 80) for host in hosts]})
    assert ids(list(endpoints.judge(facts))) == expected


def test_one_deaf_endpoint_is_a_warning_and_all_of_them_an_error() -> None:
    def reached(*hows: How) -> list[str]:
        each = tuple(Reached("orders", Endpoint("10.0.0.1", 80 + n), how, "words") for n, how in enumerate(hows))
        return ids(list(endpoints.judge(endpoints.EndpointFacts({}, each))))

    assert reached(How.ANSWERED, How.ANSWERED) == []
    assert reached(How.ANSWERED, How.UNREACHED) == ["MC502"]
    assert reached(How.UNREACHED, How.UNREACHED) == ["MC501"]
    # Something listens there, though it is not understood.
    assert reached(How.TLS_FAILED, How.UNREACHED) == ["MC502"]


def test_more_endpoints_than_are_connected_to_are_told() -> None:
    facts = endpoints.EndpointFacts({}, (Reached("orders", HERE, How.ANSWERED),), left=7)
    assert [type(each) for each in endpoints.judge(facts)] == [Passed, Skipped]


def test_a_handshake_that_fails_for_another_reason() -> None:
    seen = Reached("orders", HERE, How.TLS_FAILED, "https://10.0.0.1:80: TLS failed: odd", flaw=Flaw.OTHER)
    outcomes = list(tls.judge(tls.TlsFacts((tls.Secured("orders"),), (seen,), 0.0)))
    assert ids(outcomes) == ["MC610"]


@pytest.mark.parametrize(
    ("life", "left", "soon"),
    [
        (90 * DAY, 13 * DAY, True),
        (90 * DAY, 15 * DAY, False),
        (365 * DAY, 20 * DAY, False),
        (365 * DAY, 13 * DAY, True),
        # What lives for a day is renewed in hours.
        (DAY, DAY / 2, False),
        (DAY, DAY / 6, True),
        (6 * DAY, 3 * DAY, False),
    ],
)
def test_soon_depends_on_how_long_a_certificate_lives(life: float, left: float, soon: bool) -> None:
    seen = Reached("orders", HERE, How.ANSWERED, certificate=Span(left - life, left))
    found = ids(list(tls.judge(tls.TlsFacts((tls.Secured("orders"),), (seen,), 0.0))))
    assert found == (["MC603"] if soon else [])


def test_a_clock_differs_only_where_that_is_certain() -> None:
    # Theirs was cut to the second, and the answer took two: it may have been read at any moment of them.
    assert clock.ahead(Dated("a", theirs=100.0, ours=102.5, seconds=2.0)) == 0.0
    assert clock.ahead(Dated("a", theirs=110.0, ours=102.0, seconds=2.0)) == 8.0
    assert clock.ahead(Dated("a", theirs=90.0, ours=102.0, seconds=2.0)) == -9.0


def test_whose_clock_it_is() -> None:
    def found(*shifts: float) -> list[str]:
        seen = tuple(Dated(f"http://10.0.0.{n}:80", 1000.0 + shift, 1000.0, 0.0) for n, shift in enumerate(shifts))
        return ids(list(clock.judge(clock.ClockFacts(seen[:1], seen[1:]))))

    assert found(0.0, 0.0) == []
    assert found(60.0, 0.0) == ["MC701"]
    assert found(0.0, 60.0) == ["MC702"]
    assert found(60.0, 61.0, 62.0) == ["MC703"]
    # Two servers of one host have one clock, which may be theirs.
    same = tuple(Dated(f"http://10.0.0.1:{port}", 1060.0, 1000.0, 0.0) for port in (80, 81))
    assert ids(list(clock.judge(clock.ClockFacts((), same)))) == ["MC702", "MC702"]
    assert found(60.0, -60.0) == ["MC701", "MC702"]


@pytest.mark.parametrize(
    ("shift", "said"), [(-90.0, "is 89s behind this host's"), (7200.0, "is 2h ahead of this host's")]
)
def test_how_far_clocks_are_apart(shift: float, said: str) -> None:
    seen = Dated("consul://a:8500", 1000.0 + shift, 1000.0, 0.0)
    (finding,) = clock.judge(clock.ClockFacts((seen,)))
    assert isinstance(finding, Finding)
    assert finding.what == f"the clock of consul://a:8500 {said}"


@pytest.mark.parametrize(("group", "name"), [(RESOLVERS, "redis"), (RESOLVERS, "route53"), (REGISTRARS, "kubernetes")])
def test_what_no_distribution_brings_is_not_to_be_installed(
    group: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: ())
    with pytest.raises(PluginNotFound, match=f"'{name}' does not exist: (?!.*pip install)"):
        load(group, name, {})


def test_propagators_are_nothing_to_whoever_has_no_opentelemetry() -> None:
    facts = telemetry.TelemetryFacts(propagators=("tracecontext", "b3"), installed=("baggage", "tracecontext"))
    assert ids(list(telemetry.judge(facts))) == ["MC803"]
    assert ids(list(telemetry.judge(replace(facts, installed=())))) == []


def test_levels_have_an_order() -> None:
    assert Level.ERROR.reaches(Level.WARNING)
    assert Level.WARNING.reaches(Level.WARNING)
    assert not Level.INFO.reaches(Level.WARNING)


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("a is 'x': write y, such as z", "a is 'x'", "write y, such as z"),
        ("a is unknown; did you mean 'b'?", "a is unknown", "did you mean 'b'?"),
        ("unknown key. Did you mean 'b'? Known here: c", "unknown key", "Did you mean 'b'? Known here: c"),
        ("nothing to be done", "nothing to be done", ""),
    ],
)
def test_what_happened_and_what_to_do(text: str, what: str, fix: str) -> None:
    assert parted(text) == (what, fix)


def test_long_lists_are_cut() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
