"""The resolver ``cloudmap://``.

Cloud Map has nothing to wait on, only to ask again, and its quotas hold for a whole account. So the cheap question is
asked often and the dear one when needed (`pace`), several watches of a process share one stream of questions
(`broadcast`), and on request so do the processes of a host (`host`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from meshclient_aws.client import AwsClient
from meshclient_aws.cloudmap.broadcast import broadcast, running
from meshclient_aws.cloudmap.options import CloudMapOptions
from meshclient_aws.cloudmap.stream import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from meshclient.discovery.resolver import ResolverUri
    from meshclient.model.service import ServiceName
    from meshclient.model.snapshot import Empty, Failed, Ready


class CloudMapResolver:
    """Resolves names with Cloud Map's DiscoverInstances.

    A service that Cloud Map does not know is `Empty(exists=False)`; a namespace that it does not know is an error,
    because no deployment takes one away. While AWS throttles, the answer is `Failed` and the pace slows down.

    Args:
        uri: ``cloudmap://<namespace>?...``; the options stand in this distribution's README.

    Raises ConfigError for an option that is unknown or wrong.
    """

    def __init__(self, uri: ResolverUri) -> None:
        self._options = CloudMapOptions.parse(uri)
        self.source = self._options.source
        self._client = AwsClient("servicediscovery", self._options.aws)

    async def watch(self, name: ServiceName) -> AsyncIterator[Ready | Empty | Failed]:
        """Yield the list, then again after each question.

        Raises AwsDenied where credentials or permissions do not do, and AwsError for every other failure.
        """
        shared = broadcast(self._key(name), lambda: stream(self._client, self._options, name))
        async with contextlib.aclosing(shared.follow()) as answers:
            async for answer in answers:
                yield answer

    def refresh(self, name: ServiceName) -> None:
        """Fetch the list of `name` soon, though no sooner than a fifth of the interval after the last one.

        For a caller whose calls to an endpoint fail: Cloud Map may know of it by now.
        """
        shared = running(self._key(name))
        if shared is not None:
            shared.source.refresh()

    def _key(self, name: ServiceName) -> Hashable:
        return (self._options, name)
