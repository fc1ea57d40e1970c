"""Lines of a corpus, and scripts of the simulator, made of sessions of the log and told of where something is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from cli.configured import configured
from cli.errors import Failure
from cli.fixture import Unrecorded
from cli.fixture import transcript
from cli.output import err
from cli.records import Record
from cli.records import readable
from cli.transcripts import MOST_CONVERSATIONS
from cli.transcripts import Unusable
from cli.transcripts import conversation
from cli.transcripts import script_of
from store.export.reading import Reading

__all__ = ["MOST_CONVERSATIONS", "line", "script"]

_KEEP: Final = "set log.content: redacted or full in the rules; sessions that begin after that are kept with their words"


def line(data: Path, reading: Reading, session: Record) -> str:
    """A session as a line of a corpus: JSON in ASCII, which was read back. Raises Failure VT102, VT105, VT110."""
    name = str(session["id"])
    with readable(data):
        turns, setup = reading.turns(session), configured(reading.frames(session), str(session.get("dialect")))
    try:
        made = json.dumps(transcript(session, turns, setup))
        conversation(made, name, name)
    except Unrecorded as error:
        raise Failure("VT110", f"session {name}: {error}", _KEEP) from None
    except Unusable as error:
        raise Failure("VT105", str(error), "this session is too long to be replayed") from None
    for note in _notes(turns, has_setup=setup is not None):
        err().print(f"{name}: {note}", style="dim", markup=False, highlight=False, soft_wrap=True)
    return made


def _notes(turns: list[Record], *, has_setup: bool) -> Iterator[str]:
    """What the session had and the transcript has not."""
    if not has_setup:
        yield "without instructions and tools, since its messages are not on record (log.frames)"
    if outside := sum(turn["out_of_band"] for turn in turns):
        yield f"without {outside} answers outside of the conversation"
    if cut := [str(turn["index"]) for turn in turns if turn["cut"]]:
        yield f"texts of turn {', '.join(cut)} are as short as log.text_limit cut them"


def script(transcribed: str) -> str:
    """The fields of a simulator's script that differ from a usual one."""
    made = script_of(conversation(transcribed, "", ""))
    lines = [each if isinstance(each, str) else [asdict(call) for call in each] for each in made.lines]
    return json.dumps({"transcripts": made.transcripts, "lines": lines}, indent=2) + "\n"
