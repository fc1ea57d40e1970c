"""The subset of JSONPath that rules may use: compiled once, read without surprises, at most linear in the event.

`$` the event, `.name` or `['name']` a member, `[2]` an element (`[-1]` the last), `[*]` or `.*` every element or
member, `..name` that member at any depth (once a path). Filters, slices and scripts are not part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from typing import Final


class PathError(ValueError):
    """Not a path of the subset; `position` is the 0-based character at which reading stopped."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position


Keys = tuple[str | int, ...]
"""Where a value stands: object keys and array indices from the root."""

Found = tuple[Keys, Any]
"""A value and where it stands."""


@dataclass(frozen=True, slots=True)
class Member:
    """`.name`: one member of an object."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}" if _PLAIN.fullmatch(self.name) else f"[{self.name!r}]"

    def of(self, value: Any) -> Iterable[Found]:
        return (((self.name,), value[self.name]),) if isinstance(value, dict) and self.name in value else ()


@dataclass(frozen=True, slots=True)
class Element:
    """`[0]`: one element of an array, from the end where negative."""

    index: int

    def __str__(self) -> str:
        return f"[{self.index}]"

    def of(self, value: Any) -> Iterable[Found]:
        if isinstance(value, list) and -len(value) <= self.index < len(value):
            return (((self.index % len(value),), value[self.index]),)
        return ()


@dataclass(frozen=True, slots=True)
class Every:
    """`[*]`: each member or element."""

    def __str__(self) -> str:
        return "[*]"

    def of(self, value: Any) -> Iterable[Found]:
        return (((key,), inner) for key, inner in children(value))


@dataclass(frozen=True, slots=True)
class Anywhere:
    """`..name`: members of that name at any depth."""

    name: str

    def __str__(self) -> str:
        return f"..{self.name}"

    def of(self, value: Any) -> Iterable[Found]:
        holders = ((keys, inner) for keys, inner in descend(value) if isinstance(inner, dict) and self.name in inner)
        return [((*keys, self.name), inner[self.name]) for keys, inner in holders]


Step = Member | Element | Every | Anywhere
Path = tuple[Step, ...]

_MAX: Final = 256
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*")
_STEP: Final = re.compile(
    r"\.\.(?P<anywhere>[A-Za-z_][\w-]*)"
    r"|\.(?P<member>[A-Za-z_][\w-]*)"
    r"|\['(?P<quoted>[^'\]]+)'\]"
    r"|\[(?P<element>-?\d{1,9})\]"
    r"|(?P<every>\.\*|\[\*\])"
)
_MAKE: Final[dict[str, Callable[[str], Step]]] = {
    "anywhere": Anywhere,
    "member": Member,
    "quoted": Member,
    "element": lambda index: Element(int(index)),
    "every": lambda _: Every(),
}


@lru_cache(maxsize=1024)
def compile_path(text: str) -> Path:
    """The steps of `text`, one object for one text. Raises PathError with the position of what is not understood."""
    if not text.startswith("$"):
        raise PathError("a path starts with $", 0)
    if len(text) > _MAX:
        raise PathError(f"a path has at most {_MAX} characters", _MAX)
    steps: list[Step] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None or found.lastgroup is None:
            raise PathError("expected .name, ['name'], [0], [*] or ..name", position)
        if found.lastgroup == "anywhere" and any(isinstance(step, Anywhere) for step in steps):
            raise PathError("`..` may stand once in a path", position)
        steps.append(_MAKE[found.lastgroup](found[found.lastgroup]))
        position = found.end()
    return tuple(steps)


def read(path: Path, event: Any) -> list[Any]:
    """Every value of `event` that `path` names, in document order; none where a step finds nothing."""
    return [value for _, value in locate(path, event)]


def locate(path: Path, event: Any) -> list[Found]:
    """The same, each value with the place where it stands."""
    values: list[Found] = [((), event)]
    for step in path:
        values = [((*keys, *inner), value) for keys, outer in values for inner, value in step.of(outer)]
    return values


def value_at(event: Any, keys: Keys) -> Any:
    """What stands at a place. Raises LookupError or TypeError where there is no such place."""
    for key in keys:
        event = event[key]
    return event


def written(keys: Keys) -> str:
    """A place as a path of the subset, as far as its keys can be written in one: `$.item.content[0].text`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" if _PLAIN.fullmatch(key) else f"[{key!r}]" for key in keys)


def spelled(path: Path) -> str:
    """A compiled path in writing."""
    return "$" + "".join(map(str, path))


def children(value: Any) -> Iterable[tuple[str | int, Any]]:
    """The members of an object or the elements of an array with their keys; nothing of anything else."""
    match value:
        case dict():
            return value.items()
        case list():
            return enumerate(value)
    return ()


def descend(value: Any) -> Iterator[Found]:
    """`value` and everything inside it with its place, outer before inner, in document order."""
    waiting: list[Found] = [((), value)]
    while waiting:
        keys, value = waiting.pop()
        yield keys, value
        if isinstance(value, dict | list):
            waiting.extend([((*keys, key), inner) for key, inner in reversed(tuple(children(value)))])
