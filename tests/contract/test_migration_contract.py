"""A migration keeps the contract of the registry that serves, whatever the other one does."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from contract.test_builtin_contract import FileContract, renamed, toml
from meshclient.discovery.migration import Migrating
from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Empty, Failed


class Broken:
    """Fails, again and again."""

    source = "broken://"

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready]:
        await asyncio.sleep(0)
        if name.value:
            raise ConnectionError("broken://")
        yield  # type: ignore[misc]


class TestMigrationContract(FileContract):
    suffix = ".toml"
    write = staticmethod(renamed)

    def encode(self) -> str:
        return toml(self.services) if self.services else "[services]"

    def resolver(self) -> Resolver:
        return Migrating(super().resolver(), Broken(), settle=0.0, interval=0.0)

    def test_the_first_answer_arrives(self) -> None:
        """As ever, but with the source of who serves, as ``a | b`` has it: people want to know which one it was."""
        self.put(ServiceName("orders"), [self.endpoint(0), self.endpoint(1)])

        async def first() -> Ready | Empty | Failed:
            async with aclosing(supervise(self.resolver(), ServiceName("orders"), time.monotonic, random)) as answers:
                return await anext(answers)

        answer = asyncio.run(first())
        assert isinstance(answer, Ready)
        assert len(answer.endpoints) == 2
        assert answer.source == f"file://{self.path}"
