"""Faults for ``meshclient check`` to find: each planted for real, and what it is to be called.

Nothing but `Plant.id` and `Plant.beside` may be found where one is planted, so that none is a false alarm of another.
"""

from __future__ import annotations

from typing import NamedTuple

from cli import planting as by
from cli import planting_tls as tls
from cli.planting import ONE, Planting, composed, file, static, variable
from cli.planting_tls import DAY, certified, own


class Plant(NamedTuple):
    """A fault.

    Attributes:
        id: of the finding.
        plant: does it, and gives words for the command line.
        beside: what else is true then.
    """

    id: str
    plant: Planting
    beside: tuple[str, ...] = ()


PLANTED = (
    Plant("MC101", file("", "--config", "nowhere.toml")),
    Plant("MC102", file('resolver = "dns://"\n[services.orders\n')),
    Plant("MC103", file(f'{ONE}deadlin = "1s"\n')),
    Plant("MC104", file(f'{ONE}deadline = "soon"\n')),
    Plant("MC105", variable("MESHCLIENT_DEFAULTS__DEADLIN", "1s")),
    Plant("MC106", file(f'{ONE}deadline = "1s"\nattempt_timeout = "2s"\n')),
    Plant("MC107", file("zone = 'a'\n", "orders")),
    Plant("MC108", file('resolver = "consul://a|dns://"\n', "orders")),
    Plant("MC109", by.no_state_dir),
    Plant("MC110", file(f"{ONE}connections = {{ total = 9000000 }}\n")),
    Plant("MC201", by.hidden_plugin),
    Plant("MC202", file('resolver = "consull://127.0.0.1"\n', "orders")),
    Plant("MC202", file('resolver = "redis://127.0.0.1"\n', "orders")),
    Plant("MC202", file('resolver = "route53://prod.internal"\n', "orders")),
    Plant("MC203", by.broken_plugin),
    Plant("MC204", by.claimed_twice),
    Plant("MC205", file('resolver = "consul://127.0.0.1?tokenfile=x"\n', "orders")),
    Plant("MC206", file(f'{ONE}balancer = "p2cc"\n')),
    Plant("MC207", by.unused_plugin),
    Plant("MC208", by.failing_check),
    Plant("MC301", by.no_registry),
    Plant("MC301", by.half_of_a_sum),
    Plant("MC302", by.denied),
    Plant("MC303", by.no_registry_there),
    Plant("MC304", by.slow_registry),
    Plant("MC305", by.silent_registry),
    Plant("MC307", composed("consul://127.0.0.1:CLOSED | static://127.0.0.1:GOOD")),
    Plant("MC307", composed("static://127.0.0.1:GOOD | consul://127.0.0.1:CLOSED")),
    Plant("MC307", composed("migrate(static://127.0.0.1:GOOD, consul://127.0.0.1:CLOSED)")),
    Plant("MC401", by.unknown_name),
    Plant("MC401", file(ONE, "ordres")),
    Plant("MC402", by.no_instance_passes),
    Plant("MC402", file(f'{ONE}[services.stock]\ndeadline = "1s"\n')),
    Plant("MC403", by.all_critical),
    Plant("MC404", by.port_zero),
    Plant("MC405", by.nothing_on_disk, ("MC301",)),
    Plant("MC406", by.list_on_disk, ("MC301",)),
    Plant("MC501", static("http://127.0.0.1:CLOSED")),
    Plant("MC502", static("http://127.0.0.1:GOOD", "http://127.0.0.1:CLOSED")),
    Plant("MC503", static("http://127.0.0.1:GOOD", "http://no-such-host.invalid:80")),
    Plant("MC504", by.twice),
    Plant("MC505", static("http://127.0.0.1:GOOD", "http://192.0.2.1:80", words=("--timeout", "2s")), ("MC502",)),
    Plant("MC506", static("http://0.0.0.0:GOOD")),
    Plant("MC507", by.other_family),
    Plant("MC508", by.not_http),
    Plant("MC509", by.silent_endpoint),
    Plant("MC510", tls.tls_where_plain),
    Plant("MC510", tls.tls_where_plain_as_go_says),
    Plant("MC511", by.closing),
    Plant("MC511", tls.closing_over_tls),
    Plant("MC601", tls.plain_where_tls),
    Plant("MC601", tls.lines_where_tls),
    Plant("MC602", certified(begins=-30 * DAY, ends=-DAY)),
    Plant("MC603", certified(begins=-80 * DAY, ends=5 * DAY)),
    Plant("MC604", certified(begins=DAY, ends=30 * DAY)),
    Plant("MC605", certified("billing")),
    Plant("MC606", tls.stranger),
    Plant("MC607", tls.wrong_key),
    Plant("MC608", tls.wants_client),
    Plant("MC609", tls.unverified),
    Plant("MC611", own(begins=-30 * DAY, ends=-DAY)),
    Plant("MC612", own(begins=-80 * DAY, ends=5 * DAY)),
    Plant("MC701", lambda ground: by.consul_that(ground, ahead=60)),
    Plant("MC702", by.late_endpoint),
    Plant("MC703", by.own_clock),
    Plant("MC801", variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:pass-word@127.0.0.1:CLOSED")),
    Plant("MC802", by.no_sdk),
    Plant("MC803", variable("OTEL_PROPAGATORS", "tracecontext,b33")),
    Plant("MC804", by.no_exporter(variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:GOOD"))),
)
