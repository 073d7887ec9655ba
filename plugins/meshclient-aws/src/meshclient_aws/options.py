"""The options that every AWS registry's URI takes: which account's which region, reached how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError

if TYPE_CHECKING:
    from meshclient.discovery.resolver import ResolverUri


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """Where the calls go.

    Args:
        region: such as ``eu-central-1``; empty for what boto3 finds (``AWS_REGION``, ``AWS_DEFAULT_REGION``, profile).
        endpoint_url: instead of AWS's own address, such as a VPC endpoint's or an emulator's.
        profile: a profile of the shared configuration; empty for what boto3 finds.
        timeout: seconds to connect, and seconds of silence, after which a call is given up.
    """

    region: str = ""
    endpoint_url: str = ""
    profile: str = ""
    timeout: float = 5.0

    @classmethod
    def parse(cls, uri: ResolverUri) -> AwsOptions:
        """Take ``region``, ``endpoint_url``, ``profile`` and ``timeout`` from `uri`.

        Raises ConfigError where one is wrong.
        """
        endpoint_url = uri.text("endpoint_url")
        # Before anything else: other errors show the whole URI.
        if "@" in endpoint_url:
            raise ConfigError(
                f"endpoint_url of a {uri.scheme}:// URI holds a user or password: AWS takes neither there"
            )
        if endpoint_url and not endpoint_url.startswith(("http://", "https://")):
            raise ConfigError(f"endpoint_url={endpoint_url!r} in {uri} is not a URL: write http://... or https://...")
        timeout = uri.duration("timeout", 5.0)
        if not timeout > 0:
            raise ConfigError(f"timeout={timeout:g} in {uri} must be above 0 seconds")
        return cls(uri.text("region"), endpoint_url, uri.text("profile"), timeout)
