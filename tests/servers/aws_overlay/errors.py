"""AWS's errors, as moto raises them."""

from __future__ import annotations

from importlib import import_module


def json_error(code: str, message: str = "", status: int = 400) -> Exception:
    """The exception that moto turns into this error of a JSON service."""
    error: Exception = import_module("moto.core.exceptions").JsonRESTError(code, message)
    error.code = status  # type: ignore[attr-defined] # werkzeug's exceptions have one
    return error
