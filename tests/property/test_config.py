"""Whatever the sources say: the strongest wins, what is shown can be written back, and a mistake is a ConfigError."""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from meshclient.config.loaded import Loaded, load, merge
from meshclient.config.source import Document
from meshclient.config.telemetry_kinds import PROPAGATORS
from meshclient.errors import ConfigError

NOWHERE = Path("/nonexistent")
DURATIONS = st.floats(min_value=1e-9, max_value=86_400.0)
OPTIONAL = st.one_of(st.just(value=False), DURATIONS)
BACKOFFS = st.tuples(DURATIONS, DURATIONS).map(lambda pair: "{:.12f}..{:.12f}".format(*sorted(pair)))
RATIOS = st.floats(min_value=0, max_value=1)
RETRY = st.fixed_dictionaries(
    {},
    optional={
        "attempts": st.integers(1, 10),
        "budget": RATIOS,
        "budget_floor": st.floats(min_value=0, max_value=1e6),
        "backoff": BACKOFFS,
        "methods": st.lists(st.sampled_from(["POST", "PATCH", "LOCK"]), unique=True),
    },
)
EJECTION = st.fixed_dictionaries(
    {},
    optional={
        "consecutive": st.integers(1, 10**6),
        "base": st.floats(min_value=0.001, max_value=300.0),
        "limit": st.floats(min_value=300.0, max_value=86_400.0),
        "max_ejected": RATIOS,
        "panic": RATIOS,
    },
)
CACHE = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["private", "shared"]),
        "max_bytes": st.integers(1, 2**40),
        "ttl": st.one_of(st.just(value=False), st.floats(min_value=1e-9, max_value=31_536_000.0)),
        "serve_stale": st.one_of(st.booleans(), DURATIONS),
        "coalesce": st.booleans(),
        "targeted": st.lists(st.sampled_from(["CDN-Cache-Control", "mesh-cache-control"]), max_size=2),
    },
)
ROUTE = {
    "deadline": OPTIONAL,
    "attempt_timeout": OPTIONAL,
    "retry": st.one_of(st.booleans(), RETRY),
    "cache": st.one_of(st.booleans(), st.sampled_from(["private", "shared"]), CACHE),
}
DEFAULTS = {
    **ROUTE,
    "connect_timeout": DURATIONS,
    "balancer": st.sampled_from(["p2c", "round_robin", "mine"]),
    "ejection": st.one_of(st.booleans(), EJECTION),
    "propagators": st.lists(st.sampled_from(PROPAGATORS), unique=True),
}
SERVICE = {
    **DEFAULTS,
    "endpoints": st.lists(
        st.sampled_from(["http://a:1", "https://b:2", "http://[::1]:3", {"host": "c", "port": 4, "weight": 0.3}]),
        unique_by=str,
    ),
    "routes": st.dictionaries(
        st.sampled_from(["/", "/*", "/a b"[:2], "/a/*", '/"q"/*']),
        st.fixed_dictionaries({}, optional=ROUTE),
        max_size=2,
    ),
}
TELEMETRY = {
    "metrics": st.booleans(),
    "spans": st.sampled_from(["attempts", "calls", "none", False]),
    "new_traces": st.sampled_from(["undecided", "sampled", "none", False]),
    "emf": st.one_of(st.booleans(), st.fixed_dictionaries({}, optional={"interval": DURATIONS})),
}
TABLES = st.fixed_dictionaries(
    {},
    optional={
        "resolver": st.sampled_from(["", "dns://", "a:// | b://"]),
        "domains": st.lists(st.sampled_from(["mesh", "x.example"]), unique=True),
        "mode": st.sampled_from(["background", "on-demand"]),
        "state_dir": st.sampled_from(["", "/var/lib/x", "state"]),
        "discovery": st.fixed_dictionaries({}, optional={"hold": OPTIONAL, "idle": OPTIONAL}),
        "telemetry": st.fixed_dictionaries({}, optional=TELEMETRY),
        "propagate_passthrough": st.booleans(),
        "defaults": st.fixed_dictionaries({}, optional=DEFAULTS),
        "services": st.dictionaries(
            st.sampled_from(["orders", "orders-api", "a.b"]), st.fixed_dictionaries({}, optional=SERVICE), max_size=2
        ),
    },
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["resolver", "domains", "mode", "defaults", "services", *SERVICE, "attempts", "backoff", "base", "zzz"]
# Tables that look right from afar: known keys, some of them in the wrong place, with anything below.
NEARLY = st.recursive(ANYTHING, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=3), max_leaves=8)


