"""What the plugin's tests share: AWS as moto emulates it, credentials for it, and a supervised watch to wait on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient.model.snapshot import Failed, Ready
from servers.aws import Aws
from servers.fixtures import shared_as
from watching import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshclient.discovery.resolver import Resolver
    from meshclient.model.snapshot import Empty

    Answer = Ready | Empty | Failed
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
