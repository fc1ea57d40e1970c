"""`top`: sessions as they happen, on the whole screen of a terminal, or once as a table or as JSON."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from typing import Final

import typer
from rich.live import Live

from cli.errors import Failure
from cli.kill import kill_session
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import out
from cli.output import print_json
from cli.topfeed import Feed
from cli.topfeed import Source
from cli.toplist import Sort
from cli.toplist import ordered
from cli.toplist import table
from cli.toplist import totals
from cli.topscreen import Act
from cli.topscreen import Screen

_PAST: Final = 100


def top(
    condition: Annotated[
        list[str] | None, typer.Argument(metavar="[WHAT]...", help="Conditions on the session, and words, as for `sessions`.")
    ] = None,
    sort: Annotated[Sort, typer.Option(help="What it is ordered by, after those that run.")] = Sort.AGE,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most this many sessions that do not run, the newest.")] = _PAST,
    once: Annotated[bool, typer.Option("--once", help="Print one table and end, as where there is no terminal.")] = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Watch sessions, running ones first, with the day's figures (UTC): q quits, Enter shows a session, x ends it, s sorts.

    Asks the proxy that serves the data folder, or reads the log where none does.
    """
    source = Source(data, condition or [], limit)
    if as_json:
        view = source.read()
        print_json({"sessions": ordered(view.sessions, sort), "totals": view.totals})
    elif once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        view = source.read()
        out().print(table(ordered(view.sessions, sort), sort), soft_wrap=not sys.stdout.isatty())
        out().print(totals(view.totals), soft_wrap=True)
    else:
        _watch(source, Screen(sort), data)


def _watch(source: Source, screen: Screen, data: Path) -> None:
    from cli.terminal import keys  # there is none on every system

    console = out()
    with suppress(KeyboardInterrupt, EOFError), keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        feed = Feed(source, pressed.wake)
        while True:
            if feed.view is not None:
                screen.update(feed.view)
            live.update(screen.render(*console.size), refresh=True)
            acts = [act for key in pressed.wait() if (act := screen.press(key)) is not None]
            if any(act.kind == "quit" for act in acts):
                return
            for act in acts:
                _do(act, screen, feed, data)


def _do(act: Act, screen: Screen, feed: Feed, data: Path) -> None:
    if act.kind == "show":
        feed.show(act.session)
    elif act.session is not None:
        screen.message = _ended(act.session, data)
        feed.again()


def _ended(session: str, data: Path) -> str:
    try:
        return f"ended {kill_session(data, session)}"
    except Failure as failure:
        return failure.message
