"""Where commands write: tables and lines for people, JSON for programs, progress only where somebody watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any
from typing import Final

from rich.console import Console
from rich.progress import BarColumn
from rich.progress import Progress
from rich.progress import SpinnerColumn
from rich.progress import TextColumn
from rich.progress import TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from cli.errors import Failure
from cli.plain import plain

_PIPED_WIDTH: Final = 4096


def out() -> Console:
    """Standard output; without colours and without a width when it is piped (Rich honours NO_COLOR)."""
    return _console(stderr=False)


def err() -> Console:
    return _console(stderr=True)


def print_json(value: Any) -> None:
    """ASCII only, so that nothing from the wire reaches the terminal as anything but letters."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A table without frames; cells are made plain, columns named in `right` are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    out().print(table, soft_wrap=not sys.stdout.isatty())


def print_failure(failure: Failure) -> None:
    console = err()
    console.print(Text.assemble((f"error {failure.code}: ", "bold red"), _lines(failure.message)), soft_wrap=True)
    if failure.fix:
        console.print(Text.assemble(("  fix: ", "bold"), plain(failure.fix)), soft_wrap=True)


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Progress]:
    """A bar on standard error while the block runs; nothing at all unless that is a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True, disable=not sys.stderr.isatty()) as bar:
        bar.add_task(title, total=total)
        yield bar


def _lines(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines())


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False)
    return Console(stderr=stderr, highlight=False, no_color=True, force_terminal=False, width=_PIPED_WIDTH)
