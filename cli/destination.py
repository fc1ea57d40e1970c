"""Where an export goes: a file of its owner's alone that takes nobody's place, or standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated
from typing import BinaryIO
from typing import Final

import typer

from cli.errors import Failure
from store.errors import explained
from store.files import FILE_MODE
from store.files import open_anew

_PART: Final = ".part"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")]


@contextmanager
def destination(path: Path | None, *, force: bool) -> Iterator[TextIOWrapper]:
    """UTF-8 text to a file of mode 0600, or to standard output where no path is given; a failure leaves no file. Raises Failure VT111."""
    if path is None:
        yield _standard()
        return
    with new_file(path, force=force) as file, TextIOWrapper(file, "utf-8", newline="") as text:
        yield text


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file of mode 0600, there once all of it is written. Where there is one it stays, unless `force`. Raises Failure VT111."""
    made = path.with_name(path.name + _PART) if force else path
    try:
        file = _opened(made, force=force)
        try:
            with file:
                yield file
        except BaseException:
            with suppress(OSError):
                made.unlink()
            raise
        if force:
            os.replace(made, path)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> Failure:
    """Why a file cannot be written."""
    if isinstance(error, FileExistsError):
        return Failure("VT111", f"{path} is there already", "name another file, or replace it with --force")
    return Failure("VT111", f"cannot write {explained(error, path)}", "name a file in a folder that you may write to")


def _opened(made: Path, *, force: bool) -> BinaryIO:
    if force:
        return os.fdopen(open_anew(made), "wb")
    descriptor = os.open(made, _NEW, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "wb")


def _standard() -> TextIOWrapper:
    """Standard output with lines as they are given."""
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout
