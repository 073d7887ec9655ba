"""The services that can be asked for, as far as they are known: for completion and for names that are misspelt.

What this machine knows costs milliseconds and no question: the configuration's services, files, variables and addresses
that a resolver reads, and the last lists on disk. Registries are asked only where the caller gives them time.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING

from meshclient.errors import ConfigError, MeshError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from meshclient.cli.invocation import Invocation
    from meshclient.config.shape import MeshConfig
    from meshclient.discovery.resolver import ResolverUri

# Seconds for a file on a network mount that does not answer; whoever presses the tabulator waits for it.
_LOCAL_LIMIT = 1.0
# Most names that are listed to somebody who meant none of them.
_SHOWN = 12


def known_names(invocation: Invocation, *, ask: float = 0.0) -> list[str]:
    """Every service that is known here, sorted; never raises, since whoever asks has worse to tell.

    Args:
        invocation: which configuration and resolver hold.
        ask: seconds in which registries may be asked over the network as well; 0 for not at all.
    """
    try:
        config = invocation.loaded().config
    except (MeshError, OSError):
        return []
    found = {*config.services, *_stored(config)}
    with suppress(MeshError):
        found.update(*(names or () for names in asyncio.run(_listed(_uris(config.resolver), ask)).values()))
    return sorted(found)


def listed_names(resolver: str, timeout: float) -> dict[str, Collection[str] | None]:
    """By the URIs in `resolver`, the services that each lists; None for one that cannot tell, for whatever reason.

    Raises ConfigError where the text is no resolver.
    """
    return asyncio.run(_listed(_uris(resolver), timeout))


def close_to(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant by `name`, if any."""
    folded = name.strip().lower()
    return next(iter(get_close_matches(folded, [each for each in known if each != folded], 1)), None)


def suggestion(invocation: Invocation, name: str, *, ask: float = 0.0) -> str:
    """What to tell whoever asked for a `name` that does not exist: the one that was meant, or those there are.

    Empty where none is known. `ask` as in `known_names`.
    """
    known = [each for each in known_names(invocation, ask=ask) if each != name]
    if meant := close_to(name, known):
        return f"did you mean {meant!r}?"
    shown = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    return f"check the spelling; known are {shown}" if known else ""


def _uris(text: str) -> tuple[ResolverUri, ...]:
    from meshclient.discovery.expression import parse, uris

    return tuple(uris(parse(text))) if text else ()


async def _listed(uris: Iterable[ResolverUri], ask: float) -> dict[str, Collection[str] | None]:
    from meshclient.discovery.catalogue import LOCAL

    limits = [(uri, max(ask, _LOCAL_LIMIT) if uri.scheme in LOCAL else ask) for uri in uris]
    asked = [(uri, limit) for uri, limit in limits if limit > 0]
    found = await asyncio.gather(*(_names(uri, limit) for uri, limit in asked))
    return {str(uri): names for (uri, _), names in zip(asked, found, strict=True)}


async def _names(uri: ResolverUri, limit: float) -> Collection[str] | None:
    from meshclient.discovery.catalogue import names_of

    try:
        async with asyncio.timeout(limit):
            return await names_of(uri)
    except Exception:  # noqa: BLE001 - a plugin's own, and only a suggestion is lost
        return None


def _stored(config: MeshConfig) -> Iterator[str]:
    """The services of which a list is on disk, by whichever registry."""
    if not config.state_dir:
        return
    from meshclient.discovery.state_folder import StateFolder

    with suppress(ConfigError, OSError):
        for path in StateFolder.at(config.state_dir).path.glob("*.json"):
            with suppress(OSError, ValueError):
                name = json.loads(path.read_bytes()).get("service")
                if isinstance(name, str):
                    yield name