def nested(loaded: Loaded) -> dict[str, object]:
    """The settings as nested tables: the way of a reader with a TOML parser."""
    tables: dict[str, object] = {}
    for setting in loaded.settings:
        key: object = tomllib.loads(f"{setting.path} = 0")
        here = tables
        while isinstance(key, dict):
            [(name, key)] = key.items()
            if isinstance(key, dict):
                inner = here.setdefault(name, {})
                assert isinstance(inner, dict)
                here = inner
            else:
                here[name] = setting.value
    return tables


@given(TABLES, TABLES)
def test_what_is_shown_gives_the_same_configuration_again(
    file: Mapping[str, object], arguments: Mapping[str, object]
) -> None:
    loaded = merge(Document(NOWHERE, "file.toml", file), {}, arguments, ())
    again = load(environ={}, cwd=NOWHERE, arguments=nested(loaded))
    assert again.config == loaded.config
    assert [(s.path, s.value) for s in again.settings] == [(s.path, s.value) for s in loaded.settings]


LAYERS = ("default", "file file.toml", "environment {}", "argument", "argument --set")
VALUES = {
    "defaults.deadline": 15.0,
    "defaults.connect_timeout": 1.0,
    "defaults.ejection.base": 5.0,
    "services.x.deadline": 15.0,
}


@given(st.fixed_dictionaries({path: st.sets(st.integers(1, 4)) for path in VALUES}))
def test_the_strongest_source_of_each_value_wins_and_is_its_origin(speakers: Mapping[str, set[int]]) -> None:
    """Source n says n seconds."""
    tables: list[dict[str, object]] = [{"services": {"x": {}}}, {}]
    environ: dict[str, str] = {}
    sets: list[str] = []
    for path, sources in speakers.items():
        for document, source in zip(tables, (1, 3), strict=True):
            if source in sources:
                put(document, path, source)
        if 2 in sources:
            environ[variable(path)] = "2s"
        if 4 in sources:
            sets.append(f"{path}=4s")
    loaded = merge(Document(NOWHERE, "file.toml", tables[0]), environ, tables[1], sets)
    settings = {setting.path: setting for setting in loaded.settings}
    for path, sources in speakers.items():
        giver = "defaults.deadline" if path == "services.x.deadline" and not sources else path
        strongest = max(speakers[giver], default=0)
        value = float(strongest) or VALUES[path]
        assert settings[path].value == f"{value:.0f}s"
        assert str(loaded.origin(path)) == LAYERS[strongest].format(variable(giver))
    assert loaded.warnings == ()


def put(document: dict[str, object], path: str, value: object) -> None:
    *tables, last = path.split(".")
    for key in tables:
        inner = document.setdefault(key, {})
        assert isinstance(inner, dict)
        document = inner
    document[last] = value


def variable(path: str) -> str:
    return "MESHCLIENT_" + path.upper().replace(".", "__")


@given(NEARLY, st.lists(st.text(max_size=30), max_size=2))
def test_nothing_but_a_config_error_comes_out_of_a_mistake(tables: object, sets: list[str]) -> None:
    arguments = tables if isinstance(tables, dict) else {"defaults": tables}
    with suppress(ConfigError):
        load(environ={}, cwd=NOWHERE, arguments=arguments, sets=sets)


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["DEFAULTS", "SERVICES", "A", "A_B", "RETRY", "DEADLINE", "ENDPOINTS", "ROUTES", ""]))
        .map("__".join)
        .map("MESHCLIENT_".__add__),
        st.text(max_size=12),
        max_size=4,
    ),
    st.sampled_from(["defaults.retry", "defaults.deadline", "domains", "services", "services.a-b", "mode", '"" . x']),
    st.text(max_size=12),
)
def test_nothing_but_a_config_error_comes_out_of_text(environ: Mapping[str, str], key: str, text: str) -> None:
    with suppress(ConfigError):
        load(environ=environ, cwd=NOWHERE, sets=[f"{key}={text}"])
