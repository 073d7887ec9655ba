"""boto3 clients, made one after the other and from one copy of botocore's data.

For each session botocore parses megabytes of JSON, which holds the interpreter's lock: ten threads at it at once
stalled the application's event loop for more than a second. So the parsed data is kept and shared, and whoever needs a
client waits for the one being made before it.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient_aws.options import AwsOptions

# Watches of many names share a client; each has at most one call under way.
_CONNECTIONS = 50


class Boto(Protocol):
    """What is used of a boto3 client: its operations are methods, named in snake case."""

    def __getattr__(self, operation: str) -> Callable[..., Mapping[str, object]]: ...


class _Loader(Protocol):
    """What is used of botocore's data loader."""

    search_paths: list[str]


@dataclass
class _Workshop:
    """What belongs to one process: a lock that another thread holds during a fork is never free in the child."""

    process: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    loader: _Loader | None = None


_workshop: _Workshop | None = None


def make_client(service: str, options: AwsOptions) -> Boto:
    """A client with credentials as they are now. Blocks; raises what botocore raises."""
    global _workshop  # noqa: PLW0603 - one per process is the point
    workshop = _workshop
    if workshop is None or workshop.process != os.getpid():
        workshop = _workshop = _Workshop()
    with workshop.lock:
        return _make(workshop, service, options)


def _make(workshop: _Workshop, service: str, options: AwsOptions) -> Boto:
    import botocore.session
    from boto3.session import Session
    from botocore.config import Config

    config = Config(
        connect_timeout=options.timeout,
        read_timeout=options.timeout,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=_CONNECTIONS,
        tcp_keepalive=True,
        user_agent_extra="meshclient",
        # Cloud Map's data plane has a host name of its own, which an address of the user's choice has not.
        inject_host_prefix=not options.endpoint_url,
    )
    core = botocore.session.get_session()
    if workshop.loader is not None:
        core.register_component("data_loader", workshop.loader)
    # boto3 reads AWS_DEFAULT_REGION; Lambda, ECS and AWS's other tools set and read AWS_REGION.
    region = options.region or os.environ.get("AWS_REGION") or None
    session = Session(botocore_session=core, region_name=region, profile_name=options.profile or None)
    workshop.loader = loader = cast("_Loader", core.get_component("data_loader"))
    # Every session of boto3 adds its own folder once more.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return cast("Boto", session.client(service, endpoint_url=options.endpoint_url or None, config=config))
