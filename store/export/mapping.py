"""A form as a table: for each of its fields, what of a finding stands there. The documentation lists the same tables."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from typing import NamedTuple

from store.lines import Row


class Field(NamedTuple):
    """One field of a form."""

    to: str
    """Its place: names with dots between; one that ends in [] is a list of one."""
    of: str
    """What it is made of, as the documentation says it."""
    take: Callable[[Row], Any]
    """None leaves the field out."""


def mapped(finding: Row, fields: Iterable[Field]) -> Row:
    """The form of a finding."""
    made: Row = {}
    for field in fields:
        value = field.take(finding)
        if value is not None:
            _put(made, field.to.split("."), value)
    return made


def same(to: str, name: str) -> Field:
    """A field of the finding as it is; `detail.x` is a member of its detail."""
    return Field(to, f"`{name}`", value_of(name))


def always(to: str, value: Any) -> Field:
    """The same in every record."""
    return Field(to, f"always `{value}`", lambda _: value)


def looked_up(to: str, name: str, table: Mapping[str, Any]) -> Field:
    """What a table has for the value of a field."""
    seen = value_of(name)
    return Field(to, f"`{name}`: {', '.join(f'{key} `{value}`' for key, value in table.items())}", lambda finding: table.get(seen(finding)))


def made(to: str, of: str, take: Callable[[Row], Any]) -> Field:
    """Anything else."""
    return Field(to, of, take)


def value_of(name: str) -> Callable[[Row], Any]:
    """Takes a field of a finding; `detail.x` is a member of its detail."""
    first, _, inner = name.partition(".")
    return (lambda finding: (finding.get(first) or {}).get(inner)) if inner else (lambda finding: finding.get(first))


def title(finding: Row) -> str:
    """A finding in a few words: what it is about, and what was done."""
    about = finding.get("policy") or (finding.get("detail") or {}).get("code")
    only_seen = " (monitor)" if finding.get("mode") == "monitor" else ""
    return f"{finding['kind']}{f' {about}' if about else ''}: {finding['action']}{only_seen}"


def message(finding: Row) -> str:
    """The same with the reason, where there is one."""
    reason = (finding.get("detail") or {}).get("reason")
    return f"{title(finding)}, {reason}" if reason else title(finding)


def is_alert(finding: Row) -> bool:
    """Whether somebody should look at it now."""
    return finding.get("severity") in ("high", "critical") or finding.get("action") == "alert"


def milliseconds(finding: Row) -> int:
    """Its time since 1970."""
    return round(datetime.fromisoformat(finding["at"]).timestamp() * 1000)


def _put(made: Row, way: list[str], value: Any) -> None:
    name, *rest = way
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not rest:
        made[name] = [value] if is_list else value
        return
    inner = made.setdefault(name, [{}] if is_list else {})
    _put(inner[0] if is_list else inner, rest, value)
