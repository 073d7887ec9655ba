"""What the plugin raises: which call, of which AWS service, where, what AWS said, what to do."""

from __future__ import annotations

from meshclient.errors import MeshError

# Names under which AWS services ask for fewer calls. Source: botocore's standard retry mode (`_retry.json` and
# `retries/standard.py`), with Cloud Map's RequestLimitExceeded.
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
# The credentials were refused or have run out: whoever holds them should read them again before the next call.
UNTRUSTED = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"})


class AwsError(MeshError):
    """AWS could not be asked, or refused, or what it answered makes no sense.

    Attributes:
        code: AWS's own name of the error, such as ``ServiceNotFound``; empty where no answer came.
    """

    code: str = ""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class AwsUnreachable(AwsError):
    """No complete answer came: refused, cut off, or too late."""


class AwsThrottled(AwsError):
    """AWS asks for fewer calls."""


class AwsDenied(AwsError):
    """The credentials are missing, refused, expired, or not allowed to do this."""


def refusal(code: str, message: str, what: str, action: str) -> AwsError:
    """The error for an answer that names an error.

    Args:
        code: AWS's name of it.
        message: AWS's words.
        what: the call and its subject.
        action: the IAM action that the call needs, such as ``servicediscovery:DiscoverInstances``.
    """
    said = f"{code}: {' '.join(message.split())}".removesuffix(": ")
    if code in THROTTLED:
        return AwsThrottled(f"{what} was throttled ({said})", code)
    if code in UNTRUSTED:
        return AwsDenied(f"{what} was refused ({said}): the credentials are wrong or have expired", code)
    if code in DENIED:
        return AwsDenied(f"{what} was denied ({said}): the credentials need the IAM action {action}", code)
    return AwsError(f"{what} failed ({said})", code)
