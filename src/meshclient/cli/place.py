"""Whom to ask, where that stands before the names on a command line: ``consul://127.0.0.1:8500 orders``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshclient.cli.invocation import Invocation

# These are addresses of services; all others that have a scheme are registries.
_OF_SERVICES = frozenset({"mesh", "http", "https"})


def is_resolver(word: str) -> bool:
    """Whether `word` is a resolver: a URI such as ``consul://host:8500``, or several with ``|``, ``+`` or ``migrate``.

    A scheme alone, such as ``dns``, might be the name of a service: that takes ``dns://`` or --resolver.
    """
    scheme, separator, _ = word.partition("://")
    return bool(separator) and scheme.strip().lower() not in _OF_SERVICES


def without_resolver(invocation: Invocation, words: Sequence[str]) -> Sequence[str]:
    """The names among `words`; a resolver before them is taken as if it stood in --resolver.

    Raises click.UsageError where that stands there too, or where a second resolver follows.
    """
    if is_resolver(words[0]):
        if invocation.resolver:
            # Not shown: there may be a token in either.
            msg = "two resolvers: the one before the names, and --resolver; leave one of them out"
            raise click.UsageError(msg)
        invocation.resolver, *names = words
        words = names
    for word in words:
        if is_resolver(word):
            scheme = word.partition("://")[0]
            msg = f"{scheme}://... stands where a service is named; one resolver stands first, or several as 'a | b'"
            raise click.UsageError(msg)
    return words
