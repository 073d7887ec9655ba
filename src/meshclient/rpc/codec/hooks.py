"""Pydantic models within what msgspec reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshclient.rpc.codec.types import is_pydantic, shown

if TYPE_CHECKING:
    from collections.abc import Callable


def read_model(kind: Any, value: object) -> object:  # noqa: ANN401 - a type that msgspec does not know
    """For ``dec_hook``: what msgspec left as built-in types becomes the model; its ValueError has a path added."""
    if not is_pydantic(kind):
        msg = f"{shown(kind)} cannot be read"
        raise TypeError(msg)
    try:
        return kind.model_validate(value)
    except ValueError as exc:
        fault, path = first_fault(exc)
        raise ValueError(f"{fault}, in {path!r} of {kind.__name__}" if path else fault) from exc


def reading_model(kind: Any) -> Callable[[bytes], object]:  # noqa: ANN401
    """Reads JSON that is one model."""
    read: Callable[[bytes], object] = kind.model_validate_json

    def decode(data: bytes) -> object:
        try:
            return read(data)
        except ValueError as exc:
            fault, path = first_fault(exc)
            # As msgspec says where.
            raise ValueError(f"{fault} - at `${path}`" if path else fault) from exc

    return decode


def first_fault(error: Any) -> tuple[str, str]:  # noqa: ANN401 - pydantic's error, if it is one
    """Of many lines the one that matters: the first thing that pydantic found, and where."""
    if not hasattr(error, "errors"):
        return str(error), ""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return fault["msg"], "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in fault["loc"])


def write_model(value: Any) -> object:  # noqa: ANN401
    """For ``enc_hook``: the model in built-in types that JSON has."""
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    msg = f"{shown(type(value))} cannot be written: it is no dataclass, msgspec.Struct, attrs class or pydantic model"
    raise TypeError(msg)
