"""`export har` and `export html`: sessions for the tools of a browser, and for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from cli.chosen import What
from cli.chosen import chosen
from cli.completion import complete_session
from cli.destination import Force
from cli.destination import Output
from cli.destination import destination
from cli.exportsound import sound_for_page
from cli.options import DATA
from cli.options import DataFolder
from cli.output import err
from cli.output import progress
from cli.records import find_session
from cli.records import readable
from store.export.har import har as pieces
from store.export.reading import Chosen
from store.export.reading import Reading
from store.frames import Event
from store.lines import Row
from store.reader import LogReader

WithAudio = Annotated[bool, typer.Option("--with-audio", help="Put in the sound that was recorded.")]
_TOLD_EVERY = 500


def har(
    what: What = None,
    output: Output = None,
    with_audio: WithAudio = False,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Write recorded messages (log.frames) as an HTTP archive that Chrome's DevTools open."""
    reading = Reading(LogReader(data), chosen(data, what or []))
    silent: list[str] = []

    def messages(session: Row) -> Iterator[Event]:
        frames = reading.frames(session)
        if not frames.readable:
            silent.append(str(session["id"]))
        return _counted(bar, frames.events())

    with progress("exporting") as bar, destination(output, force=force) as file:
        for piece in _read(data, pieces(reading.sessions(), messages, sound=with_audio)):
            file.write(piece)
    if silent:
        what_for = "no messages are on record" if len(silent) == 1 else f"no messages are on record of {len(silent)} sessions"
        err().print(
            f"{what_for}: {', '.join(silent[:5])}; log.frames keeps those of sessions that begin later", markup=False, soft_wrap=True
        )


def html(
    session: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_session, help="The session, or the start of its id.")],
    output: Output = None,
    with_audio: WithAudio = False,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Write a report of one session: a page in one file, to be read, printed and passed on."""
    from web.report import report  # templates take their time

    record = find_session(data, session)
    reading = Reading(LogReader(data), Chosen((str(record["id"]),)))
    with ExitStack() as stack:
        sound = stack.enter_context(sound_for_page(data, record)) if with_audio else None
        with readable(data):
            turns, findings = reading.turns(record), reading.findings(record)
        stack.enter_context(progress("exporting"))
        stack.enter_context(destination(output, force=force)).writelines(report(record, turns, findings, datetime.now(UTC), sound))


def _counted(bar: Progress, events: Iterator[Event]) -> Iterator[Event]:
    for number, event in enumerate(events):
        if number % _TOLD_EVERY == 0:
            bar.update(bar.task_ids[0], description=f"exporting messages: {number:,}")
        yield event


def _read[T](data: Path, found: Iterator[T]) -> Iterator[T]:
    """What comes of the log. Raises Failure VT102."""
    with readable(data):
        yield from found
