"""Options that cannot be are named, with what would be right."""

from __future__ import annotations

from typing import Any

import pytest

import meshclient
from meshclient.errors import ConfigError
from meshclient.integrations.admission import Admission
from meshclient.integrations.asgi import MeshMiddleware
from meshclient.integrations.options import Inbound
from meshclient.integrations.setting import Setting
from meshclient.integrations.wsgi import MeshMiddleware as WsgiMiddleware


def nothing(*_: object) -> Any:
    """An application."""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, r"limit=0 lets nobody in: write at least 1"),
        ({"limit": True}, r"limit=True"),
        ({"max_lag": 0}, r"max_lag=0: write seconds above 0"),
        ({"max_lag": float("inf")}, r"max_lag=inf"),
        ({"retry_after": -1}, r"retry_after=-1"),
        ({"critical": "/pay"}, r"critical='/pay': write a list, such as critical=\['/pay'\]"),
        ({"critical": ["pay"]}, r"critical='pay' is no path: write one such as '/pay'"),
        ({"health": "healthz"}, r"health='healthz' is no path"),
        ({"needs": ["orders"]}, r"needs=\['orders'\]: whose lists\? Give mesh="),
        ({"propagators": ["w3c"]}, r"'w3c'.*tracecontext"),
        ({"propagators": "xray"}, r"propagators='xray': write a list"),
        ({"limit": "64"}, r"limit='64'"),
        ({"limit": 2.5}, r"limit=2.5"),
        ({"max_lag": "0.2"}, r"max_lag='0.2': write seconds"),
        ({"retry_after": "1"}, r"retry_after='1': write seconds"),
        ({"cancel": "false"}, r"cancel='false': write True or False"),
        ({"load_report": 1}, r"load_report=1: write True or False"),
        ({"critical": [1]}, r"critical=\[1\]: write a list of texts"),
        ({"needs": 5}, r"needs=5: write a list of texts"),
        ({"health": None}, r"health=None is no path: write one such as '/healthz'"),
        ({"mesh": "consul://x"}, r"mesh='consul://x' is none: write Mesh\('consul://x'\)"),
        ({"lease": 3}, r"lease=3 is none: give what mesh.register"),
        ({"lag": 1}, r"'lag' is no option of the middleware; there are .*max_lag"),
    ],
)
@pytest.mark.parametrize("middleware", [MeshMiddleware, WsgiMiddleware])
def test_a_wrong_option(middleware: Any, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        middleware(nothing, **options)


def test_a_name_that_is_none() -> None:
    with meshclient.Mesh(services={"a": {"endpoints": ["http://127.0.0.1:9"]}}) as mesh:
        with pytest.raises(ConfigError, match="needs="):
            Inbound(mesh=mesh, needs=["no name!"])
        assert Inbound(mesh=mesh, needs=["orders"]).needs == ["orders"]


@pytest.mark.parametrize(("name", "value"), [("disconnect", True), ("max_lag", 0.5)])
def test_what_cannot_be_done_to_a_thread(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name} needs an event loop"):
        WsgiMiddleware(nothing, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("consul://", r"APP is 'consul://': write a dict such as"),
        ({"resolvers": "a"}, r"APP has no key 'resolvers'; there are config, resolver"),
        ({"inbound": 64}, r"APP\['inbound'\] is 64: write a dict such as"),
    ],
)
def test_a_wrong_setting(value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Setting.parse(value, "APP")


def test_a_setting_is_a_mesh_and_options(tmp_path: Any) -> None:
    path = tmp_path / "meshclient.toml"
    path.write_text('[services.orders]\nendpoints = ["http://127.0.0.1:9"]\ndeadline = "3s"\n')
    setting = Setting.parse({"config": str(path), "domains": ["mesh"], "inbound": {"limit": 3, "health": "/h"}}, "APP")
    with setting.mesh() as mesh:
        assert mesh.config.service(mesh_name("orders")).deadline == 3
        assert list(mesh.config.domains) == ["mesh"]
        assert setting.options(mesh, {"limit": 4}) == {"mesh": mesh, "limit": 4, "health": "/h"}


def mesh_name(text: str) -> Any:
    from meshclient.model.service import ServiceName

    return ServiceName.parse(text)


@pytest.mark.parametrize(
    ("path", "priority", "critical"),
    [
        ("/pay", "", True),
        ("/pay/", "", False),
        ("/admin/x", "", True),
        ("/admin", "", False),
        ("/", "u=0", True),
        ("/", "i, u=0 ", True),
        ("/", "u=01", False),
        ("/", "xu=0", False),
        ("/", "u=3", False),
        ("/", 'a="u=0"', False),
    ],
)
def test_what_is_critical(path: str, priority: str, critical: bool) -> None:
    admission = Admission(Inbound(critical=["/pay", "/admin/*"], limit=1))
    assert admission.critical(path, priority) is critical
