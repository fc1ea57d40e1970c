"""Which sessions an export is about, as its words say: ids or their beginnings, or what `sessions` takes: conditions and words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import Final

import typer

from cli.completion import complete_session
from cli.errors import Failure
from cli.options import WORDS
from cli.records import filter_of
from cli.records import find_session
from store.export.reading import Chosen
from store.filters import SESSION

ID: Final = "ses_"
"""How the id of a session begins, and no word that is looked for."""

What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WHAT]...",
        autocompletion=complete_session,
        help=f"Sessions by their ids (ses_…), or by conditions: {', '.join(SESSION)}, which take globs; since and until, a time or how "
        f"long ago. {WORDS}",
    ),
]


def chosen(data: Path, words: list[str]) -> Chosen:
    """All sessions where nothing is said. Raises Failure VT103, VT105, VT102."""
    named = [word for word in words if word.startswith(ID)]
    if named and len(named) < len(words):
        raise Failure("VT105", "ids and conditions cannot both be", "name sessions, or give conditions and words")
    if named:
        return Chosen(tuple(dict.fromkeys(str(find_session(data, word)["id"]) for word in named)))
    return Chosen(filter=filter_of(words))
