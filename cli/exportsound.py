"""`export wav`, and the sound of a session for a page: copies of what was recorded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from typing import BinaryIO
from typing import Final

import typer

from cli.chosen import What
from cli.chosen import chosen
from cli.destination import Force
from cli.destination import new_file
from cli.destination import unwritable
from cli.errors import Failure
from cli.options import DATA
from cli.options import DataFolder
from cli.output import err
from cli.output import out
from cli.output import progress
from cli.records import readable
from store.export.reading import Reading
from store.export.sound import NoSound
from store.export.sound import names
from store.export.sound import opened
from store.files import make_folder
from store.lines import Row
from store.reader import LogReader
from store.soundfolder import STEREO

MOST_IN_A_PAGE: Final = 64 << 20
"""Bytes of sound that a page may carry; browsers keep it in memory twice."""


def wav(
    what: What = None,
    folder: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Make the sessions' folders in here instead of in this one.")
    ] = None,
    turn: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only this turn.")] = None,
    force: Force = False,
    data: DataFolder = DATA,
) -> None:
    """Copy recorded sound (log.audio): both sides in stereo, and each side of each turn, in a folder for each session."""
    wanted, found = chosen(data, what or []), 0
    with readable(data):
        sessions = list(Reading(LogReader(data), wanted).sessions())
    with progress("copying", len(sessions)) as bar:
        for session in sessions:
            try:
                found += _copy(data, session, names(session, turn), (folder or Path()) / str(session["id"]), force=force)
            except NoSound as why:
                err().print(f"{session['id']}: {why}", markup=False, soft_wrap=True)
            bar.advance(bar.task_ids[0])
    if not found:
        raise Failure("VT112", "there is no sound to copy", "log.audio records sessions that begin later")
    out().print(f"{found} file(s) in {folder or Path()}", markup=False, soft_wrap=True)


@contextmanager
def sound_for_page(data: Path, session: Row) -> Iterator[BinaryIO]:
    """The sound of a session where it is not too much for a page. Raises Failure VT112."""
    try:
        file = opened(data, session, STEREO)
    except (NoSound, OSError) as why:
        raise Failure("VT112", f"{session['id']}: {why}", "leave --with-audio out") from None
    with file:
        if (size := os.fstat(file.fileno()).st_size) > MOST_IN_A_PAGE:
            hint = f"leave --with-audio out; ./run.sh export wav {session['id']} writes it beside"
            raise Failure("VT112", f"the sound has {size >> 20} MiB, a page has room for {MOST_IN_A_PAGE >> 20}", hint)
        yield file


def _copy(data: Path, session: Row, files: list[str], folder: Path, *, force: bool) -> int:
    """How many files were written; a side that was silent has none. Raises NoSound, Failure VT111, VT112."""
    if not force and (there := next((folder / name for name in files if (folder / name).exists()), None)) is not None:
        raise unwritable(there, FileExistsError())
    written = 0
    for name in files:
        with suppress(FileNotFoundError), opened(data, session, name) as source:
            with _into(folder / name, force=force) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            written += 1
    return written


@contextmanager
def _into(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    try:
        make_folder(path.parent)
    except OSError as error:
        raise unwritable(path.parent, error) from None
    with new_file(path, force=force) as file:
        yield file
