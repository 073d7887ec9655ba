"""Every built-in resolver keeps the contract: files by any way of writing, DNS against a real name server."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from meshclient.discovery.dns import DnsResolver
from meshclient.discovery.env import EnvResolver
from meshclient.discovery.file import FileResolver
from meshclient.discovery.resolver import Resolver, ResolverUri
from meshclient.discovery.srv import SrvResolver
from meshclient.discovery.static import StaticResolver
from meshclient.model.endpoint import Endpoint
from meshclient.model.service import ServiceName
from meshclient.testing.resolver_contract import ResolverContract
from servers.dns import DnsServer
from servers.faultproxies import FaultProxies
from servers.faults import DnsFault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@pytest.mark.registry("static")
class TestStaticContract(ResolverContract):
    sees_changes = False
    can_break = False

    @pytest.fixture(autouse=True)
    def prepare(self) -> None:
        self.services: dict[str, str] = {"first": "127.0.0.1:80"}

    def resolver(self) -> Resolver:
        services = "&".join(f"{name}={urls}" for name, urls in self.services.items())
        return StaticResolver(ResolverUri.parse(f"static://?{services}"))

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        self.services[name.value] = ",".join(e.url for e in endpoints)


@pytest.mark.registry("env")
class TestEnvContract(ResolverContract):
    sees_changes = False
    can_break = False

    @pytest.fixture(autouse=True)
    def prepare(self) -> None:
        self.environ: dict[str, str] = {}

    def resolver(self) -> Resolver:
        return EnvResolver(ResolverUri.parse("env://"), environ=self.environ)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        variable = name.value.upper().replace("-", "_")
        self.environ[f"MESHCLIENT_SERVICES__{variable}__ENDPOINTS"] = ",".join(e.url for e in endpoints)


def renamed(path: Path, text: str) -> None:
    draft = path.with_name("draft")
    draft.write_text(text)
    draft.rename(path)


def overwritten(path: Path, text: str) -> None:
    path.write_text(text)


def toml(services: dict[str, list[str]]) -> str:
    text = "\n".join(f'[services."{name}"]\nendpoints = {json.dumps(urls)}' for name, urls in services.items())
    assert set(tomllib.loads(text).get("services", {})) == set(services)
    return text


class FileContract(ResolverContract):
    can_corrupt = True
    # The promise is one second; the rest is for a busy machine.
    within = 5.0
    suffix: str
    write: Callable[[Path, str], None]

    @pytest.fixture(autouse=True)
    def prepare(self, tmp_path: Path) -> None:
        self.path = tmp_path / f"mesh{self.suffix}"
        self.services: dict[str, list[str]] = {}
        self.save()

    def encode(self) -> str:
        raise NotImplementedError

    def save(self) -> None:
        type(self).write(self.path, self.encode())

    def resolver(self) -> Resolver:
        return FileResolver(ResolverUri.parse(f"file://{self.path}"))

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        self.services[name.value] = [e.url for e in endpoints]
        self.save()

    def break_registry(self) -> None:
        self.path.rename(self.path.with_name("away"))

    def mend_registry(self) -> None:
        self.path.unlink(missing_ok=True)
        self.save()

    def corrupt(self, name: ServiceName) -> None:
        type(self).write(self.path, f'{{"{name}": [[[')


@pytest.mark.registry("file")
class TestTomlContract(FileContract):
    suffix = ".toml"
    write = staticmethod(renamed)

    def encode(self) -> str:
        return f"[services]\n{toml(self.services)}"


@pytest.mark.registry("file")
class TestJsonContract(FileContract):
    suffix = ".json"
    write = staticmethod(overwritten)

    def encode(self) -> str:
        return json.dumps({"services": {name: {"endpoints": urls} for name, urls in self.services.items()}})


@pytest.mark.registry("file")
class TestYamlContract(FileContract):
    suffix = ".yaml"
    write = staticmethod(renamed)

    def encode(self) -> str:
        return yaml.safe_dump({"services": {name: {"endpoints": urls} for name, urls in self.services.items()}})


class NameserverContract(ResolverContract):
    can_corrupt = True

    @pytest.fixture(autouse=True)
    def prepare(self, dns_server: DnsServer, fault_proxy: FaultProxies) -> None:
        self.server = dns_server
        self.proxy = fault_proxy.dns(dns_server.host, dns_server.port)
        self.address = f"{self.proxy.host}:{self.proxy.port}"

    def break_registry(self) -> None:
        self.proxy.set(DnsFault(drop=True))

    def mend_registry(self) -> None:
        self.proxy.clear()

    def corrupt(self, name: ServiceName) -> None:
        self.proxy.set(DnsFault(name=name.value, garbage=60))


@pytest.mark.registry("dns")
class TestDnsContract(NameserverContract):
    def resolver(self) -> Resolver:
        return DnsResolver(ResolverUri.parse(f"dns://{self.address}?domain=mesh.test&port=8080&timeout=1s"))

    def endpoint(self, number: int) -> Endpoint:
        return Endpoint(super().endpoint(number).host, 8080)

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        self.server.update(f"delete {name}", *(f"add {name} 1 A {e.host}" for e in endpoints))


@pytest.mark.registry("srv")
class TestSrvContract(NameserverContract):
    def resolver(self) -> Resolver:
        return SrvResolver(ResolverUri.parse(f"srv://mesh.test?nameserver={self.address}&timeout=1s"))

    def put(self, name: ServiceName, endpoints: Sequence[Endpoint]) -> None:
        targets = {f"p{e.port}-{name}": e for e in endpoints}
        self.server.update(
            f"delete _{name}._tcp SRV",
            *(f"add _{name}._tcp 1 SRV 0 1 {e.port} {target}.mesh.test." for target, e in targets.items()),
            *(f"add {target} 1 A {e.host}" for target, e in targets.items()),
        )
