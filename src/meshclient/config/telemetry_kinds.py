"""The kinds of value that say what is told of calls, to the services that are called and to the outside."""

from __future__ import annotations

from difflib import get_close_matches

from meshclient.config.kinds import Kind, listed_or_texts, shown, switch_or_value
from meshclient.errors import ConfigError
from meshclient.model.namespace import NAMESPACE_RULE, is_namespace
from meshclient.model.span_attribute import CHOICE, KNOWN, is_choice

# What `meshclient.telemetry.propagation` can write; that they are the same is for a test to see.
PROPAGATORS = ("tracecontext", "baggage", "xray", "b3", "b3multi", "request-id")
SPANS = ("attempts", "calls", "none")
NEW_TRACES = ("undecided", "sampled", "none")
# Words of others: OTEL_PROPAGATORS and headers' names.
_OTHERS = {
    "w3c": "tracecontext",
    "traceparent": "tracecontext",
    "x-amzn-trace-id": "xray",
    "x-request-id": "request-id",
}


def _propagators(value: object) -> tuple[str, ...]:
    if value is False or value is None:
        return ()
    known = ", ".join(PROPAGATORS)
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write some of {known} in [...], or [] for none")
    for name in value:
        if name not in PROPAGATORS:
            folded = name.lower() if isinstance(name, str) else ""
            close = [_OTHERS[folded]] if folded in _OTHERS else get_close_matches(folded, PROPAGATORS, 1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise ConfigError(f"{shown(name)} is no way of writing a trace down.{hint} Known here: {known}")
    return tuple(dict.fromkeys(value))


def _span_attributes(value: object) -> tuple[str, ...]:
    if value is False or value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{shown(value)} is not a list: write some of {KNOWN} in [...], or [] for none")
    for name in value:
        if not isinstance(name, str) or not is_choice(name):
            close = get_close_matches(str(name), CHOICE, 1)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise ConfigError(f"{shown(name)} is no attribute to choose.{hint} Known here: {KNOWN}; no secrets")
    return tuple(dict.fromkeys(value))


def _word(*words: str) -> Kind:
    """One of `words`, the last of which says that it is off."""

    def read(value: object) -> str:
        word = words[-1] if value is False or value is None else value
        if word not in words:
            raise ConfigError(f"{shown(value)} is unknown: write {', '.join(words[:-1])} or {words[-1]}")
        return str(word)

    return Kind(read, spelled=switch_or_value)


def _namespace(value: object) -> str:
    if not isinstance(value, str) or not is_namespace(value):
        raise ConfigError(f"{shown(value)} is not a namespace of CloudWatch: {NAMESPACE_RULE}")
    return value


PROPAGATOR_NAMES = Kind(_propagators, spelled=listed_or_texts)
SPAN_ATTRIBUTE_NAMES = Kind(_span_attributes, spelled=listed_or_texts)
SPAN_WORD = _word(*SPANS)
NEW_TRACES_WORD = _word(*NEW_TRACES)
NAMESPACE = Kind(_namespace, spelled=str)
