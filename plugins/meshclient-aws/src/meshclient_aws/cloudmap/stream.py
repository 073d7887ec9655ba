"""The answers for one service: asked for by this process, or read from the one of this host that asks."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import JITTER
from meshclient.model.snapshot import Empty, Failed, Ready, listing
from meshclient_aws.client import PATIENCE
from meshclient_aws.cloudmap.instances import Found, PayloadError, endpoints_of
from meshclient_aws.cloudmap.poll import Poll, Sight
from meshclient_aws.cloudmap.record import Record
from meshclient_aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from meshclient.model.service import ServiceName
    from meshclient_aws.client import AwsClient
    from meshclient_aws.cloudmap.host import HostFile
    from meshclient_aws.cloudmap.options import CloudMapOptions

_LOG = logging.getLogger("meshclient.discovery")

_SHOWN = 5
# How often a reader looks, as a share of the interval between questions: it is that much later than the one who asks.
_LOOK = 0.1


class Stream:
    """Cloud Map's answers for one service, without end.

    Args:
        client: calls Cloud Map.
        options: the parsed URI.
        name: the service.
        host: where the processes of this host meet; None for a process that asks for itself.
    """

    def __init__(
        self, client: AwsClient, options: CloudMapOptions, name: ServiceName, host: HostFile | None = None
    ) -> None:
        self._options = options
        self._name = name
        self._host = host
        self._poll = Poll(client, options, name, clock=time.monotonic, chance=random, jitter=JITTER)
        self._found: Found | None = None
        self._answer: Ready | Empty = Empty(exists=False, source=options.source)
        self._malformed: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Fetch the list soon, where this process asks."""
        self._poll.refresh()

    async def answers(self) -> AsyncGenerator[Ready | Empty | Failed, None]:
        """Each answer, changed or confirmed. Raises AwsError.

        A process that does not hold the lock asks for itself once its holder has said nothing for as long as a
        question may take: it may be stopped, or hang.
        """
        try:
            told: Record | None = None
            silent = time.monotonic() + self._options.aws.timeout
            while True:
                mine = self._host is None or self._host.take()
                record = None if mine else self._told()
                if mine or (record is None and time.monotonic() >= silent):
                    sight = await self._poll.step()
                    self._tell(sight)
                    yield self._seen(sight)
                    await self._poll.pause()
                    continue
                if record is not None:
                    silent = time.monotonic() + self._options.aws.timeout
                    if record is not told:
                        yield self._seen(record.sight)
                        told = record
                await asyncio.sleep(self._options.interval * _LOOK)
        finally:
            if self._host is not None:
                self._host.close()

    def _told(self) -> Record | None:
        """What the process that asks has said, while it is at work."""
        record = None if self._host is None else self._host.read()
        return record if record is not None and record.fresh(time.time()) else None

    def _tell(self, sight: Sight) -> None:
        if self._host is not None:
            # The next word may wait for two questions, each of which is given up after a while.
            stands = self._poll.pace.interval * (1 + JITTER) + 2 * PATIENCE * self._options.aws.timeout
            self._host.write(Record(sight, time.time(), stands))

    def _seen(self, sight: Sight) -> Ready | Empty | Failed:
        if sight.throttled:
            return Failed(sight.throttled, source=self._options.source)
        if sight.found != self._found:
            self._answer = self._listed(sight.found)
            self._found = sight.found
        return self._answer

    def _listed(self, found: Found | None) -> Ready | Empty:
        if found is None:
            return Empty(exists=False, source=self._options.source)
        try:
            endpoints, malformed = endpoints_of(found.instances, self._options)
        except PayloadError as exc:
            about = f"service '{self._name}' in namespace '{self._options.namespace}'"
            raise AwsError(f"AWS Cloud Map's answer for {about} is malformed: {exc}") from None
        if malformed and malformed != self._malformed:
            shown, more = "; ".join(malformed[:_SHOWN]), len(malformed) - _SHOWN
            _LOG.warning(
                "%s: %d of %d instances of service '%s' are malformed and left out: %s%s",
                self._options.source,
                len(malformed),
                len(found.instances),
                self._name,
                shown,
                f"; and {more} more" if more > 0 else "",
            )
        self._malformed = malformed
        return listing(endpoints, source=self._options.source)


def stream(client: AwsClient, options: CloudMapOptions, name: ServiceName) -> Stream:
    """The stream that the options ask for."""
    if not options.share:
        return Stream(client, options, name)
    from meshclient_aws.cloudmap.host import HostFile

    return Stream(client, options, name, HostFile(options, name, os.environ))
