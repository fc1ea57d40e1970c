"""The filters and the paging of the lists: parsed strictly, each refusal with its exact reason."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Any
from typing import Final
from typing import cast
from typing import get_args

from store.export.native import Action
from store.export.native import Kind
from store.export.native import Mode
from store.export.native import Severity
from store.filters import BadFilter
from store.filters import Filter
from store.filters import parsed
from store.frames import Direction
from store.query import Order
from store.query import Status
from web.answers import Refused
from web.paging import Page as Page

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 50
_PAGED: Final = ("limit", "offset", "order")
TURN_STATUSES: Final = ("completed", "cancelled", "incomplete", "failed", "interrupted")


def page(given: Mapping[str, str], order: Order) -> Page:
    """The part asked for; `order` where it does not say. Raises Refused 400."""
    wanted = given.get("order", order)
    if wanted not in get_args(Order):
        raise Refused(400, f"order is asc or desc, not {wanted[:40]!r}", param="order")
    limit = _whole(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    return Page(limit, _whole(given, "offset", 0, 0, None), cast(Order, wanted))


def session_filters(given: Mapping[str, str]) -> dict[str, Any]:
    """Conditions for `LogReader.sessions`. A grouping id wins over a session id. Raises Refused 400."""
    known(given, (*_SESSION, "parent_request_id", *_PAGED))
    return _with_grouping(given, _SESSION)


def _with_grouping(given: Mapping[str, str], filters: Mapping[str, Callable[[str, str], Any]]) -> dict[str, Any]:
    made = {name: read(name, given[name]) for name, read in filters.items() if name in given}
    if "parent_request_id" in given:
        made["grouping"] = given["parent_request_id"]
        made.pop("session_id", None)
    return made


def turn_filters(given: Mapping[str, str]) -> dict[str, Any]:
    """Conditions on turns. Raises Refused 400."""
    known(given, (*_TURN, *_PAGED))
    return {name: read(name, given[name]) for name, read in _TURN.items() if name in given}


def log_filters(given: Mapping[str, str]) -> dict[str, Any]:
    """Conditions on turns of all sessions, and on their sessions. A grouping id wins over a session id. Raises Refused 400."""
    known(given, (*_SESSION, "parent_request_id", *_PAGED))
    return _with_grouping(given, {**_SESSION, **_TURN})


def finding_filters(given: Mapping[str, str]) -> dict[str, Any]:
    """Conditions for `LogReader.findings`. Raises Refused 400."""
    known(given, (*_FINDING, *_PAGED))
    return {name: read(name, given[name]) for name, read in _FINDING.items() if name in given}


def event_filters(given: Mapping[str, str]) -> dict[str, Any]:
    """Conditions for `Wanted` of recorded messages. Raises Refused 400."""
    known(given, (*_EVENT, *_PAGED))
    return {field: read(name, given[name]) for name, (field, read) in _EVENT.items() if name in given}


def filtered(given: Mapping[str, str], names: Mapping[str, str]) -> Filter:
    """What `q` says, which is one line of conditions and words; `names` as for `parsed`. Raises Refused 400."""
    try:
        return parsed(given.get("q", ""), names, datetime.now(UTC))
    except BadFilter as error:
        raise Refused(400, f"{error}; {error.hint}", param="q") from None


def known(given: Mapping[str, str], filters: Collection[str]) -> None:
    """A misspelt filter must not read as no filter. Raises Refused 400."""
    names = (*filters, "token")
    for name in given:
        if name not in names:
            raise Refused(400, f"unknown parameter {name[:40]!r}; known: {', '.join(names)}", param=name[:40])


def _text(name: str, value: str) -> str:
    return value


def _one_of(allowed: tuple[str, ...]) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in allowed:
            raise Refused(400, f"{name} is one of {', '.join(allowed)}, not {value[:40]!r}", param=name)
        return value

    return read


def _moment(name: str, value: str) -> datetime:
    try:
        seconds = value.isascii() and value.replace(".", "", 1).isdigit()
        moment = datetime.fromtimestamp(float(value), UTC) if seconds else datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        moment = datetime.min
    if moment.tzinfo is None:
        raise Refused(400, f"{name} is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not {value[:40]!r}", param=name)
    return moment


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


_SESSION: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "session_id": _text,
    "key": _text,
    "provider": _text,
    "model": _text,
    "status": _one_of(get_args(Status)),
    "since": _moment,
    "until": _moment,
    "text": _text,
}
_FINDING: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "session_id": _text,
    "key": _text,
    "provider": _text,
    "model": _text,
    "route": _text,
    "kind": _one_of(get_args(Kind)),
    "policy": _text,
    "action": _one_of(get_args(Action)),
    "mode": _one_of(get_args(Mode)),
    "severity": _one_of(get_args(Severity)),
    "since": _moment,
    "until": _moment,
}
_TURN: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "status": _one_of(TURN_STATUSES),
    "since": _moment,
    "until": _moment,
    "text": _text,
}
_EVENT: Final[Mapping[str, tuple[str, Callable[[str, str], Any]]]] = {
    "from": ("direction", _one_of(get_args(Direction))),
    "type": ("type", _text),
}
"""With the names of `Wanted`."""
