"""The ``[services.<name>]`` tables: endpoints as people and configuration management write them.

One reader for files, configuration, environment variables and URIs, so that an endpoint is spelt the same way
everywhere and a mistake is reported in the same words: the place, the index, the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

from meshclient.errors import ConfigError
from meshclient.model.endpoint import DEFAULT_PORTS, Endpoint, Health, without_user
from meshclient.model.service import ServiceName


def parse_services(document: object, where: str) -> dict[ServiceName, tuple[Endpoint, ...]]:
    """The services of a decoded document that have ``endpoints``; one bad endpoint makes the whole document invalid.

    Other keys of a service's table belong to the configuration and are left alone; one that looks like a misspelt
    ``endpoints`` is an error, as is a document without ``services``, since a slip in a template must not read as "there
    are no services". `where` names the document in errors. Raises ConfigError.
    """
    found: dict[ServiceName, tuple[Endpoint, ...]] = {}
    whole = _table(document, where)
    if "services" not in whole:
        hint = _meant("services", whole)
        raise ConfigError(f"{where} has no services: write [services.<name>] tables with endpoints{hint}")
    services = whole["services"]
    for key, settings in _table({} if services is None else services, f"{where}: services").items():
        place = f"{where}: services.{key}"
        try:
            name = ServiceName.parse(key)
        except ValueError as exc:
            raise ConfigError(f"{place}: {exc}") from None
        table = _table(settings, place)
        if "endpoints" not in table:
            if meant := _meant("endpoints", table):
                raise ConfigError(f"{place} has no endpoints{meant}")
            continue
        if name in found:
            raise ConfigError(f"{place}: the service {name} stands there twice (capitals do not count)")
        found[name] = parse_endpoints(table["endpoints"], f"{place}.endpoints")
    return found


def _meant(key: str, table: Mapping[str, object]) -> str:
    close = get_close_matches(key, table, 1, cutoff=0.8)
    return f"; did you mean {key!r} by {close[0]!r}?" if close else ""


def parse_endpoints(value: object, where: str) -> tuple[Endpoint, ...]:
    """The endpoints in a list of texts and tables, or in one text with commas between them.

    `where` names the place in errors. Raises ConfigError with the index and the reason.
    """
    items: Sequence[object]
    if isinstance(value, str):
        items = [part for part in value.split(",") if part.strip()]
    elif isinstance(value, list | tuple):
        items = value
    else:
        raise ConfigError(f"{where}: a list is needed, such as ['http://10.0.0.1:8080'], and not {_shown(value)}")
    # Those with an "@" first: where a password has a comma, the items before are parts of it.
    suspects = [(index, item) for index, item in enumerate(items) if isinstance(item, str) and "@" in item]
    endpoints = []
    for index, item in (*suspects, *enumerate(items)):
        try:
            endpoints.append(_endpoint(item))
        except ValueError as exc:
            raise ConfigError(f"{where}[{index}]: {exc}") from None
    return tuple(endpoints)


def _endpoint(item: object) -> Endpoint:
    if isinstance(item, str):
        return Endpoint.parse(item, sockets=True)
    if not isinstance(item, Mapping):
        raise ConfigError(f"write 'http://host:port' or a table with host and port, and not {_shown(item)}")
    for key in item:
        if key not in _READERS:
            close = get_close_matches(str(key), _READERS, 1)
            known = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_READERS)}"
            raise ConfigError(f"an endpoint has no {key!r}; {known}")
    if "host" not in item:
        raise ConfigError("the table has no 'host'")
    given = {key: _READERS[key](item[key], key) for key in item}
    given.setdefault("port", 0 if given.get("is_socket") else DEFAULT_PORTS.get(str(given.get("scheme", "http")), 0))
    return Endpoint(**given)  # type: ignore[arg-type]


def _shown(value: object) -> str:
    return repr(without_user(value)) if isinstance(value, str) else without_user(repr(value))


def _text(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key} must be text, and not {_shown(value)}")
    return value


def _whole(value: object, key: str) -> int:
    if type(value) is not int:
        raise ConfigError(f"{key} must be a whole number, and not {_shown(value)}")
    return value


def _number(value: object, key: str) -> float:
    if type(value) is not int and type(value) is not float:
        raise ConfigError(f"{key} must be a number, and not {_shown(value)}")
    return float(value)


def _texts(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{key} must be a list of texts, and not {_shown(value)}")
    return tuple(_text(item, key) for item in value)


def _attributes(value: object, key: str) -> dict[str, str]:
    # Numbers and switches are welcome: people write `version = 3` and `canary = true`.
    return {
        k: str(v).lower() if isinstance(v, bool) else _attribute(v, f"{key}.{k}") for k, v in _table(value, key).items()
    }


def _attribute(value: object, key: str) -> str:
    return str(value) if type(value) in (int, float) else _text(value, key)


def _health(value: object, key: str) -> Health:
    try:
        return Health(_text(value, key))
    except ValueError:
        raise ConfigError(f"{key} {value!r} is unknown; known: {', '.join(Health)}") from None


def _switch(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{key} must be true or false, and not {_shown(value)}")
    return value


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{where}: a table of named values is needed, and not {_shown(value):.80}")
    return value


_READERS: Mapping[str, Callable[[object, str], object]] = MappingProxyType(
    {
        "host": _text,
        "port": _whole,
        "scheme": _text,
        "id": _text,
        "weight": _number,
        "priority": _whole,
        "zone": _text,
        "tags": _texts,
        "metadata": _attributes,
        "health": _health,
        "is_socket": _switch,
    }
)
