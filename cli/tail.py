"""`tail`: one line for each session that opens or closes, each turn that ends and each finding, as the log gets them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Annotated
from typing import Any
from typing import Final

import typer
from rich.text import Text

from cli.events import size
from cli.follow import KNOWN
from cli.follow import Event
from cli.follow import Follower
from cli.follow import fits
from cli.options import DATA
from cli.options import DataFolder
from cli.output import out
from cli.plain import plain
from cli.records import filter_of
from store.cells import cost
from store.cells import duration
from store.cells import ending
from store.cells import found
from store.cells import latency
from store.cells import moment

_POLL_SECONDS: Final = 0.25
_WORDS: Final = 40


def tail(
    condition: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT]...",
            help="Conditions on the session, as for `sessions`; since and until, of what happened; "
            "kind (open, turn, close, message, finding, or a kind of finding), policy, severity, type (of a message). "
            "Other words are looked for in what happened.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of what happened before to show.")] = 10,
    messages: Annotated[
        bool, typer.Option("--messages", "-m", help="Show recorded messages (log.frames) too, pieces of one thing in one line.")
    ] = False,
    data: DataFolder = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show the last events of the log, and with --follow the new ones."""
    wanted = filter_of(condition or [], KNOWN)
    follower = Follower(data, messages=messages)
    before = [event for event in follower.events() if fits(event, wanted)]
    for event in before[len(before) - min(lines, len(before)) :]:
        _print(event, as_json)
    try:
        for event in _new(follower) if follow else ():
            if fits(event, wanted):
                _print(event, as_json)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _new(follower: Follower) -> Iterator[Event]:
    while True:
        yield from follower.events()
        time.sleep(_POLL_SECONDS)


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        made = {"at": event.at, "event": event.kind, "session": event.session["id"], "record": event.record}
        sys.stdout.write(json.dumps(made, default=str) + "\n")
    else:
        out().print(_line(event), soft_wrap=True)
    sys.stdout.flush()


def _line(event: Event) -> Text:
    head = f"{moment(event.at).astimezone():%H:%M:%S}  {plain(event.session['id'] or '-')}  "
    describe, style = _DESCRIBED[event.kind]
    return Text.assemble((head, "dim"), (f"{event.kind:<7}  ", style), plain(describe(event.record)))


def _opened(record: dict[str, Any]) -> str:
    return (
        f"{record['principal']} → {record['provider']}/{record['model'] or '?'} by {record['transport']}, route {record['route'] or 'none'}"
    )


def _turn(record: dict[str, Any]) -> str:
    words = plain(record.get("output") or record.get("input") or "", _WORDS)
    tools = ", ".join(call["name"] for call in record["tool_calls"])
    parts = (
        f"{record['index']} {record['status']}",
        f"first audio {latency(record['clocks'].get('first_audio'))}",
        f"tools {tools}" if tools else "",
        cost(record["cost"]),
        f"“{words}”" if words else "",
    )
    return ", ".join(part for part in parts if part)


def _closed(record: dict[str, Any]) -> str:
    totals = f"{record['turns']} turns, {record['usage']['total_tokens']} tokens, {cost(record['cost'])}"
    return f"{ending(record)}, after {duration(record)}, {totals}"


def _found(record: dict[str, Any]) -> str:
    who = record["principal"] or "nobody known"
    return f"{record['severity']} {record['kind']} {record['action']}, {who}: {found(record)}"


def _message(record: dict[str, Any]) -> str:
    arrow, times = "→" if record["from"] == "client" else "←", f" ×{record['count']}" if record["count"] > 1 else ""
    parts = (
        f"{arrow} {record['type'] or 'bytes'}{times}",
        size(record["size"]),
        f"turn {record['turn']}" if record["turn"] is not None else "",
        record["outcome"] if record["outcome"] != "passed" else "",
        f"“{plain(record['text'], _WORDS)}”" if record["text"] else "",
    )
    return ", ".join(part for part in parts if part)


_DESCRIBED: Final = {
    "open": (_opened, "green"),
    "turn": (_turn, "cyan"),
    "close": (_closed, "magenta"),
    "finding": (_found, "yellow"),
    "message": (_message, "dim"),
}
