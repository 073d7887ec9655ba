"""Events and answers with the fields that AWS documents, a registrar that records, and a task whose story is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshclient_aws.ecs.task import Task

if TYPE_CHECKING:
    from typing import Any

    from meshclient.registration.registrar import Registration

_SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_SAMPLES / f"{name}.json").read_text())
    return document


class Recorder:
    """A registry as a dictionary; `fail` makes the next calls raise."""

    source = "recorder://"
    propagation = 0.0

    def __init__(self) -> None:
        self.listed: dict[tuple[str, str], Registration] = {}
        self.calls: list[tuple[str, str]] = []
        self.fail: list[Exception] = []

    async def register(self, registration: Registration) -> None:
        self._note("register", registration)
        self.listed[registration.service.value, registration.endpoint.id] = registration

    async def renew(self, registration: Registration) -> None:
        self._note("renew", registration)

    async def deregister(self, registration: Registration) -> None:
        self._note("deregister", registration)
        self.listed.pop((registration.service.value, registration.endpoint.id), None)

    async def close(self) -> None:
        self.calls.append(("close", ""))

    def _note(self, what: str, registration: Registration) -> None:
        self.calls.append((what, registration.service.value))
        if self.fail:
            raise self.fail.pop(0)


@dataclass
class Story:
    """ECS's answers about one task: `now` and what follows, one with each look."""

    now: Task
    later: list[Task] = field(default_factory=list)
    ports: int = 8080
    looks: int = 0

    async def describe(self, task: Task) -> Task:
        self.looks += 1
        if self.looks > 1 and self.later:
            self.now = self.later.pop(0)
        return self.now

    async def port(self, task: Task) -> int:
        return self.ports


class Ecs:
    """What tests reach without importing a conftest."""

    sample = staticmethod(sample)
    recorder = Recorder
    story = Story

    @staticmethod
    def task(name: str = "running", **changes: Any) -> Task:
        return replace(Task.decode(sample(name)["detail"]), **changes)


@pytest.fixture
def ecs() -> Ecs:
    return Ecs()
