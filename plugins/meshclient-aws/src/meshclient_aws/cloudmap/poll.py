"""The questions for one service, one step at a time: the revision, or the list where that is needed.

A throttled question is no end of the watch: it slows down and goes on, because starting anew would ask for the whole
list. Every other failure is raised, and the runtime decides when to try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient_aws.cloudmap.instances import Found, PayloadError, read_answer, read_revision
from meshclient_aws.cloudmap.pace import EARLIEST, Gate, Pace
from meshclient_aws.errors import AwsError, AwsThrottled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from meshclient.discovery.resolver import Chance
    from meshclient.model.service import ServiceName
    from meshclient_aws.client import AwsClient
    from meshclient_aws.cloudmap.options import CloudMapOptions

_LOG = logging.getLogger("meshclient.discovery")

# All that one answer takes, and all that AWS lets a service have.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known after a step.

    Args:
        found: the list; None where Cloud Map knows no such service, or nothing is known yet.
        throttled: what AWS said where it refused the question, or empty.
    """

    found: Found | None = None
    throttled: str = ""


class Poll:
    """Asks for one service; a step asks, `pause` waits for the next.

    Args:
        client: calls Cloud Map.
        options: the parsed URI.
        name: the service.
        clock: monotonic seconds.
        chance: the jitter's source.
    """

    def __init__(
        self,
        client: AwsClient,
        options: CloudMapOptions,
        name: ServiceName,
        *,
        clock: Callable[[], float],
        chance: Chance,
        jitter: float,
    ) -> None:
        self._client = client
        self._options = options
        self._name = name
        self._clock = clock
        self._chance = chance
        self._jitter = jitter
        self._about = f"service '{name}' in namespace '{options.namespace}'"
        self._gate = Gate(options.health_interval)
        self._wanted = asyncio.Event()
        self._asked = -math.inf  # for a list, with or without success
        self._warned = False
        self._found: Found | None = None
        self.pace = Pace(options.interval, options.interval)

    def refresh(self) -> None:
        """Fetch the list soon, whatever its revision."""
        self._wanted.set()

    async def step(self) -> Sight:
        """Ask once. Raises AwsError for every failure but throttling."""
        try:
            if self._gate.due(self._clock(), forced=self._wanted.is_set()) or self._gate.moved(await self._revision()):
                await self._fetch()
        except AwsThrottled as exc:
            self.pace = self.pace.throttled()
            return Sight(self._found, str(exc))
        except AwsError as exc:
            if exc.code != "ServiceNotFound":
                raise self._explained(exc) from None
            self._found = None
            self._gate = self._gate.passed(None, self._clock())
        self.pace = self.pace.answered()
        return Sight(self._found)

    async def pause(self) -> None:
        """Wait until the next step is due, or a list is wanted and may be had."""
        seconds = self.pace.interval * self._chance.uniform(1 - self._jitter, 1 + self._jitter)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
                earliest = self._asked + self.pace.interval * EARLIEST
                await asyncio.sleep(max(0.0, earliest - self._clock()))

    async def _revision(self) -> int:
        answer = await self._ask("discover_instances_revision")
        with self._understood():
            return read_revision(answer)

    async def _fetch(self) -> None:
        options = self._options
        filters: dict[str, object] = {}
        if options.required:
            filters["QueryParameters"] = dict(options.required)
        if options.preferred:
            filters["OptionalParameters"] = dict(options.preferred)
        self._wanted.clear()
        self._asked = self._clock()
        answer = await self._ask("discover_instances", MaxResults=MOST, HealthStatus=options.health, **filters)
        with self._understood():
            found = read_answer(answer)
        self._gate = self._gate.passed(found.revision, self._clock())
        self._found = found
        self._complain(len(found.instances))

    async def _ask(self, operation: str, **parameters: object) -> Mapping[str, object]:
        return await self._client.call(
            operation,
            self._about,
            NamespaceName=self._options.namespace,
            ServiceName=self._name.value,
            **parameters,
        )

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except PayloadError as exc:
            raise AwsError(f"AWS Cloud Map's answer for {self._about} is malformed: {exc}") from None

    def _explained(self, exc: AwsError) -> AwsError:
        if exc.code != "NamespaceNotFound":
            return exc
        where = self._options.aws.region or "this region"
        return AwsError(
            f"Cloud Map knows no namespace '{self._options.namespace}' in {where} of this account, where service "
            f"'{self._name}' was looked for: check the name (its HTTP name counts), region and credentials ({exc})",
            exc.code,
        )

    def _complain(self, count: int) -> None:
        if count >= MOST and not self._warned:
            self._warned = True
            _LOG.warning(
                "%s: %s has at least %d instances, more than Cloud Map returns: the list may be cut, and differs from "
                "one answer to the next; split the service, or narrow it with param.<attribute>=<value>",
                self._options.source,
                self._about,
                MOST,
            )
