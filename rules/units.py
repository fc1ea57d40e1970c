"""Sizes, durations and rates as they are written: always with their unit, read into bytes, seconds and counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from typing import Any
from typing import Final

from pydantic import BeforeValidator
from pydantic import WithJsonSchema
from pydantic_core import PydanticCustomError

from rules.section import fault

_BYTES: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PERIODS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_SIZE: Final = "^[0-9]{1,12}(B|KB|MB|GB|KiB|MiB|GiB)$"
_DURATION: Final = r"^([0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d|w))+$"
_RATE: Final = "^[0-9]{1,9}/(s|m|h|d)$"
_PART: Final = re.compile(r"([0-9.]+)(ms|[smhdw])")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` in any `seconds`."""

    count: int
    seconds: float


def parse_size(value: Any) -> int:
    """`16MiB` -> bytes. Raises a fault for anything without a unit."""
    text = _written(value, _SIZE, "a size with its unit", "16MiB", "MiB")
    number = text.rstrip("BKMGi")
    return _above_zero(int(number) * _BYTES[text[len(number) :]])


def parse_duration(value: Any) -> float:
    """`15m`, `1h30m`, `250ms` -> seconds. Raises a fault for anything without a unit."""
    text = _written(value, _DURATION, "a duration with its unit", "15m", "s")
    return _above_zero(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def parse_rate(value: Any) -> Rate:
    """`10/m` -> 10 in 60 seconds. Raises a fault for anything without a period."""
    count, _, period = _written(value, _RATE, "a rate with its period", "10/m", "/m").partition("/")
    return Rate(_above_zero(int(count)), _PERIODS[period])


def _written(value: Any, pattern: str, what: str, example: str, unit: str) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and re.fullmatch(pattern, text):
        return text
    raise _no_unit(text, what, example, unit)


def _no_unit(text: Any, what: str, example: str, unit: str) -> PydanticCustomError:
    bare = isinstance(text, str) and _NUMBER.fullmatch(text)
    return fault("VT011", f"should be {what}, such as {example}", f"did you mean {text}{unit}?" if bare else "")


def _above_zero[Number: (int, float)](value: Number) -> Number:
    if value <= 0:
        raise fault("VT011", "should be more than zero")
    return value


Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": "string", "pattern": _SIZE, "examples": ["16MiB"]})]
"""Bytes; written with B, KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024)."""

Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["15m"]})]
"""Seconds; written with ms, s, m, h, d, w, which may be put together: 1h30m."""

Limit = Annotated[Rate, BeforeValidator(parse_rate), WithJsonSchema({"type": "string", "pattern": _RATE, "examples": ["10/m"]})]
"""How many in which time; written as a count per s, m, h or d."""
