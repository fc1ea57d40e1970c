"""`assert`: conditions on recorded sessions for CI. Each is looked at and told with what was seen; the exit code says whether all hold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Final

import typer
from pydantic_core import PydanticCustomError
from rich.text import Text

from cli.assertions import ALLOWED
from cli.assertions import Check
from cli.assertions import parsed
from cli.chosen import ID
from cli.completion import complete_session
from cli.errors import FAILED
from cli.errors import Failure
from cli.facts import Facts
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import out
from cli.output import print_json
from cli.plain import plain
from cli.records import Record
from cli.records import find_session
from cli.records import readable
from rules.units import parse_duration
from store import filters
from store.export.reading import Chosen
from store.export.reading import Reading
from store.filters import SESSION
from store.filters import BadFilter
from store.reader import LogReader

_PAUSE: Final = 0.1


def assert_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            autocompletion=complete_session,
            help=f"A session by its id, or in one word all that fit: 'key=ci* since=10m', with {', '.join(SESSION)}, times, and words.",
        ),
    ],
    condition: Annotated[list[str], typer.Argument(metavar="CONDITION...", help=f"What must be true of each, quoted: {ALLOWED}.")],
    wait: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Wait so long (10s) until there is such a session and all of them have ended.")
    ] = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Check recorded sessions. Exits with 1 when a condition does not hold for one of them, with 2 when one cannot be read."""
    checks = {text: _check(text) for text in condition}
    found = _sessions(data, what, _seconds(wait))
    if not found:
        raise Failure("VT103", f"no session fits {what!r} in {data}", "./run.sh sessions lists them")
    told = [_told(facts, checks) for facts in found]
    held = all(one["held"] for one in told)
    if as_json:
        print_json({"held": held, "sessions": told})
    else:
        for one in told:
            _show(one)
    if not held:
        raise typer.Exit(FAILED)


def _check(text: str) -> Check:
    try:
        return parsed(text)
    except BadFilter as error:
        raise Failure("VT105", str(error), error.hint) from None


def _seconds(wait: str | None) -> float:
    try:
        return 0.0 if wait is None else parse_duration(wait)
    except PydanticCustomError as error:
        raise Failure("VT105", f"--wait {wait!r} {error.message()}", "write it as 10s") from None


def _sessions(data: Path, what: str, seconds: float) -> list[Facts]:
    """What is on record of those that are meant, once all have ended or it was waited long enough. Raises Failure VT102, VT103, VT105."""
    until = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= until
        found = _chosen(data, what, late=late)
        if late or (found and all(facts.session["ended_at"] for facts in found)):
            return found
        time.sleep(_PAUSE)


def _chosen(data: Path, what: str, *, late: bool) -> list[Facts]:
    chosen = _one(data, what, late=late) if what.startswith(ID) else Chosen(filter=_filter(what))
    if chosen is None:
        return []
    reading = Reading(LogReader(data), chosen)
    with readable(data):
        return [Facts(session, reading.turns(session), reading.findings(session)) for session in reading.sessions()]


def _one(data: Path, what: str, *, late: bool) -> Chosen | None:
    """The session of an id; None where it may still come."""
    try:
        return Chosen((str(find_session(data, what)["id"]),))
    except Failure as failure:
        if late or failure.code != "VT103":
            raise
        return None


def _filter(what: str) -> filters.Filter:
    try:
        return filters.parsed(what, SESSION, datetime.now(UTC))
    except BadFilter as error:
        raise Failure("VT105", str(error), error.hint) from None


def _told(facts: Facts, checks: Mapping[str, Check]) -> Record:
    """What becomes of each condition."""
    rows: list[dict[str, Any]] = [{"condition": text, **check(facts)._asdict()} for text, check in checks.items()]
    live = facts.session["ended_at"] is None
    return {"session": facts.session["id"], "live": live, "held": all(row["held"] for row in rows), "conditions": rows}


def _show(told: Record) -> None:
    out().print(Text.assemble((plain(told["session"]), "bold"), "  (has not ended)" if told["live"] else ""), soft_wrap=True)
    for row in told["conditions"]:
        mark, style = ("✓", "green") if row["held"] else ("✗", "bold red")
        out().print(Text.assemble((f"  {mark} ", style), plain(row["condition"]), (f", saw {plain(row['seen'])}", "dim")), soft_wrap=True)
