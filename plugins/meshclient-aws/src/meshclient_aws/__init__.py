"""AWS for meshclient: what is behind ``cloudmap://``, ``dynamodb://`` and ``route53://``, and SigV4 for httpx.

All load on first use: listing the installed plugins must not cost an import of boto3.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshclient_aws.cloudmap.registrar import CloudMapRegistrar
    from meshclient_aws.cloudmap.resolver import CloudMapResolver
    from meshclient_aws.dynamodb.registrar import DynamoDbRegistrar
    from meshclient_aws.dynamodb.resolver import DynamoDbResolver
    from meshclient_aws.route53.registrar import Route53Registrar
    from meshclient_aws.sigv4 import SigV4Auth

__all__ = [
    "CloudMapRegistrar",
    "CloudMapResolver",
    "DynamoDbRegistrar",
    "DynamoDbResolver",
    "Route53Registrar",
    "SigV4Auth",
]

_HOMES = {
    "CloudMapRegistrar": "cloudmap.registrar",
    "CloudMapResolver": "cloudmap.resolver",
    "DynamoDbRegistrar": "dynamodb.registrar",
    "DynamoDbResolver": "dynamodb.resolver",
    "Route53Registrar": "route53.registrar",
    "SigV4Auth": "sigv4",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
