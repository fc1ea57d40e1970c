"""The filters and the paging of the lists: parsed strictly, each refusal with its exact reason."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from typing import Final

from web.answers import Refused

Record = Mapping[str, Any]

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: `order` is by time, `desc` has the newest first."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    order: str = "desc"

    def of(self, oldest_first: Sequence[Record]) -> list[Record]:
        """This part of a list that stands in order of time."""
        ordered = oldest_first if self.order == "asc" else list(reversed(oldest_first))
        return list(ordered[self.offset : self.offset + self.limit])


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; `fits` takes the record."""

    name: str
    value: str
    fits: Callable[[Record], bool]


def _glob(*fields: str) -> Callable[[str, str], Callable[[Record], bool]]:
    def made(name: str, value: str) -> Callable[[Record], bool]:
        return lambda record: any(fnmatchcase(str(found), value) for field in fields if (found := record.get(field)) is not None)

    return made


def _since(name: str, value: str) -> Callable[[Record], bool]:
    moment = _moment(name, value)
    return lambda record: _started(record) >= moment


def _until(name: str, value: str) -> Callable[[Record], bool]:
    moment = _moment(name, value)
    return lambda record: _started(record) <= moment


def _text(name: str, value: str) -> Callable[[Record], bool]:
    wanted = value.casefold()
    return lambda record: any(wanted in text.casefold() for text in _texts(record))


def _status(name: str, value: str) -> Callable[[Record], bool]:
    return lambda record: status_of(record) == value


FILTERS: Final[Mapping[str, Callable[[str, str], Callable[[Record], bool]]]] = {
    "session_id": _glob("session", "id"),
    "parent_request_id": _glob("grouping"),
    "key": _glob("principal"),
    "provider": _glob("provider"),
    "model": _glob("model"),
    "route": _glob("route"),
    "transport": _glob("transport"),
    "status": _status,
    "since": _since,
    "until": _until,
    "text": _text,
}
"""Every filter by its name; values of the names are globs, times are ISO 8601 with their zone or seconds since 1970."""


def filters(given: Iterable[tuple[str, str]]) -> list[Filter]:
    """The conditions asked for. A grouping id wins over a session id. Raises Refused 400."""
    made = {name: Filter(name, value, FILTERS[name](name, value)) for name, value in given if name in FILTERS}
    if "parent_request_id" in made:
        made.pop("session_id", None)
    return [*made.values()]


def page(given: Mapping[str, str]) -> Page:
    """The part asked for. Raises Refused 400."""
    order = given.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Refused(400, f"order is asc or desc, not {order[:40]!r}", param="order")
    return Page(_whole(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT), _whole(given, "offset", 0, 0, None), order)


def unknown(given: Iterable[str], also: Iterable[str] = ()) -> None:
    """Raises Refused 400 for a parameter that means nothing here, so that a misspelt filter does not read as no filter."""
    known = [*FILTERS, *also]
    for name in given:
        if name not in known:
            raise Refused(400, f"unknown parameter {name[:40]!r}; known: {', '.join(known)}", param=name[:40])


def status_of(record: Record) -> str:
    """A turn's own status; of a session `open` or `closed`."""
    return str(record.get("status") or ("open" if record.get("ended_at") is None else "closed"))


def _whole(given: Mapping[str, str], name: str, default: int, least: int, most: int | None) -> int:
    text = given.get(name)
    if text is None:
        return default
    allowed = f"{least} to {most}" if most is not None else f"{least} or more"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Refused(400, f"{name} is a whole number, {allowed}, not {text[:40]!r}", param=name)
    value = int(text)
    if value < least or (most is not None and value > most):
        raise Refused(400, f"{name} is {allowed}, not {value}", param=name)
    return value


def _moment(name: str, value: str) -> datetime:
    try:
        if value.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(value), UTC)
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        moment = datetime.min
    if moment.tzinfo is None:
        raise Refused(400, f"{name} is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not {value[:40]!r}", param=name)
    return moment


def _started(record: Record) -> datetime:
    return datetime.fromisoformat(str(record["started_at"]))


def _texts(record: Record) -> list[str]:
    return [value for value in record.values() if isinstance(value, str)]
