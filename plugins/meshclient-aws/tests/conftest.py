"""What the plugin's tests share: AWS as moto emulates it, credentials for it, and a supervised watch to wait on."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import pytest

from meshclient.discovery.supervision import supervise
from meshclient.model.service import ServiceName
from meshclient.model.snapshot import Failed, Ready
from servers.aws import Aws
from servers.fixtures import shared_as, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed

WITHIN = 15.0
_ENVIRON = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
_ABSENT = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


class Watch:
    """A supervised watch, all it has said."""

    def __init__(self, resolver: Resolver, name: str) -> None:
        self._answers = supervise(resolver, ServiceName.parse(name), time.monotonic, random.Random(1))
        self.seen: list[Answer] = []

    async def next(self) -> Answer:
        async with asyncio.timeout(WITHIN):
            self.seen.append(await anext(self._answers))
        return self.seen[-1]

    async def until(self, accept: Callable[[Answer], bool], what: str = "") -> Answer:
        begun = len(self.seen)
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    self.seen.append(await anext(self._answers))
                    if accept(self.seen[-1]):
                        return self.seen[-1]
        except TimeoutError:
            raise AssertionError(f"no sign of {what} within {WITHIN:g} s, but {self.seen[begun:]}") from None

    async def ready(self, *ids: str) -> Ready:
        """Wait for exactly these instances."""
        answer = await self.until(
            lambda a: isinstance(a, Ready) and sorted(e.id for e in a.endpoints) == sorted(ids), f"exactly {ids}"
        )
        assert isinstance(answer, Ready)
        return answer

    async def failed(self, *words: str) -> Failed:
        """Wait for a failure whose cause has all these words."""
        answer = await self.until(
            lambda a: isinstance(a, Failed) and all(word in a.cause for word in words), f"a failure with {words}"
        )
        assert isinstance(answer, Failed)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._answers.aclose()


class Kit:
    """What tests reach without importing a conftest."""

    @staticmethod
    def watch(resolver: Resolver, name: str) -> Watch:
        return Watch(resolver, name)


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that moto takes, and nothing of this machine's own configuration."""
    for name, value in _ENVIRON.items():
        monkeypatch.setenv(name, value)
    for name in _ABSENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    """AWS, shared by the session: a test uses names of its own."""
    with shared_as("aws", Aws()) as server:
        yield server


@pytest.fixture(autouse=True)
def _calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """Throttles and delays end with the test that asked for them."""
    server: Aws | None = request.getfixturevalue("aws") if "aws" in request.fixturenames else None
    yield
    if server is not None:
        server.heal()
        server.calm()


@pytest.fixture
def own_aws() -> Iterator[Aws]:
    """AWS for this test alone, for it to kill."""
    server = started(Aws())
    try:
        yield server
    finally:
        server.stop()
