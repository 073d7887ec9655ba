"""What a ``dynamodb://`` URI says, for the resolver and the registrar alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError
from meshclient_aws.options import AwsOptions

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri

# The rule for names of tables, from DynamoDB's API reference (CreateTable, TableName).
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")

# Seconds between two queries where no stream tells of changes.
POLL_INTERVAL = 5.0
# With a stream a query is needed only against what nobody has thought of.
SAFETY_INTERVAL = 30.0
# GetRecords may be called five times a second for each shard, by all readers together.
STREAM_PACE = 0.25


@dataclass(frozen=True, slots=True)
class DynamoDbOptions:
    """Everything configurable, validated.

    Args:
        table: its name.
        aws: which account's which region, reached how.
        source: the URI without secrets.
        streams: whether the table's stream is read.
        interval: seconds between two queries while the stream is read, or without one if `streams` is off.
        pace: seconds between two reads of one shard of the stream, each of which is followed by one query at most.
    """

    table: str
    aws: AwsOptions
    source: str
    streams: bool = True
    interval: float = SAFETY_INTERVAL
    pace: float = STREAM_PACE

    @classmethod
    def parse(cls, uri: ResolverUri) -> DynamoDbOptions:
        """Raises ConfigError for an option that is unknown or wrong, naming it."""
        if "@" in uri.authority:
            raise ConfigError(
                f"{uri} holds a user or password: AWS credentials come from the environment, the profile or the role"
            )
        aws = AwsOptions.parse(uri)
        if uri.path not in ("", "/"):
            raise ConfigError(f"{uri} has a path; write dynamodb://<table> and options only")
        table = table_name(uri.authority, str(uri))
        streams = uri.flag("streams", default=True)
        options = cls(
            table=table,
            aws=aws,
            source=str(uri),
            streams=streams,
            interval=_positive(uri, "interval", SAFETY_INTERVAL if streams else POLL_INTERVAL),
            pace=_positive(uri, "pace", STREAM_PACE),
        )
        uri.finish()
        return options

    @property
    def poll(self) -> float:
        """Seconds between two queries while no stream can be read."""
        return min(self.interval, POLL_INTERVAL) if self.streams else self.interval


def table_name(text: str, origin: str) -> str:
    """`text`, where it can name a table; `origin` says where it was given. Raises ConfigError where it cannot."""
    if not _TABLE.fullmatch(text):
        raise ConfigError(
            f"{text!r} in {origin} is not the name of a DynamoDB table: "
            "use 3 to 255 letters, digits, '_', '-' or dots, as in dynamodb://meshclient?region=eu-central-1"
        )
    return text


def _positive(uri: ResolverUri, option: str, default: float) -> float:
    value = uri.duration(option, default)
    if not value > 0:
        raise ConfigError(f"{option}={value:g} in {uri}: seconds must be above 0")
    return value
