"""`export fixture`: recorded sessions as transcripts that `replay` holds again, or one as a script of the simulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from typing import Final

import typer

from cli.chosen import What
from cli.chosen import chosen
from cli.configured import configured
from cli.destination import Force
from cli.destination import Output
from cli.destination import destination
from cli.errors import Failure
from cli.fixture import Unrecorded
from cli.fixture import transcript
from cli.options import DATA
from cli.options import DataFolder
from cli.output import err
from cli.records import Record
from cli.records import readable
from cli.transcripts import MOST_CONVERSATIONS
from cli.transcripts import Unusable
from cli.transcripts import conversation
from cli.transcripts import script_of
from store.export.reading import Reading
from store.reader import LogReader

_KEEP: Final = "set log.content: redacted or full in the rules; sessions that begin after that are kept with their words"


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
    reading = Reading(LogReader(data), chosen(data, what or []))
    with readable(data):
        sessions = list(reading.sessions())
    if not sessions:
        raise Failure("VT103", f"no such session in {data}", "./run.sh sessions lists them")
    if len(sessions) > (1 if script else MOST_CONVERSATIONS):
        raise Failure("VT105", f"{len(sessions)} sessions, one makes a script, {MOST_CONVERSATIONS} a corpus", "name fewer")
    made = [_line(data, reading, session) for session in sessions]
    with destination(output, force=force) as file:
        file.writelines(_script(line) if script else f"{line}\n" for line in made)


def _line(data: Path, reading: Reading, session: Record) -> str:
    """JSON in ASCII, which was read back. Raises Failure VT102, VT105, VT110."""
    name = str(session["id"])
    with readable(data):
        turns, setup = reading.turns(session), configured(reading.frames(session), str(session.get("dialect")))
    try:
        line = json.dumps(transcript(session, turns, setup))
        conversation(line, name, name)
    except Unrecorded as error:
        raise Failure("VT110", f"session {name}: {error}", _KEEP) from None
    except Unusable as error:
        raise Failure("VT105", str(error), "this session is too long to be replayed") from None
    for note in _notes(turns, has_setup=setup is not None):
        err().print(f"{name}: {note}", style="dim", markup=False, highlight=False, soft_wrap=True)
    return line


def _notes(turns: list[Record], *, has_setup: bool) -> Iterator[str]:
    """What the session had and the transcript has not."""
    if not has_setup:
        yield "without instructions and tools, since its messages are not on record (log.frames)"
    if outside := sum(turn["out_of_band"] for turn in turns):
        yield f"without {outside} answers outside of the conversation"
    if cut := [str(turn["index"]) for turn in turns if turn["cut"]]:
        yield f"texts of turn {', '.join(cut)} are as short as log.text_limit cut them"


def _script(line: str) -> str:
    """The fields of a simulator's script that differ from a usual one."""
    made = script_of(conversation(line, "", ""))
    lines = [each if isinstance(each, str) else [asdict(call) for call in each] for each in made.lines]
    return json.dumps({"transcripts": made.transcripts, "lines": lines}, indent=2) + "\n"
