"""All sources together: precedence, inheritance, origins, and what is said about mistakes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from meshclient.config.loaded import Loaded, load
from meshclient.config.policy_shape import Backoff, EjectionConfig, RetryConfig
from meshclient.config.schema import DEFAULTS, ROOT, Table
from meshclient.config.shape import MeshConfig, ServiceConfig
from meshclient.errors import ConfigError
from meshclient.model.service import ServiceName

NOWHERE = Path("/nonexistent")


def given(arguments: Mapping[str, object] | None = None, *, sets: Sequence[str] = (), **environ: str) -> Loaded:
    return load(environ=environ, cwd=NOWHERE, arguments=arguments or {}, sets=sets)


def refusal(arguments: Mapping[str, object] | None = None, *, sets: Sequence[str] = (), **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        given(arguments, sets=sets, **environ)
    return str(caught.value)


def test_nothing_said_gives_the_defaults() -> None:
    loaded = given()
    assert loaded.config == MeshConfig()
    assert {str(setting.origin) for setting in loaded.settings} == {"default"}
    assert (loaded.warnings, loaded.file) == ((), None)


def test_the_stronger_source_wins_and_is_the_origin(tmp_path: Path) -> None:
    path = tmp_path / "meshclient.toml"
    path.write_text("[defaults]\ndeadline = '1s'\n", "utf-8")
    variable = {"MESHCLIENT_DEFAULTS__DEADLINE": "2s"}
    argument = {"defaults": {"deadline": 3}}
    sets = ["defaults.deadline=4s", "defaults.deadline=5s"]
    loads = [
        load(environ={}, cwd=tmp_path),
        load(environ={}, cwd=tmp_path, search=True),
        load(environ=variable, cwd=tmp_path, path=path),
        load(environ=variable, cwd=tmp_path, path=path, arguments=argument),
        load(environ=variable, cwd=tmp_path, path=path, arguments=argument, sets=sets[:1]),
        load(environ=variable, cwd=tmp_path, path=path, arguments=argument, sets=sets),
    ]
    assert [(each.config.defaults.deadline, str(each.origin("defaults.deadline"))) for each in loads] == [
        (15.0, "default"),
        (1.0, "file meshclient.toml"),
        (2.0, "environment MESHCLIENT_DEFAULTS__DEADLINE"),
        (3.0, "argument"),
        (4.0, "argument --set"),
        (5.0, "argument --set"),
    ]
    assert loads[1].file == path


def test_a_service_inherits_what_it_does_not_say() -> None:
    loaded = given(
        {"defaults": {"deadline": "2s", "balancer": "round_robin"}, "services": {"Orders": {"deadline": "1s"}}}
    )
    orders = loaded.config.service(ServiceName("orders"))
    assert orders == ServiceConfig(deadline=1.0, balancer="round_robin")
    assert loaded.config.service(ServiceName("users")) == ServiceConfig(deadline=2.0, balancer="round_robin")


def test_a_service_that_says_nothing_is_there_all_the_same() -> None:
    assert dict(given({"services": {"orders": {}}}).config.services) == {"orders": ServiceConfig()}


def test_nearest_comes_before_strongest() -> None:
    loaded = given({"services": {"orders": {"deadline": "1s"}}}, sets=["defaults.deadline=9s"])
    assert loaded.config.services["orders"].deadline == 1.0


def test_an_inherited_value_keeps_its_origin() -> None:
    loaded = given({"services": {"orders": {}}}, MESHCLIENT_DEFAULTS__DEADLINE="2s")
    assert str(loaded.origin("services.orders.deadline")) == "environment MESHCLIENT_DEFAULTS__DEADLINE"


def test_a_policy_is_merged_key_by_key() -> None:
    loaded = given(
        {
            "defaults": {"retry": {"budget": "10%", "backoff": "1ms..2ms"}},
            "services": {"orders": {"retry": {"attempts": 5}}},
        },
        MESHCLIENT_DEFAULTS__RETRY__BUDGET_FLOOR="1",
        MESHCLIENT_DEFAULTS__RETRY__BUDGET="0.9",
    )
    merged = RetryConfig(attempts=5, budget=0.1, budget_floor=1.0, backoff=Backoff(0.001, 0.002))
    assert loaded.config.services["orders"].retry == merged


@pytest.mark.parametrize("off", [False, None])
def test_false_turns_a_policy_off_and_a_service_may_turn_it_on_again(off: object) -> None:
    services = {"plain": {}, "on": {"ejection": True}, "table": {"ejection": {"consecutive": 2}}}
    loaded = given({"defaults": {"ejection": off}, "services": services})
    ejections = {name: service.ejection for name, service in loaded.config.services.items()}
    assert loaded.config.defaults.ejection is None
    assert ejections == {"plain": None, "on": EjectionConfig(), "table": EjectionConfig(consecutive=2)}
    assert str(loaded.origin("defaults.ejection")) == "argument"


def test_true_keeps_the_values_that_hold_otherwise() -> None:
    loaded = given({"defaults": {"retry": {"attempts": 5}}}, sets=["defaults.retry=false", "defaults.retry=true"])
    assert loaded.config.defaults.retry == RetryConfig(attempts=5)


def test_a_later_table_turns_on_what_an_earlier_source_turned_off() -> None:
    loaded = given({"defaults": {"retry": False}}, sets=["defaults.retry.attempts=2"])
    assert loaded.config.defaults.retry == RetryConfig(attempts=2)


def test_a_policy_may_be_an_inline_table_on_the_command_line() -> None:
    loaded = given(sets=['services.orders.retry={attempts=2, methods=["POST"]}'])
    assert loaded.config.services["orders"].retry == RetryConfig(attempts=2, methods=("POST",))


def test_false_means_no_deadline() -> None:
    loaded = given({"defaults": {"deadline": False}}, MESHCLIENT_DEFAULTS__ATTEMPT_TIMEOUT="off")
    assert (loaded.config.defaults.deadline, loaded.config.defaults.attempt_timeout) == (None, None)


def test_a_route_inherits_from_its_service_and_then_from_the_defaults() -> None:
    routes = {"/*": {}, "/reports/*": {"deadline": "10s", "retry": {"attempts": 1}}, "/reports/now": {"retry": False}}
    loaded = given(
        {
            "defaults": {"attempt_timeout": "9s"},
            "services": {"orders": {"deadline": "2s", "retry": {"budget": 0.1}, "routes": routes}},
        }
    )
    orders = loaded.config.services["orders"]
    assert [(r.pattern, r.deadline, r.attempt_timeout, r.retry) for r in orders.routes] == [
        ("/reports/now", 2.0, 9.0, None),
        ("/reports/*", 10.0, 9.0, RetryConfig(attempts=1, budget=0.1)),
        ("/*", 2.0, 9.0, RetryConfig(budget=0.1)),
    ]
    assert str(loaded.origin('services.orders.routes."/reports/*".deadline')) == "argument"


def test_a_longer_inner_bound_is_not_an_error() -> None:
    config = given({"defaults": {"deadline": 1, "attempt_timeout": 2, "connect_timeout": 3}}).config
    assert config.defaults == ServiceConfig(deadline=1.0, attempt_timeout=2.0, connect_timeout=3.0)


def test_an_argument_that_was_not_given_is_none() -> None:
    assert given({"resolver": None, "domains": None, "defaults": None, "services": None}).config == MeshConfig()


def test_a_service_from_a_variable_is_found_under_its_real_name() -> None:
    config = given(MESHCLIENT_SERVICES__ORDERS_API="http://a:1").config
    assert [str(endpoint) for endpoint in config.service(ServiceName("orders-api")).endpoints] == ["http://a:1"]


def test_warnings_are_handed_on() -> None:
    assert given(MESHCLIENT_RESOLVR="dns://").warnings == (
        "MESHCLIENT_RESOLVR sets nothing and is ignored: did you mean MESHCLIENT_RESOLVER?",
    )


def test_settings_are_sorted_and_written_as_in_a_file() -> None:
    settings = {s.path: s.value for s in given({"services": {"a.b": {"deadline": 0.25, "retry": False}}}).settings}
    assert list(settings) == sorted(settings)
    ours = [path for path in settings if path.startswith("defaults.")]
    assert ours[:3] == ["defaults.attempt_timeout", "defaults.balancer", "defaults.cache"]
    assert settings["defaults.circuit"] is False
    assert settings['services."a.b".deadline'] == "250ms"
    assert settings['services."a.b".retry'] is False
    assert 'services."a.b".retry.attempts' not in settings
    assert settings["defaults.retry.backoff"] == "25ms..1s"


def test_an_origin_of_nothing_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"^no value is at defaults.dedline: did you mean defaults.deadline\?$"):
        given().origin("defaults.dedline")
    with pytest.raises(ConfigError, match=r"^no value is at zzz: `meshclient config show` lists them all$"):
        given().origin("zzz")


# In the order in which the schema has them.
ROOT_KEYS, DEFAULTS_KEYS = ", ".join(ROOT.keys), ", ".join(DEFAULTS.keys)
RETRY = DEFAULTS.keys["retry"]
assert isinstance(RETRY, Table)
RETRY_KEYS = ", ".join(RETRY.keys)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"defaults": {"retry": {"attemps": 1}}},
            f"defaults.retry.attemps (argument): unknown key. Did you mean 'attempts'? Known here: {RETRY_KEYS}",
        ),
        (
            {"deadline": 1},
            f"deadline (argument): unknown key. Did you mean 'defaults.deadline'? Known here: {ROOT_KEYS}",
        ),
        (
            {"defaults": {"endpoints": []}},
            (
                "defaults.endpoints (argument): unknown key. Did you mean 'services.<name>.endpoints'? "
                f"Known here: {DEFAULTS_KEYS}"
            ),
        ),
        ({"service": {}}, f"service (argument): unknown key. Did you mean 'services'? Known here: {ROOT_KEYS}"),
        (
            {"services": {"a": ["http://a:1"]}},
            (
                "services.a (argument): ['http://a:1'] is not a table: write a table of named values, as "
                "services.a.endpoints = ['http://10.0.0.1:8080']"
            ),
        ),
        ({"zzz": 1}, f"zzz (argument): unknown key. Known here: {ROOT_KEYS}"),
        ({5: 1}, f"5 (argument): unknown key. Known here: {ROOT_KEYS}"),
        ({"defaults": 5}, "defaults (argument): 5 is not a table: write a table of named values"),
        (
            {"defaults": {"retry": 3}},
            "defaults.retry (argument): 3 is not a table: write a table, or false for off",
        ),
        (
            {"services": ["orders"]},
            "services (argument): ['orders'] is not a table: write one for each, such as [services.orders]",
        ),
        (
            {"services": {"a": {"routes": True}}},
            (
                "services.a.routes (argument): true is not a table: "
                'write one for each, such as [services.a.routes."/reports/*"]'
            ),
        ),
        (
            {"services": {"a": {"routes": {"reports": {}}}}},
            (
                "services.a.routes.reports (argument): 'reports' is not a route: "
                "write a path such as '/reports', or '/reports/*' for all below it"
            ),
        ),
        (
            {"services": {"Orders": {}, "orders": {}}},
            "services (argument): 'Orders' and 'orders' are one name: keep one of them",
        ),
        (
            {"defaults": {"ejection": {"base": "10m"}}},
            "defaults.ejection (default, argument): base 10m is longer than limit 5m: lower base or raise limit",
        ),
    ],
)
def test_a_mistake_is_told_with_place_origin_reason_and_remedy(arguments: Mapping[str, object], text: str) -> None:
    assert refusal(arguments) == text


def test_a_bad_service_name_is_told_in_the_words_of_the_name() -> None:
    assert refusal({"services": {"a b": {}}}).startswith(
        "services.\"a b\" (argument): 'a b' is not a service name: use "
    )


def test_a_bad_assignment_is_told() -> None:
    assert refusal(sets=["foo"]) == (
        "configuration (argument --set): 'foo' is not an assignment: write key.path=value, such as defaults.deadline=2s"
    )


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "meshclient.toml").write_text("[services.orders]\ndeadline = 'soon'\n", "utf-8")
    with pytest.raises(
        ConfigError, match=r"^services\.orders\.deadline \(file meshclient\.toml\): 'soon' is not a dur"
    ):
        load(environ={}, cwd=tmp_path, search=True)


def test_all_mistakes_are_told_at_once() -> None:
    text = refusal(
        {"zzz": 1, "mode": "lazy"}, sets=["defaults.retry.attempts=0"], MESHCLIENT_DEFAULTS__BALANCER="round-robin"
    )
    assert text == (
        "4 problems in the configuration:\n"
        "  - defaults.balancer (environment MESHCLIENT_DEFAULTS__BALANCER): 'round-robin' is not a balancer's name: "
        "write one such as p2c, round_robin or least_request\n"
        f"  - zzz (argument): unknown key. Known here: {ROOT_KEYS}\n"
        "  - mode (argument): 'lazy' is unknown: write background or on-demand\n"
        "  - defaults.retry.attempts (argument --set): 0 is out of place: write a whole number from 1 to 10"
    )


def test_an_inherited_contradiction_is_told_once() -> None:
    arguments = {"defaults": {"ejection": {"base": 10, "limit": 5}}, "services": {"a": {}, "b": {}}}
    assert refusal(arguments) == (
        "defaults.ejection (default, argument): base 10s is longer than limit 5s: lower base or raise limit"
    )


def test_a_contradiction_between_a_service_and_the_defaults_is_told_at_the_service() -> None:
    arguments = {"services": {"a": {"ejection": {"limit": 2}}}}
    assert refusal(arguments, MESHCLIENT_DEFAULTS__EJECTION__BASE="4") == (
        "services.a.ejection (default, environment MESHCLIENT_DEFAULTS__EJECTION__BASE, argument): "
        "base 4s is longer than limit 2s: lower base or raise limit"
    )


def test_no_repr_shows_a_token(tmp_path: Path) -> None:
    loaded = load(environ={}, cwd=tmp_path, arguments={"resolver": "consul://127.0.0.1?token=sesame"})
    assert loaded.config.resolver.endswith("sesame")
    assert "sesame" not in repr(loaded) + repr(loaded.config) + repr(loaded.settings)
