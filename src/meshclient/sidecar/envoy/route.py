"""Which request goes where, and what holds for it: Envoy's RouteConfiguration.

A virtual host for each service, chosen by the header ``mesh-service``, into which the listener has put the authority
where the client sent none. Envoy repeats by what went wrong, whatever the method, so each path of a service has a
route for methods that may be repeated and one for those that may only be sent again when they were never sent.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from meshclient.core.retry import IDEMPOTENT_METHODS
from meshclient.sidecar.envoy.vocabulary import (
    LEARNER,
    OUTBOUND,
    ROUTES,
    SERVICE_HEADER,
    TUNNELS,
    Document,
    extension,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshclient.config.policy_shape import HashKey, RetryConfig
    from meshclient.config.shape import RouteConfig, ServiceConfig
    from meshclient.config.sidecar_shape import SidecarConfig
    from meshclient.sidecar.envoy.served import Picture, Served

# Those for which `meshclient.model.outcome` says that another attempt may help.
RETRIABLE = (408, 425, 429, *(s for s in range(500, 512) if s not in (501, 505)), *range(520, 531))
NEVER_SENT = "connect-failure,refused-stream,reset-before-request"
UNFINISHED = "connect-failure,refused-stream,reset,retriable-status-codes"
# Endpoints that are drawn anew because they were tried before, until Envoy takes what it gets.
REDRAWS = 5
# Redirects from the learner to the service it has just made known; more than one for workers that hear of it late.
REDIRECTS = 3
_OWN = [SERVICE_HEADER, "x-envoy-original-url"]


def routes(picture: Picture) -> Document:
    """All routes of the outbound listener."""
    settings = picture.settings
    hosts = []
    if settings.service in picture.services:
        hosts.append(_host(picture, settings.service, ["*"]))
    else:
        hosts += [_host(picture, name, _domains(name, picture.domains)) for name in sorted(picture.services)]
        hosts.append(_rest(picture))
    return {
        "@type": ROUTES,
        "name": OUTBOUND,
        "virtual_hosts": hosts,
        "vhost_header": SERVICE_HEADER,
        "ignore_port_in_host_matching": True,
    }


def _domains(name: str, below: Sequence[str]) -> list[str]:
    """The hosts that mean a service, each of which means one only: Envoy refuses all routes otherwise.

    A host below a domain is the service before the longest of them (`meshclient.mesh.naming`), so a service that is
    called as such a host itself is meant by the hosts below it alone.
    """

    def meant(host: str) -> str:
        ends = [f".{domain}" for domain in below if host.endswith(f".{domain}")]
        return host.removesuffix(max(ends, key=len, default=""))

    hosts = dict.fromkeys([name, *(f"{name}.{domain}" for domain in below)])
    return [host for host in hosts if meant(host) == name]


def _host(picture: Picture, name: str, domains: list[str]) -> Document:
    tunnels = _tunnels(picture.settings.connect) if "*" in domains else ()
    return {
        "name": name,
        "domains": domains,
        "routes": [*tunnels, *_of_service(picture.services[name])],
        "request_body_buffer_limit": picture.settings.replay,
    } | _headers(picture.settings)


def _headers(settings: SidecarConfig) -> Document:
    """What becomes of headers on the way to a service; not on that to the learner, from where requests come back."""
    changes: Document = {"request_headers_to_remove": _OWN}
    if settings.forwarded:
        client = {"key": "x-forwarded-for", "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"}
        changes["request_headers_to_add"] = [{"header": client, "append_action": "APPEND_IF_EXISTS_OR_ADD"}]
    return changes


def _of_service(served: Served, prefix: str = "") -> Iterator[Document]:
    """The routes of a service; below `prefix`, which is taken off, where there is one."""
    stem = prefix.rstrip("/")
    for route in served.config.routes:
        head, star, _ = route.pattern.partition("*")
        yield from _of_path(served, {"prefix" if star else "path": stem + head}, route, stem)
    if stem and prefix.endswith("/"):
        yield from _of_path(served, {"path_separated_prefix": stem}, served.config, stem)
    else:
        yield from _of_path(served, {"prefix": prefix or "/"}, served.config, stem)


def _of_path(served: Served, path: Document, rule: ServiceConfig | RouteConfig, stem: str) -> Iterator[Document]:
    if rule.deadline is not None:
        yield _events(served, path, rule, stem)
    retry = rule.retry
    if retry is None or retry.attempts < 2:
        yield _entry(served, path, rule, None, stem)
        return
    others = sorted((IDEMPOTENT_METHODS | set(retry.methods)) - {"GET"})
    again = _retry(retry, UNFINISHED, rule.attempt_timeout) | {"retriable_status_codes": list(RETRIABLE)}
    # Most requests end at the first of them, which is the cheapest to ask.
    for headers in (
        [_header(":method", exact="GET")],
        [_header(":method", safe_regex={"regex": "|".join(map(re.escape, others))})],
        [{"name": "idempotency-key", "present_match": True}],
    ):
        yield _entry(served, path | {"headers": headers}, rule, again, stem)
    yield _entry(served, path, rule, _retry(retry, NEVER_SENT, rule.attempt_timeout), stem)


def _entry(
    served: Served, match: Document, rule: ServiceConfig | RouteConfig, again: Document | None, stem: str
) -> Document:
    action: Document = {"cluster": served.name, "timeout": seconds(rule.deadline or 0)}
    if stem:
        action["regex_rewrite"] = {"pattern": {"regex": f"^{re.escape(stem)}/*"}, "substitution": "/"}
        action["host_rewrite_literal"] = served.name
    if again is not None:
        action["retry_policy"] = again
    elif rule.attempt_timeout is not None:
        action["retry_policy"] = {"num_retries": 0, "per_try_timeout": seconds(rule.attempt_timeout)}
    if served.config.hash_key is not None and (policy := _hash(served.config.hash_key)):
        action["hash_policy"] = [policy]
    return {"match": match, "route": action}


def _events(served: Served, path: Document, rule: ServiceConfig | RouteConfig, stem: str) -> Document:
    """Of streams of events, which last: Envoy's time for a route is that of the whole response, that of a try is not.

    Not so for all, since no time of a try runs while a request waits for a connection.
    """
    match = path | {"headers": [_header("accept", contains="text/event-stream")]}
    bound = min(time for time in (rule.attempt_timeout, rule.deadline) if time is not None)
    rule = replace(rule, deadline=None, attempt_timeout=bound)
    repeated = rule.retry is not None and rule.retry.attempts > 1
    again = _retry(rule.retry, NEVER_SENT, bound) if repeated and rule.retry else None
    return _entry(served, match, rule, again, stem) | {"name": "events"}


def _header(name: str, **match: object) -> Document:
    return {"name": name, "string_match": match}


def _retry(retry: RetryConfig, conditions: str, attempt_timeout: float | None) -> Document:
    first = max(0.001, retry.backoff.first)
    policy: Document = {
        "retry_on": conditions,
        "num_retries": retry.attempts - 1,
        "retry_back_off": {
            "base_interval": seconds(first),
            "max_interval": seconds(max(first, retry.backoff.limit)),
        },
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        "host_selection_retry_max_attempts": REDRAWS,
    }
    if attempt_timeout is not None:
        policy["per_try_timeout"] = seconds(attempt_timeout)
    return policy


def _hash(key: HashKey) -> Document | None:
    match key.source:
        case "header":
            return {"header": {"header_name": key.name}}
        case "cookie":
            return {"cookie": {"name": key.name}}
        case "path":
            return {"header": {"header_name": ":path"}}
        case _:
            return None


def _rest(picture: Picture) -> Document:
    """What names no service that is known: tunnels, paths of services, and names to be asked for."""
    entries = list(_tunnels(picture.settings.connect))
    for prefix, name in sorted(picture.settings.prefixes.items(), key=lambda item: -len(item[0])):
        entries += [entry | _headers(picture.settings) for entry in _of_service(picture.services[name], prefix)]
    if picture.resolves and picture.learner:
        entries.append(_to_learner(picture))
    return {
        "name": "_rest",
        "domains": ["*"],
        "routes": entries,
        # What is larger cannot be sent again to the service that has just been made known.
        "request_body_buffer_limit": picture.settings.replay,
    }


def _tunnels(allowed: Sequence[str]) -> Iterator[Document]:
    if not allowed:
        return
    pattern = "|".join(map(_authority, allowed))
    headers = [_header(":authority", safe_regex={"regex": f"(?i)(?:{pattern})"})]
    upgrade = {"upgrade_type": "CONNECT", "connect_config": {}}
    yield {
        "match": {"connect_matcher": {}, "headers": headers},
        "route": {"cluster": TUNNELS, "timeout": "0s", "upgrade_configs": [upgrade]},
    }


def _authority(allowed: str) -> str:
    """A regular expression for the targets of CONNECT that one of the allowed means."""
    host, colon, port = allowed.rpartition(":")
    if not (colon and port.isdigit()):
        host, port = allowed, "[0-9]+"
    name = rf"[^:]+\.{re.escape(host[2:])}" if host.startswith("*.") else "[^:]+" if host == "*" else re.escape(host)
    return f"{name}:{port}"


def _to_learner(picture: Picture) -> Document:
    label = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
    below = "|".join(map(re.escape, picture.domains))
    under = rf"|{label}(?:\.{label})*\.(?:{below})" if below else ""
    pattern = rf"(?:{label}{under})\.?(?::[0-9]+)?"
    redirect = {"max_internal_redirects": REDIRECTS, "redirect_response_codes": [307]}
    return {
        "match": {"prefix": "/", "headers": [_header(SERVICE_HEADER, safe_regex={"regex": pattern})]},
        "route": {"cluster": LEARNER, "timeout": "20s", "internal_redirect_policy": redirect},
    }
