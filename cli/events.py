"""`events`: the recorded messages of a session, one a line; those that follow each other and are alike are folded into one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from itertools import islice
from typing import Annotated
from typing import Final
from typing import cast

import typer
from rich.text import Text

from cli.completion import complete_session
from cli.errors import Failure
from cli.messages import recorded
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.plain import plain
from store.folding import Folded
from store.folding import folded
from store.framereader import Wanted
from store.frames import Direction
from store.frames import Event
from store.frames import Found
from store.frames import row

_SIDES: Final = ("client", "server")
_TEXT: Final = 100
"""Characters of a message that are shown."""
_STYLES: Final = {"dropped": "red", "changed": "yellow", "added": "magenta", "told": "magenta"}


def events(
    session: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_session, help="The session, or the start of its id.")],
    type: Annotated[str | None, typer.Option("--type", metavar="GLOB", help="Only messages of these types.")] = None,
    side: Annotated[
        str | None, typer.Option("--from", metavar="SIDE", help="client: towards the provider; server: towards the app.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most this many messages; 0 for all.")] = 0,
    offset: Annotated[int, typer.Option(min=0, help="Leave out this many.")] = 0,
    flat: Annotated[bool, typer.Option("--flat", help="Fold nothing.")] = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """List the recorded messages of a session (log.frames)."""
    if side not in (None, *_SIDES):
        raise Failure("VT105", f"there is no side {side!r}", f"choose one of {', '.join(_SIDES)}")
    record, frames = recorded(data, session)
    found = islice(frames.events(Wanted(cast(Direction | None, side), type), offset=offset), limit or None)
    if as_json:
        print_json({"session": record["id"], "recorded": record.get("events"), "events": [row(event) for event in found]})
        return
    for line in _lines(found, flat=flat):
        out().print(line, soft_wrap=True)
    if frames.unreadable:
        err().print(f"{frames.unreadable} part(s) of the file cannot be read and are left out", style="yellow", markup=False)


def _lines(events: Iterable[Event], *, flat: bool) -> Iterator[Text]:
    for one in folded(events, most=1 if flat else None):
        yield _line(one)


def _line(one: Folded) -> Text:
    event = one.first
    numbers = str(event.n) if one.count == 1 else f"{event.n}-{one.last.n}"
    arrow, style = ("→", "cyan") if event.from_ == "client" else ("←", "green")
    times = f" ×{one.count}" if one.count > 1 else ""
    words = f"  {plain(one.text, _TEXT)}" if one.text else ""
    return Text.assemble(
        (f"{numbers:>11} {event.at / 1e6:9.3f} s ", "dim"),
        (f"{arrow} ", style),
        (plain(event.type) or event.opcode, "bold"),
        f"{times}  {size(one.size)}",
        (f"  turn {event.turn}" if event.turn is not None else "", "dim"),
        (f"  {fate(event)}" if fate(event) else "", _STYLES.get(event.outcome, "yellow")),
        words,
    )


def fate(event: Event) -> str:
    """What became of a message, and why; nothing of one that passed unnoticed."""
    by = "" if event.by == "side" else f" by {'the proxy' if event.by == 'proxy' else 'a script'}"
    found = ", ".join(map(_found, event.findings))
    outcome = "" if event.outcome == "passed" else event.outcome + by
    lost = f"{event.lost} before it are lost" if event.lost else ""
    return ", ".join(filter(None, (outcome, plain(found), lost)))


def _found(finding: Found) -> str:
    watched = "" if finding.applied else " (watched)"
    return f"{finding.policy or finding.kind}: {finding.action}{watched}{f' ({finding.why})' if finding.why else ''}"


def size(count: int) -> str:
    """Bytes, or KiB where there are many."""
    return f"{count} B" if count < 10_000 else f"{count / 1024:.0f} KiB"
