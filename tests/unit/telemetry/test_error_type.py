from __future__ import annotations

import pytest

from meshclient.discovery.supervision import describe
from meshclient.errors import PluginError
from meshclient.telemetry.error_type import OTHER, TIMEOUT, error_type


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(111, "10.0.0.7:8500 refused"), TimeoutError(), PluginError("a: b"), OSError("x\ny: z")],
)
def test_the_class_of_what_a_resolver_raised(error: Exception) -> None:
    assert error_type(describe(error)) == type(error).__name__


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        ("no answer within 2s", TIMEOUT),
        ("/etc/mesh.toml cannot be read: No such file or directory", OTHER),
        ("mesh: orders", OTHER),
        ("HTTP: 503", OTHER),
        ("Eureka at 10.0.0.1:8761 lists service 'orders' with malformed records only: x", OTHER),
        ("service 'orders': ConnectError", OTHER),
        ("the watch ended without a reason", OTHER),
        ("", OTHER),
    ],
)
def test_free_text_is_no_type(cause: str, word: str) -> None:
    assert error_type(cause) == word
