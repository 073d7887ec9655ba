"""One AWS service, called through boto3 and never on the event loop.

boto3 brings what is not this project's business: credentials from a dozen places, signing, endpoints. It blocks, so
every call runs on a thread of its own. It does not retry here: the runtime keeps the last answer and knows when to ask
again. The client is made with the first call, off the loop as well, and made anew after a fork, since both processes
would share its sockets, and after AWS has refused the credentials, so that rotated ones are read without a restart.
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshclient.discovery.resolver import off_loop
from meshclient.model.duration import format_duration
from meshclient_aws.boto import make_client
from meshclient_aws.errors import UNTRUSTED, AwsDenied, AwsError, AwsUnreachable, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshclient_aws.boto import Boto
    from meshclient_aws.options import AwsOptions

# botocore's limits are for connecting and for each silence; an answer that drips is given up after this many of them.
PATIENCE = 3
# boto3's names of services whose IAM actions begin otherwise ("Actions, resources, and condition keys for Amazon
# DynamoDB", AWS Service Authorization Reference).
_IAM_PREFIXES = {"dynamodbstreams": "dynamodb"}


@dataclass
class _Held:
    """What belongs to one process: a lock that another thread holds during a fork is never free in the child."""

    process: int = field(default_factory=os.getpid)
    lock: threading.Lock = field(default_factory=threading.Lock)
    boto: Boto | None = None

    def drop(self, boto: Boto | None) -> None:
        """Forget this client, unless another has taken its place already."""
        with self.lock:
            if self.boto is boto:
                self.boto = None


class AwsClient:
    """Calls one AWS service.

    Args:
        service: boto3's name of it, such as ``servicediscovery``.
        options: where the calls go.
    """

    def __init__(self, service: str, options: AwsOptions) -> None:
        self._service = service
        self._options = options
        self._held = _Held()

    async def call(self, operation: str, about: str, **parameters: object) -> Mapping[str, object]:
        """The answer to `operation`, such as ``discover_instances``.

        Args:
            operation: the method of the boto3 client.
            about: the subject, for errors: ``service 'orders' in namespace 'prod'``.
            parameters: the operation's own.

        Raises AwsThrottled, AwsDenied, AwsUnreachable, or AwsError with AWS's `code` for all other refusals.
        """
        limit = self._options.timeout * PATIENCE
        try:
            async with asyncio.timeout(limit):
                return await off_loop(self._call, operation, about, parameters)
        except TimeoutError:
            what = self._what(operation, about)
            raise AwsUnreachable(f"{what} was not answered within {format_duration(limit)}") from None

    def _call(self, operation: str, about: str, parameters: Mapping[str, object]) -> Mapping[str, object]:
        from botocore import exceptions as boto_errors
        from botocore.parsers import ResponseParserError

        what = self._what(operation, about)
        boto: Boto | None = None
        try:
            boto = self._boto()
            method: Callable[..., Mapping[str, object]] = getattr(boto, operation)
            return method(**parameters)
        except boto_errors.ClientError as exc:
            error = exc.response.get("Error", {})
            code, message = str(error.get("Code", "")), str(error.get("Message", ""))
            if code in UNTRUSTED:
                self._held.drop(boto)
            action = f"{_IAM_PREFIXES.get(self._service, self._service)}:{_camel(operation)}"
            raise refusal(code, message, what, action) from None
        except (
            boto_errors.NoCredentialsError,
            boto_errors.PartialCredentialsError,
            boto_errors.CredentialRetrievalError,
            boto_errors.SSOError,
            boto_errors.TokenRetrievalError,
        ) as exc:
            self._held.drop(boto)
            raise AwsDenied(f"{what} was not sent: {exc}") from None
        except (boto_errors.NoRegionError, boto_errors.ProfileNotFound) as exc:
            advice = (
                "add region=... or profile=... to the URI (--region or --profile to a command), "
                "or set AWS_REGION or AWS_PROFILE"
            )
            raise AwsError(f"{what} was not sent ({exc}): {advice}") from None
        except boto_errors.ParamValidationError as exc:
            raise AwsError(f"{what} was not sent: {exc}") from None
        except (
            boto_errors.BotoCoreError,
            # What botocore's parsers stumble over in an answer that is not the service's.
            ResponseParserError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as exc:
            if boto is None:  # a region, endpoint or configuration file of which botocore can make nothing
                raise AwsError(f"{what} was not sent: {exc}") from None
            if isinstance(exc, boto_errors.BotoCoreError):
                raise AwsUnreachable(f"{what} was not answered: {exc}") from None
            raise AwsError(f"{what} was answered with something malformed: {exc!r}") from None

    def _boto(self) -> Boto:
        held = self._held
        if held.process != os.getpid():
            held = self._held = _Held()
        with held.lock:
            if held.boto is None:
                held.boto = make_client(self._service, self._options)
            return held.boto

    def _what(self, operation: str, about: str) -> str:
        where = self._options.endpoint_url or self._options.region or "the default region"
        return f"AWS {_camel(operation)} for {about} at {where}"


def _camel(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))
