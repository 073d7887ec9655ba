"""The real registries behave as the tests built on them assume."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from servers import install
from servers.census import Census
from servers.consul import Consul, trust
from servers.dns import DnsServer, locate
from servers.errors import NotInstalledError, ServerError
from servers.process import wait_until
from servers.registries import Registries, contract_column
from servers.requirement import required
from servers.rest import call

if TYPE_CHECKING:
    from servers.dns import Program


def healthy(consul: Consul, service: str, *, node: int = 0) -> list[str]:
    rows = consul.call("GET", f"/v1/health/service/{service}?passing", node=node)
    return sorted(row["Service"]["ID"] for row in rows)


def test_consul_answers_a_blocking_query_once_something_changes(consul: Consul) -> None:
    consul.register_many("blocking", 3)
    index = consul.index("blocking")
    same = consul.request("GET", f"/v1/health/service/blocking?index={index}&wait=1ms")
    assert int(same.headers["X-Consul-Index"]) == index
    consul.register_many("blocking", 1, first=3)
    changed = consul.request("GET", f"/v1/health/service/blocking?index={index}&wait=5s")
    assert int(changed.headers["X-Consul-Index"]) > index
    assert len(changed.json) == 4
    consul.deregister_outside("blocking-0")
    assert healthy(consul, "blocking") == ["blocking-1", "blocking-2", "blocking-3"]


def test_consul_registers_with_its_agent(consul: Consul) -> None:
    instance = consul.register(
        "registered", 8080, tags=["blue"], meta={"zone": "a"}, weight=7, check={"TTL": "60s", "Status": "passing"}
    )
    (row,) = consul.call("GET", "/v1/health/service/registered?passing")
    service = row["Service"]
    assert (service["Port"], service["Tags"], service["Meta"]["zone"]) == (8080, ["blue"], "a")
    assert service["Weights"]["Passing"] == 7
    consul.call("PUT", f"/v1/agent/check/fail/service:{instance}", {})
    assert wait_until(lambda: not healthy(consul, "registered"), 5, "the failed check")
    consul.deregister(instance)
    assert consul.call("GET", "/v1/health/service/registered") == []


def test_a_restarted_agent_begins_again_at_a_low_index(own_consul: Consul) -> None:
    for _ in range(10):
        own_consul.register_many("lost", 2)
        own_consul.deregister_outside("lost-1")
    before = own_consul.index("lost")
    own_consul.kill()
    with pytest.raises(ConnectionRefusedError):
        call("GET", own_consul.url, timeout=2)
    assert not own_consul.alive()
    own_consul.restart()
    assert own_consul.index("lost") < before
    assert healthy(own_consul, "lost") == []


def test_a_paused_agent_accepts_and_does_not_answer(own_consul: Consul) -> None:
    own_consul.pause()
    with pytest.raises(TimeoutError):
        call("GET", f"{own_consul.url}/v1/status/leader", timeout=0.3)
    own_consul.heal()
    assert call("GET", f"{own_consul.url}/v1/status/leader").status == 200


def test_healing_restarts_a_killed_agent(own_consul: Consul) -> None:
    own_consul.kill()
    own_consul.heal()
    assert call("GET", f"{own_consul.url}/v1/status/leader").json


def test_consul_hides_services_from_those_without_a_token(consul_acl: Consul) -> None:
    consul_acl.register_many("web-secret", 1)
    path = "/v1/health/service/web-secret"
    assert call("GET", consul_acl.url + path).json == [], "an empty list, not an error"
    assert len(consul_acl.request("GET", path, token=consul_acl.tokens["read"]).json) == 1
    refused = {"ID": "x", "Name": "other", "Port": 1}
    denied = consul_acl.request("PUT", "/v1/agent/service/register", refused, token=consul_acl.tokens["web"])
    assert denied.status == 403
    with pytest.raises(ServerError, match="403"):
        consul_acl.call("PUT", "/v1/acl/bootstrap", {})


def test_a_restarted_agent_with_access_rules_has_new_tokens(consul_acl: Consul) -> None:
    old = dict(consul_acl.tokens)
    consul_acl.kill()
    consul_acl.heal()
    assert consul_acl.tokens.keys() == old.keys()
    assert consul_acl.tokens["read"] != old["read"]
    status = consul_acl.request("GET", "/v1/agent/self", token=old["management"]).status
    assert status == 403


def test_consul_speaks_tls(consul_tls: Consul) -> None:
    assert consul_tls.tls is not None
    url = f"{consul_tls.https_url}/v1/status/leader"
    assert call("GET", url, tls=trust(consul_tls.tls)).status == 200
    with pytest.raises(OSError, match="certificate verify failed"):
        call("GET", url)


def test_the_cluster_elects_another_leader(consul_cluster: Consul) -> None:
    leader = consul_cluster.wait_leader()
    other = (leader + 1) % consul_cluster.node_count
    consul_cluster.register_many("elected", 2, node=other)
    consul_cluster.kill(leader)
    assert consul_cluster.wait_leader() != leader
    # What an agent was told it hands on by itself, to whoever leads then.
    both = ["elected-0", "elected-1"]
    wait_until(lambda: healthy(consul_cluster, "elected", node=other) == both, 60, "both known to the new leader")
    consul_cluster.restart(leader)
    wait_until(lambda: healthy(consul_cluster, "elected", node=leader) == both, 60, "both known to the one before")


def test_two_agents_run_side_by_side(consul: Consul, own_consul: Consul) -> None:
    own_consul.register_many("mine", 1)
    assert healthy(own_consul, "mine") == ["mine-0"]
    assert healthy(consul, "mine") == []


def test_a_stopped_server_leaves_nothing() -> None:
    server = DnsServer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DnsServer, "_ready", lambda _self, _node: False)
        patch.setattr(DnsServer, "ready_timeout", 0.2)
        if server.missing() is not None:
            pytest.skip(server.missing() or "")
        with pytest.raises(ServerError, match=r"dns node 0 ready: not so after 0\.2 s"):
            server.start()
    assert not server.alive()
    assert not server.dir.exists()


@pytest.fixture(params=["knot", "bind"])
def program(request: pytest.FixtureRequest) -> Program:
    name: Program = request.param
    if locate(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def answers(reply: bytes) -> int:
    return int.from_bytes(reply[6:8], "big")


def is_truncated(reply: bytes) -> bool:
    return bool(reply[2] & 2)


def test_a_name_server_has_every_kind_of_answer(program: Program) -> None:
    with DnsServer(program=program) as server:
        assert answers(server.ask("_web._tcp.mesh.test")) == 3
        assert answers(server.ask("many.mesh.test", "A")) == 3
        assert answers(server.ask("a1.mesh.test", "AAAA")) == 1
        assert is_truncated(server.ask("_big._tcp.mesh.test"))
        names = ("nope.mesh.test", "a1.mesh.test", "x.broken.test", "elsewhere.example")
        assert [server.rcode(name) for name in names] == [3, 0, 2, 5]


def test_updates_change_the_zone_together(program: Program) -> None:
    with DnsServer(program=program) as server:
        server.update("add new 1 A 127.0.0.31", "add _new._tcp 1 SRV 1 1 80 new")
        assert answers(server.ask("_new._tcp.mesh.test")) == 1
        server.set_srv("new", [(1, 1, 81, "new"), (1, 1, 82, "new"), (2, 1, 83, "a1.mesh.test.")])
        assert answers(server.ask("_new._tcp.mesh.test")) == 3
        server.update("delete _new._tcp SRV 1 1 81 new")
        assert answers(server.ask("_new._tcp.mesh.test")) == 2
        server.update("delete _new._tcp")
        assert server.rcode("_new._tcp.mesh.test") == 3
        with pytest.raises(ServerError, match=r"update of mesh\.test: NOTZONE"):
            server.update("add host.elsewhere.example. 1 A 127.0.0.1")


def test_a_restarted_name_server_has_its_first_zone(program: Program) -> None:
    with DnsServer(program=program) as server:
        server.update("add new 1 A 127.0.0.31")
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            server.ask("a1.mesh.test", "A")
        server.restart()
        assert answers(server.ask("a1.mesh.test", "A")) == 1
        assert server.rcode("new.mesh.test", "A") == 3
        server.pause()
        with pytest.raises(TimeoutError):
            server.ask("a1.mesh.test", "A", timeout=0.2)


def test_the_shared_name_server_answers(dns_server: DnsServer) -> None:
    dns_server.set_srv("shared", [(1, 1, 80, "a1")], ttl=0)
    assert answers(dns_server.ask("_shared._tcp.mesh.test")) == 1


def test_versions_are_numbers(consul: Consul, dns_server: DnsServer) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", consul.version)
    assert re.fullmatch(r"\d+\.\d+\.\d+", dns_server.version)
    assert dns_server.product in {"knot", "bind"}


def test_a_missing_program_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servers.consul.locate", lambda: None)
    with pytest.raises(NotInstalledError, match=r"python tests/servers/install\.py"):
        Consul().start()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("CI", "true", True),
        ("MESHCLIENT_REQUIRE_SERVERS", "1", True),
        ("MESHCLIENT_REQUIRE_SERVERS", "0", False),
        ("CI", "", False),
    ],
)
def test_servers_are_required_on_request(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, expected: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("MESHCLIENT_REQUIRE_SERVERS", raising=False)
    monkeypatch.setenv(variable, value)
    assert required() is expected


@pytest.mark.parametrize(("setting", "code"), [("1", 1), ("0", 0)])
def test_the_installer_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, code: int
) -> None:
    def refuse() -> str:
        raise NotInstalledError("run as root: apt-get install knot")

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("MESHCLIENT_REQUIRE_SERVERS", setting)
    monkeypatch.setattr(install, "INSTALLERS", {"consul": lambda: "consul 1.8.7 /opt/consul", "dns": refuse})
    assert install.main() == code
    said = capsys.readouterr().out
    assert "consul 1.8.7 /opt/consul\n" in said
    assert "dns is missing: run as root: apt-get install knot\n" in said


def test_the_table_of_registries_counts_passed_tests_by_column() -> None:
    registries = Registries()
    assert registries.table() == []
    registries.passed("consul", ("resolve", "watch"), ["consul 1.8.7"])
    registries.passed("consul", ("watch",), ["consul 1.8.7", "knot 3.2.6"])
    registries.passed("file", (contract_column("test_an_outage_keeps_the_last_list"),), [])
    assert registries.table() == [
        "registry  resolve  watch  register  deregister  faults  on",
        "consul    1        2      -         -           -       consul 1.8.7, knot 3.2.6",
        "file      -        -      -         -           1       this process",
    ]
    with pytest.raises(ValueError, match="'wacht' is none of resolve, watch"):
        registries.passed("consul", ("wacht",), [])


def test_the_census_counts_a_test_once_per_server_and_version() -> None:
    census = Census()
    census.used("consul", "1.8.7")
    census.used("consul", "1.8.7")
    first = census.close()
    assert first == ["consul 1.8.7"]
    census.used("consul", "1.8.7")
    census.used("backend", "")
    second = census.close()
    for servers in (first, second, census.close()):
        census.count(servers)
    assert census.summary() == "backend (1 test), consul 1.8.7 (2 tests)"
