"""Variables: which are known, what they mean, which draw a warning and which an error."""

import pytest

from meshclient.config.environment import RESERVED, Environment, read_environment, variables
from meshclient.config.origin import Layer, Origin, dotted


def read(environ: dict[str, str], *services: str) -> Environment:
    return read_environment(environ, services)


def values(found: Environment) -> dict[str, object]:
    return {dotted(path): leaf.value for path, leaf in found.reading.leaves.items()}


def test_a_variable_sets_the_value_at_its_path_and_is_its_origin() -> None:
    found = read({"MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS": "5", "HOME": "/root"})
    assert values(found) == {"defaults.retry": True, "defaults.retry.attempts": 5}
    leaf = found.reading.leaves["defaults", "retry", "attempts"]
    assert leaf.origin == Origin(Layer.ENVIRONMENT, "MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS")
    assert str(leaf.origin) == "environment MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS"
    assert (found.warnings, found.reading.problems) == ((), [])


@pytest.mark.parametrize("service", ["orders-api", "orders.api", "orders_api"])
def test_a_service_is_matched_by_its_folded_name(service: str) -> None:
    found = read({"MESHCLIENT_SERVICES__ORDERS_API__DEADLINE": "500ms"}, service)
    assert found.reading.leaves["services", service, "deadline"].value == 0.5
    assert found.unspelled == frozenset()


def test_a_variable_means_every_service_that_folds_into_its_name() -> None:
    found = read({"MESHCLIENT_SERVICES__A_B__DEADLINE": "1"}, "a-b", "a.b")
    assert {path[1] for path in found.reading.leaves} == {"a-b", "a.b"}


def test_a_service_with_two_dashes_is_not_cut_there() -> None:
    found = read({"MESHCLIENT_SERVICES__A__B__DEADLINE": "1"}, "a--b")
    assert found.reading.leaves["services", "a--b", "deadline"].value == 1.0


def test_a_variable_can_bring_a_service_of_its_own() -> None:
    found = read({"MESHCLIENT_SERVICES__ORDERS_API__RETRY": "off"}, "users")
    assert values(found) == {"services.orders_api": True, "services.orders_api.retry": False}
    assert found.unspelled == {"orders_api"}


@pytest.mark.parametrize("variable", ["MESHCLIENT_SERVICES__ORDERS", "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS"])
def test_endpoints_stand_in_one_variable(variable: str) -> None:
    found = read({variable: "http://a:1,http://b:2"})
    value = found.reading.leaves["services", "orders", "endpoints"].value
    assert isinstance(value, tuple)
    assert [str(endpoint) for endpoint in value] == ["http://a:1", "http://b:2"]


def test_two_variables_for_one_value_are_a_contradiction() -> None:
    found = read({"MESHCLIENT_SERVICES__ORDERS": "a:1", "MESHCLIENT_SERVICES__ORDERS__ENDPOINTS": "b:1"})
    assert found.reading.problems == [
        (
            "services.orders.endpoints (environment MESHCLIENT_SERVICES__ORDERS__ENDPOINTS): "
            "MESHCLIENT_SERVICES__ORDERS sets this too: unset one of them"
        )
    ]


def test_a_bad_value_is_a_problem_that_names_the_variable() -> None:
    found = read({"MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS": "many"})
    assert found.reading.problems == [
        (
            "defaults.retry.attempts (environment MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS): "
            "'many' is out of place: write a whole number from 1 to 10"
        )
    ]


def test_an_explicit_switch_holds_against_a_key_of_the_same_table() -> None:
    found = read({"MESHCLIENT_DEFAULTS__RETRY": "false", "MESHCLIENT_DEFAULTS__RETRY__ATTEMPTS": "5"})
    assert values(found)["defaults.retry"] is False


def test_an_empty_variable_is_not_set() -> None:
    found = read({"MESHCLIENT_RESOLVER": "", "MESHCLIENT_TYPO": " "})
    assert (values(found), found.warnings) == ({}, ())


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("MESHCLIENT_RESOLVR", "did you mean MESHCLIENT_RESOLVER?"),
        ("MESHCLIENT_DEFAULTS__DEDLINE", "did you mean MESHCLIENT_DEFAULTS__DEADLINE?"),
        ("MESHCLIENT_SERVICES__ORDERS__DEDLINE", "did you mean MESHCLIENT_SERVICES__ORDERS__DEADLINE?"),
        ("MESHCLIENT_SERVICES__USERS__DEDLINE", "did you mean MESHCLIENT_SERVICES__USERS__DEADLINE?"),
        ("MESHCLIENT_OUTPTU", "did you mean MESHCLIENT_OUTPUT?"),
        ("MESHCLIENT_SERVICES__ORDERS__ROUTES__X", "routes are set in a file or by an argument"),
        ("MESHCLIENT_SERVICES_USERS_ENDPOINTS", "did you mean MESHCLIENT_SERVICES__USERS__ENDPOINTS?"),
        ("MESHCLIENT_SERVICE__USERS_RETRY__ATTEMPTS", "did you mean MESHCLIENT_SERVICES__USERS__RETRY__ATTEMPTS?"),
        ("MESHCLIENT_X", "variables are spelt like MESHCLIENT_DEFAULTS__DEADLINE"),
        ("MESHCLIENT_SERVICES__..__ABCDEF", "did you mean MESHCLIENT_SERVICES__ORDERS?"),
    ],
)
def test_an_unknown_variable_draws_one_warning_with_a_suggestion(variable: str, hint: str) -> None:
    found = read({variable: "5"}, "orders")
    assert found.warnings == (f"{variable} sets nothing and is ignored: {hint}",)
    assert (values(found), found.reading.problems, found.unspelled) == ({}, [], frozenset())


@pytest.mark.parametrize(
    "variable", [*RESERVED, "MESHCLIENT_SERVERS_DIR", "MESHCLIENT_CONSUL_BIN", "meshclient_x", "MESHCLIENTX"]
)
def test_variables_that_others_read_are_left_alone(variable: str) -> None:
    assert read({variable: "whatever"}) == read({})


def test_every_value_but_the_routes_has_a_variable() -> None:
    known = variables(["orders"])
    assert {"MESHCLIENT_RESOLVER", "MESHCLIENT_DOMAINS", "MESHCLIENT_MODE", "MESHCLIENT_DEFAULTS__EJECTION"} <= set(
        known
    )
    assert known["MESHCLIENT_SERVICES__ORDERS__EJECTION__PANIC"] == [("services", "orders", "ejection", "panic")]
    assert not [name for name in known if "ORDERS__ROUTES" in name or name == "MESHCLIENT_DEFAULTS"]


@pytest.mark.parametrize("key", ["hash_key", "circuit.consecutive", "hedge.quantile", "slow_start"])
@pytest.mark.parametrize("word", ["false", "off", "no"])
def test_what_can_be_off_is_off_by_the_words_for_it(key: str, word: str) -> None:
    found = read({f"MESHCLIENT_DEFAULTS__{key.upper().replace('.', '__')}": word})
    assert found.reading.problems == []
    assert not values(found)[f"defaults.{key}"]


def test_a_key_that_can_be_off_is_text_otherwise() -> None:
    found = read({"MESHCLIENT_DEFAULTS__HASH_KEY": "header:x-user"})
    assert str(values(found)["defaults.hash_key"]) == "header:x-user"
