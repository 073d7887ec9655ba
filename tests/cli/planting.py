"""How each fault of `cli.planted` is planted: a function of the ground gives words for the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from cli.ground import Ground, well
from meshclient.cli.checks import observing, registry

Planting = Callable[[Ground], tuple[str, ...]]


def file(text: str, *words: str) -> Planting:
    """A configuration of these words, and nothing else wrong."""

    def plant(ground: Ground) -> tuple[str, ...]:
        ground.write(text.replace("PORT", str(ground.good)))
        return words

    return plant


def static(*endpoints: str, more: str = "", words: tuple[str, ...] = ()) -> Planting:
    """A service of these endpoints."""

    def plant(ground: Ground) -> tuple[str, ...]:
        texts = (each.replace("GOOD", str(ground.good)).replace("CLOSED", str(ground.closed())) for each in endpoints)
        ground.static(*texts, more=more)
        return words

    return plant


def variable(name: str, value: str) -> Planting:
    def plant(ground: Ground) -> tuple[str, ...]:
        ground.patch.setenv(name, value.replace("CLOSED", str(ground.closed())).replace("GOOD", str(ground.good)))
        return static("http://127.0.0.1:GOOD")(ground)

    return plant


def composed(resolver: str, *words: str) -> Planting:
    """No configuration but this resolver, asked for a service."""

    def plant(ground: Ground) -> tuple[str, ...]:
        text = resolver.replace("CLOSED", str(ground.closed())).replace("GOOD", str(ground.good))
        return ("orders", "--resolver", text, *words)

    return plant


ONE = '[services.orders]\nendpoints = ["http://127.0.0.1:PORT"]\n'


def no_state_dir(ground: Ground) -> tuple[str, ...]:
    blocked = ground.write("a file, and no folder", "state")
    return file(f'state_dir = "{blocked}/lists"\n{ONE}')(ground)


def hidden_plugin(ground: Ground) -> tuple[str, ...]:
    ground.without("meshclient_etcd", "__editable___meshclient_etcd", "__editable__.meshclient_etcd")
    ground.write('resolver = "etcd://127.0.0.1:2379/mesh"')
    return ("orders",)


def broken_plugin(ground: Ground) -> tuple[str, ...]:
    ground.install("acme-registry", "acme = no_such_module:Resolver")
    ground.write('resolver = "acme://127.0.0.1"')
    return ("orders",)


def claimed_twice(ground: Ground) -> tuple[str, ...]:
    ground.install("acme-consul", "consul = meshclient.discovery.file:FileResolver")
    ground.write('resolver = "consul://127.0.0.1"')
    return ("orders",)


def unused_plugin(ground: Ground) -> tuple[str, ...]:
    ground.install("acme-registry", "acme = no_such_module:Resolver")
    return static("http://127.0.0.1:GOOD")(ground)


def failing_check(ground: Ground) -> tuple[str, ...]:
    ground.install("acme-checks", "acme = no_such_module:Check", "meshclient.checks")
    return static("http://127.0.0.1:GOOD")(ground)


def registry_at(port: int) -> str:
    return f'resolver = "consul://127.0.0.1:{port}"\n[services.orders]\n'


def no_registry(ground: Ground) -> tuple[str, ...]:
    ground.write(registry_at(ground.closed()))
    return ()


def half_of_a_sum(ground: Ground) -> tuple[str, ...]:
    # The other half is known, so that nothing on disk is needed.
    return composed("consul://127.0.0.1:CLOSED + static://127.0.0.1:GOOD", "--set", "state_dir=state")(ground)


def slow_registry(ground: Ground) -> tuple[str, ...]:
    ground.patch.setattr(registry, "SLOW", 0.05)
    return consul_that(ground, slow=0.1)


def denied(ground: Ground) -> tuple[str, ...]:
    body = b"rpc error making call: Permission denied"
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
    ground.write(registry_at(ground.listen(lambda _: refusal)))
    ground.patch.setenv("CONSUL_HTTP_TOKEN", "s3cret-token")
    return ()


def no_registry_there(ground: Ground) -> tuple[str, ...]:
    ground.write(registry_at(ground.good))
    return ()


def consul_that(ground: Ground, *, ahead: float = 0.0, slow: float = 0.0) -> tuple[str, ...]:
    service = {"Node": {"Address": "127.0.0.1"}, "Checks": [], "Service": {"ID": "a", "Port": ground.good}}

    def reply(request: bytes) -> bytes:
        if b"/v1/health" in request:
            time.sleep(slow)
            return well(ahead=ahead, body=json.dumps([service]).encode())
        return well(ahead=ahead)

    ground.write(registry_at(ground.listen(reply)))
    return ()


def silent_registry(ground: Ground) -> tuple[str, ...]:
    ground.write(registry_at(ground.listen(None)))
    return ("--timeout", "500ms")


def unknown_name(ground: Ground) -> tuple[str, ...]:
    ground.consul.register("check-orders", ground.good)
    ground.registered("check-ordres")
    return ()


def no_instance_passes(ground: Ground) -> tuple[str, ...]:
    ground.consul.register("check-ill", ground.good, check={"TTL": "600s", "Status": "critical"})
    ground.registered("check-ill")
    return ()


def all_critical(ground: Ground) -> tuple[str, ...]:
    ill = {"host": "127.0.0.1", "port": ground.good, "health": "critical"}
    path = ground.write(json.dumps({"services": {"orders": {"endpoints": [ill]}}}), "mesh.json")
    ground.write(f'resolver = "file://{path}"\n[services.orders]\n')
    return ()


def port_zero(ground: Ground) -> tuple[str, ...]:
    ground.consul.register("check-zero", ground.good, instance="zero-a")
    ground.consul.register("check-zero", 0, instance="zero-b")
    ground.registered("check-zero")
    return ()


def nothing_on_disk(ground: Ground) -> tuple[str, ...]:
    (ground.folder / "state").mkdir()
    ground.write('state_dir = "state"\n' + registry_at(ground.closed()))
    return ()


def list_on_disk(ground: Ground) -> tuple[str, ...]:
    from meshclient.discovery.state_folder import StateFolder
    from meshclient.model.endpoint import Endpoint

    port = ground.closed()
    folder = StateFolder(ground.folder / "state")
    folder.file(f"consul://127.0.0.1:{port}", "orders").write([Endpoint("127.0.0.1", ground.good)])
    ground.write('state_dir = "state"\n' + registry_at(port))
    return ()


def twice(ground: Ground) -> tuple[str, ...]:
    for instance in ("twice-a", "twice-b"):
        ground.consul.register("check-twice", ground.good, instance=instance)
    ground.registered("check-twice")
    return ()


def other_family(ground: Ground) -> tuple[str, ...]:
    port = ground.closed()
    try:
        ground.listen(host="::1", port=port)
    except OSError:
        pytest.skip("this machine has no ::1")
    ground.static(f"http://127.0.0.1:{port}")
    return ()


def not_http(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.listen(lambda _: b'SSH-2.0-OpenSSH_9.2' + bytes([13, 10]))}")
    return ()


def silent_endpoint(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.listen(None)}")
    return ("--timeout", "500ms")


def closing(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.listen(lambda _: b'')}")
    return ()


def late_endpoint(ground: Ground) -> tuple[str, ...]:
    ground.static(f"http://127.0.0.1:{ground.good}", f"http://127.0.0.1:{ground.listen(lambda _: well(ahead=-60))}")
    return ()


def own_clock(ground: Ground) -> tuple[str, ...]:
    # Of one host alone it would be that host's clock.
    ground.static(
        *(
            f"http://{host}:{ground.listen(lambda _: well(ahead=90))}"
            for host in ("127.0.0.1", "127.0.0.1", "localhost")
        )
    )
    return ()


def no_exporter(planting: Planting) -> Planting:
    """As where OpenTelemetry's SDK stands without the exporter that is a distribution of its own."""

    def plant(ground: Ground) -> tuple[str, ...]:
        absent = "opentelemetry.exporter.otlp"
        ground.patch.setattr(observing, "find_spec", lambda name: None if name == absent else find_spec(name))
        return planting(ground)

    return plant


def no_sdk(ground: Ground) -> tuple[str, ...]:
    ground.patch.setenv("OTEL_TRACES_EXPORTER", "console")
    ground.fixture("no_opentelemetry_sdk")
    return static("http://127.0.0.1:GOOD")(ground)
