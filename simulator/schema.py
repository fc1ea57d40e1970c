"""Shapes of client events, and the one error a wrong one gets: the codes and wording of the GA server.

A shape is a table; the walk over it knows nothing of any event.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """A client event that cannot be served: becomes an `error` event, the session goes on."""

    def __init__(self, code: str, message: str, param: str | None = None, *, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf: `kinds` it may be, the values it may have (None = any), whether null stands for "unset"."""

    name: str
    kinds: tuple[type, ...]
    among: tuple[Any, ...] | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """An array of one shape."""

    each: Shape


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these keys and no others."""

    known: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Kinds:
    """An object whose shape follows from one of its keys."""

    key: str
    shapes: Mapping[str, Shape]
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Either:
    """The first shape for a plain value, the second for an object."""

    plain: Value
    fields: Fields | Kinds


Shape = Value | Many | Fields | Kinds | Either

ANY = Value("anything", (object,), nullable=True)
TEXT = Value("a string", (str,))
TEXT_OR_NULL = Value("a string", (str,), nullable=True)
NUMBER = Value("a number", (int, float))
INTEGER = Value("an integer", (int,))
INTEGER_OR_NULL = Value("an integer", (int,), nullable=True)
FLAG = Value("a boolean", (bool,))
OBJECT = Value("an object", (dict,), nullable=True)

_NAMES = {str: "a string", bool: "a boolean", int: "an integer", float: "a number", dict: "an object", list: "an array", type(None): "null"}


def one_of(*values: Any, nullable: bool = False) -> Value:
    """A string or number out of a list."""
    return Value("one of the supported values", tuple({type(value) for value in values}), values, nullable)


def check(shape: Shape, value: Any, path: str) -> None:
    """Raises `Refused` for the first thing wrong with `value`, which the client named `path`."""
    _CHECKS[type(shape)](shape, value, path)


def _value(shape: Value, value: Any, path: str) -> None:
    if value is None and shape.nullable:
        return
    if not isinstance(value, shape.kinds) or (isinstance(value, bool) and bool not in shape.kinds and object not in shape.kinds):
        raise _mistyped(path, shape.name, value)
    if shape.among is not None and value not in shape.among:
        raise unsupported(path, value, shape.among)


def _many(shape: Many, value: Any, path: str) -> None:
    if not isinstance(value, list):
        raise _mistyped(path, "an array", value)
    for index, each in enumerate(value):
        check(shape.each, each, f"{path}[{index}]")


def _fields(shape: Fields, value: Any, path: str) -> None:
    if value is None and shape.nullable:
        return
    if not isinstance(value, dict):
        raise _mistyped(path, "an object", value)
    for name in shape.required:
        if name not in value:
            raise missing(_join(path, name))
    for name, inner in value.items():
        if name not in shape.known:
            raise Refused("unknown_parameter", f"Unknown parameter: '{_join(path, name)}'.", _join(path, name))
        check(shape.known[name], inner, _join(path, name))


def _kinds(shape: Kinds, value: Any, path: str) -> None:
    if value is None and shape.nullable:
        return
    if not isinstance(value, dict):
        raise _mistyped(path, "an object", value)
    if shape.key not in value:
        raise missing(_join(path, shape.key))
    kind = value[shape.key]
    if not isinstance(kind, str) or kind not in shape.shapes:
        raise unsupported(_join(path, shape.key), kind, tuple(shape.shapes))
    check(shape.shapes[kind], value, path)


def _either(shape: Either, value: Any, path: str) -> None:
    check(shape.fields if isinstance(value, dict) else shape.plain, value, path)


_CHECKS: dict[type, Callable[[Any, Any, str], None]] = {Value: _value, Many: _many, Fields: _fields, Kinds: _kinds, Either: _either}


def missing(path: str) -> Refused:
    """A required parameter that is not there."""
    return Refused("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def unsupported(path: str, value: Any, among: tuple[Any, ...]) -> Refused:
    """A value outside of a closed list."""
    listed = ", ".join(f"'{each}'" for each in among)
    return Refused("invalid_value", f"Invalid value: '{str(value)[:80]}'. Supported values are: {listed}.", path)


def _mistyped(path: str, wanted: str, value: Any) -> Refused:
    seen = _NAMES.get(type(value), "something else")
    return Refused("invalid_type", f"Invalid type for '{path}': expected {wanted}, but got {seen} instead.", path)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
