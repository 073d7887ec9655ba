"""The reference of environment variables: our own, and those of others that are read."""

from __future__ import annotations

from scripts.reference import options
from scripts.reference.markdown import code, page, table

from meshclient.config.environment import RESERVED

_HEAD = """\
Every option is also a variable: its path in capitals, joined by `__`. A service's name stands there in capitals
with `_` for all but letters and digits. Lists may be written as TOML or with commas, tables as TOML, switches as
`on` and `off`. An empty variable counts as not set; one that means nothing is told once, with a suggestion."""
_OWN = {
    "MESHCLIENT_CONFIG": "path of the configuration file, for the command line and for `Mesh.from_config()`",
    "MESHCLIENT_OUTPUT": "the format where `-o` says none: `table`, `wide`, `json`, `jsonl` or `name`",
    "MESHCLIENT_SIDECAR_URL": "address of a sidecar that everything is sent to where no resolver is configured",
    "MESHCLIENT_ENVOY": "path of Envoy's program, for `--data-plane envoy`",
    "MESHCLIENT_REQUIRE_SERVERS": "of this project's own tests: a server that is not installed fails them",
}
# Of those in `RESERVED` that are options too.
_FOREIGN = {
    "NO_COLOR, FORCE_COLOR": "the command line: whether it writes colours",
    "COLUMNS": "the command line: the width of tables",
    "SSL_CERT_FILE, SSL_CERT_DIR": "authorities that are trusted where `tls.ca` names none, as httpx reads them",
    "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY": "httpx: requests to hosts that are no service",
    "OTEL_PROPAGATORS": "OpenTelemetry's own; its propagators write trace headers first",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "methods that spans and metrics name, beside the usual ones",
    "CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_CACERT": "meshclient-consul, where the URI says nothing",
    "ETCDCTL_ENDPOINTS": "meshclient-etcd, likewise",
    "KUBECONFIG, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT": "meshclient-kubernetes, likewise",
    "AWS_...": "meshclient-aws: all that boto3 reads",
}


def reference() -> str:
    """The page."""
    missing = sorted(set(RESERVED) - _OWN.keys() - {name for name, _, _ in options.variables()})
    if missing:
        raise LookupError(f"scripts/reference/variables.py does not say what {', '.join(missing)} is for")
    rows = [(code(name), meaning) for name, meaning in _OWN.items()]
    own = [
        (code(name), f"[`{path}`](configuration.md#{_anchor(path)})", short(meaning))
        for name, path, meaning in options.variables()
    ]
    foreign = [(", ".join(map(code, names.split(", "))), meaning) for names, meaning in _FOREIGN.items()]
    return page(
        "Environment variables",
        _HEAD,
        "## Beside the options",
        table(("variable", "meaning"), rows),
        "## One for each option",
        table(("variable", "option", "meaning"), own),
        "## Of others",
        table(("variable", "read by, for what"), foreign),
    )


def short(meaning: str) -> str:
    """The beginning of a meaning, to its first stop."""
    head = meaning.split(". ", maxsplit=1)[0].split("; ", maxsplit=1)[0]
    return head.rstrip(".")


def _anchor(path: str) -> str:
    own = path.removeprefix("services.<name>.").removeprefix("defaults.")
    return own.replace(".", "")
