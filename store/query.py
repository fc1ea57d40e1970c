"""Which records a list shows, and in which order: conditions on a record, and one page over the days of the log."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain
from itertools import islice
from typing import Any
from typing import Final
from typing import Literal
from typing import Protocol
from typing import cast

from msgspec import to_builtins

from store.clock import stamp
from store.lines import Row

Order = Literal["asc", "desc"]
Status = Literal["live", "failed", "ended"]


class Fields(Protocol):
    """A record, or what is known of one."""

    def get(self, name: str, /) -> Any:
        """The value of a field, None where there is none."""


_CLEAN: Final = (1000, 1001, 1005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Conditions on a session, all of which must hold; None is no condition. Times are aware, `until` is exclusive; `globs` by field.

    `key` is the principal, `session_id` ours or the provider's, `model` any name the session's model has.
    """

    since: datetime | None = None
    until: datetime | None = None
    key: str | None = None
    provider: str | None = None
    model: str | None = None
    status: str | None = None
    session_id: str | None = None
    grouping: str | None = None
    globs: Mapping[str, str] = field(default_factory=dict)

    @property
    def everything(self) -> bool:
        """Whether every session is wanted."""
        return self == _ALL

    def day(self, day: str) -> bool:
        """Whether a session that started on `day` can be wanted."""
        return _day_between(day, self.since, self.until)

    def fits(self, record: Fields) -> bool:
        """Whether `record` is wanted."""
        return (
            between(str(record.get("started_at")), self.since, self.until)
            and _among(self.key, record, "principal")
            and _among(self.provider, record, "provider")
            and _among(self.model, record, "model", "upstream_model", "provider_model")
            and _among(self.session_id, record, "id", "provider_session")
            and _among(self.grouping, record, "grouping")
            and (self.status is None or self.status == status_of(record))
            and matching(record, self.globs)
        )


_ALL: Final = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Conditions on a record that happened at one moment, `at`; as `Wanted`, and `equal` has values by field, None for any."""

    since: datetime | None = None
    until: datetime | None = None
    equal: Mapping[str, str | None] = field(default_factory=dict)
    globs: Mapping[str, str] = field(default_factory=dict)

    def day(self, day: str) -> bool:
        """Whether a record of `day` can be wanted."""
        return _day_between(day, self.since, self.until)

    @property
    def everything(self) -> bool:
        """Whether every record is wanted."""
        return self.since is None and self.until is None and not self.globs and all(value is None for value in self.equal.values())

    def fits(self, record: Fields) -> bool:
        """Whether `record` is wanted."""
        return (
            between(str(record.get("at")), self.since, self.until)
            and all(_among(value, record, name) for name, value in self.equal.items())
            and fitting(record, self.globs)
        )


def _day_between(day: str, since: datetime | None, until: datetime | None) -> bool:
    late = until is not None and day > stamp(until)[:10]
    return not (late or (since is not None and day < stamp(since)[:10]))


def between(moment: str, since: datetime | None, until: datetime | None) -> bool:
    """Whether the time of a record is from `since` on and before `until`."""
    return (since is None or moment >= _stamped(since)) and (until is None or moment < _stamped(until))


_stamped = lru_cache(16)(stamp)


def _among(wanted: str | None, record: Fields, *names: str) -> bool:
    return wanted is None or any(record.get(name) == wanted for name in names)


def status_of(record: Fields) -> Status:
    """`live` until it ended; then `failed` after an error or an abnormal close, else `ended`."""
    if record.get("ended_at") is None:
        return "live"
    close = record.get("close") or {}
    return "failed" if record.get("error") or close.get("code") not in _CLEAN else "ended"


def matching(session: Fields, globs: Mapping[str, str]) -> bool:
    """Whether a session fits every glob; `status` is as `status_of` tells."""
    status = globs.get("status")
    if status is not None and not fnmatchcase(status_of(session), status):
        return False
    return fitting(session, {name: glob for name, glob in globs.items() if name != "status"})


def fitting(record: Fields, globs: Mapping[str, str]) -> bool:
    """The same for any record, whose fields are looked at as they are."""
    return all(fnmatchcase(str(record.get(field) or ""), glob) for field, glob in globs.items())


def has_text(value: Any, text: str) -> bool:
    """Whether any string in `value` has `text` in it; `text` is case-folded."""
    match value:
        case str():
            return text in value.casefold()
        case dict():
            return any(has_text(inner, text) for inner in value.values())
        case list():
            return any(has_text(inner, text) for inner in value)
    return False


def page(
    days: Iterable[str],
    of_day: Callable[[str], Iterable[Row]],
    *,
    limit: int | None,
    offset: int,
    order: Order,
    by: str = "started_at",
) -> list[Row]:
    """Copies of the records from `offset` on, at most `limit`, ordered by a moment; days that the page does not reach are not looked at."""

    def in_order(day: str) -> list[Row]:
        rows = sorted(of_day(day), key=lambda record: str(record.get(by)))
        return rows if order == "asc" else rows[::-1]

    rows = chain.from_iterable(map(in_order, sorted(days, reverse=order == "desc")))
    found = list(islice(rows, offset, None if limit is None else offset + limit))
    return cast(list[Row], to_builtins(found))
