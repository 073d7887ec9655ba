"""What counts as a service name, and what an invalid one is told."""

import pytest

from meshclient.model.service import ServiceName


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("orders", "orders"),
        ("Orders", "orders"),
        ("ORDERS-API", "orders-api"),
        ("order_service", "order_service"),
        ("_orders._tcp.example.com", "_orders._tcp.example.com"),
        ("orders.mesh.", "orders.mesh"),
        ("  orders\n", "orders"),
        ("7", "7"),
        ("a" * 253, "a" * 253),
    ],
)
def test_parse_folds_what_registries_and_urls_write(text: str, name: str) -> None:
    assert str(ServiceName.parse(text)) == name


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "a..b", "-a", "a-", ".a", "a..", "a b", "a/b", "a:80", "ünï", "a\nb", "a" * 254, "a@b", "http://a"],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a service name: use 1 to 253 letters") as caught:
        ServiceName.parse(text)
    assert repr(text.strip().lower().removesuffix(".")) in str(caught.value)


@pytest.mark.parametrize("text", ["Orders", "orders\n", " orders", "orders."])
def test_the_constructor_folds_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="is not a service name"):
        ServiceName(text)


def test_names_are_values() -> None:
    assert ServiceName("orders") == ServiceName.parse("ORDERS")
    assert {ServiceName("orders"): 1}[ServiceName("orders")] == 1
    assert sorted([ServiceName("b"), ServiceName("a")]) == [ServiceName("a"), ServiceName("b")]
