"""What every part of the rules model shares: unknown keys and null refused, frozen, faults with a code of their own."""

from __future__ import annotations

from typing import Annotated
from typing import Any
from typing import Final

from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import ConfigDict
from pydantic import StrictStr
from pydantic import WithJsonSchema
from pydantic import field_validator
from pydantic_core import PydanticCustomError

from realtime.regex import Regex


class Section(BaseModel):
    """One mapping of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if value is None:
            raise fault("VT011", "has no value", "write a value, or leave the key out")
        return value


def fault(code: str, message: str, hint: str = "", *, at: str = "", offset: int | None = None) -> PydanticCustomError:
    """A validation error that becomes a diagnostic with `code`. `at` names a key of the mapping, `offset` a character of the text.

    Message and hint are shown as they are, so they must not repeat what could be a secret.
    """
    context = {"code": code, "message": message, "hint": hint, "at": at, "offset": offset}
    return PydanticCustomError("voicetap", "{message}", context)


def as_text(value: Any, wanted: str) -> str:
    """`value` when it is text, else a fault that says what is `wanted`."""
    if isinstance(value, str):
        return value
    hint = "put it in quotes" if isinstance(value, int | float) else ""
    raise fault("VT011", f"should be {wanted}", hint)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def not_empty(value: tuple[str, ...]) -> tuple[str, ...]:
    """`value`, or a fault where a list has nothing in it."""
    if not value:
        raise fault("VT011", "should name at least one")
    return value


ENV_REFERENCE: Final = "env:[A-Za-z_][A-Za-z0-9_]*"
"""A regular expression for the name of an environment variable, where a value may be kept in one."""

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_NAMES: Final = Regex(_NAME)


def _name(value: Any) -> str:
    text = as_text(value, "a name")
    if not _NAMES.search(text):
        raise fault("VT011", "should be a name: 1 to 64 letters, digits, dots, dashes or underscores")
    return text


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME})]
"""The name of a provider, key, route or policy; never with a slash, so that `provider/model` can be split."""

Globs = Annotated[
    tuple[StrictStr, ...],
    BeforeValidator(_one_or_many),
    AfterValidator(not_empty),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
"""One glob or a list of them; at least one."""
