"""`export fixture`: recorded sessions as transcripts that `replay` holds again, or one as a script of the simulator."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.chosen import What
from cli.chosen import chosen
from cli.destination import Force
from cli.destination import Output
from cli.destination import destination
from cli.errors import Failure
from cli.options import DATA
from cli.options import DataFolder
from cli.records import readable
from store.export.reading import Reading
from store.reader import LogReader


def fixture(
    what: What = None,
    output: Output = None,
    script: Annotated[
        bool, typer.Option("--script", help="Write one session as a script of the simulator: simulator --script FILE.")
    ] = False,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Write sessions as transcripts, one a line, which `replay` holds again: fixtures for tests (docs/testing.md)."""
    from cli import fixturing  # the simulator takes a while to import

    reading = Reading(LogReader(data), chosen(data, what or []))
    with readable(data):
        sessions = list(reading.sessions())
    if not sessions:
        raise Failure("VT103", f"no such session in {data}", "./run.sh sessions lists them")
    if len(sessions) > (most := 1 if script else fixturing.MOST_CONVERSATIONS):
        raise Failure("VT105", f"{len(sessions)} sessions, at most {most} can be written so", "name fewer")
    made = [fixturing.line(data, reading, session) for session in sessions]
    with destination(output, force=force) as file:
        file.writelines(fixturing.script(line) if script else f"{line}\n" for line in made)
