"""Which services a registry lists, where it can tell."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshclient.discovery.catalogue import names_of
from meshclient.discovery.env import EnvResolver
from meshclient.discovery.resolver import ResolverUri
from meshclient.errors import ConfigError


def names(text: str) -> frozenset[str] | None:
    return asyncio.run(names_of(ResolverUri.parse(text)))


def test_those_that_can_tell(tmp_path: Path) -> None:
    file = tmp_path / "mesh.toml"
    file.write_text('[services.Orders]\nendpoints = []\n[services.users]\ndeadline = "1s"\n', "utf-8")
    assert names(f"file://{file}") == frozenset({"orders"})
    assert names("static://x:1?Orders=a:1&users=b:2") == frozenset({"orders", "users"})
    assert names("srv://mesh.test") is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        names(f"file://{tmp_path}/missing.toml")


def test_variables() -> None:
    environ = {
        "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "a:1",
        "MESHCLIENT_SERVICES__BIG_CARTS": "a:1",
        "MESHCLIENT_SERVICES__USERS__DEADLINE": "1s",
        "services__mails__http__0": "http://m:1",
        "services__mails__http__1": "http://m:2",
        "SERVICES__X": "no",
    }
    resolver = EnvResolver(ResolverUri.parse("env://"), environ=environ)
    assert asyncio.run(resolver.names()) == ["big_carts", "mails", "orders"]
