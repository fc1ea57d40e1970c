"""What a demo that stays says: where its call is to be seen and heard, and how; then it waits for Ctrl-C."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from cli.demostage import Stage
from cli.records import Record
from store.cells import SLOW_MS
from store.cells import first_audio
from store.cells import slowest

_HOW = """\
Press s there, or the button Slowest turn: it is shown and played. ? lists the other keys.
In another terminal:"""
_SHORT_ID = 12
"""Characters of an id that tell one session from the others of a demo."""


def print_link(console: Console, words: str, link: str) -> None:
    """An address on a line of its own, which is easily copied."""
    console.print(Text.assemble((f"{words}\n\n  ", "dim"), (link, "underline"), "\n"), soft_wrap=True)


def keep(console: Console, stage: Stage, record: Record, turns: Sequence[Record]) -> None:
    """Say how the call is seen and heard, and serve it until SIGINT or SIGTERM."""
    slow = slowest(turns)
    console.print()
    print_link(console, _waited(turns, slow), stage.link(f"/sessions/{record['id']}"))
    console.print(_HOW, style="dim", markup=False, soft_wrap=True)
    name, data = record["id"][:_SHORT_ID], f"--data {shlex.quote(str(stage.data))}"
    console.print(f"\n  ./run.sh show {name} {data}", markup=False, soft_wrap=True)
    console.print(f"  ./run.sh export wav {name}{f' --turn {slow}' if slow else ''} {data}\n", markup=False, soft_wrap=True)
    console.print("Ctrl-C ends the demo.", style="dim", markup=False, soft_wrap=True)
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _waited(turns: Sequence[Record], slow: int | None) -> str:
    waited = next((first_audio(turn) for turn in turns if turn["index"] == slow), None)
    if waited is None or waited <= SLOW_MS:
        return "See and hear it here:"
    return f"The answer of turn {slow} let the user wait for {waited / 1000:.1f} s. See and hear it here:"
