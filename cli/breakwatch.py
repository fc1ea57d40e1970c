"""`break watch`: sets a breakpoint, shows what it pauses, asks what to do with it, and takes the breakpoint away at the end."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated
from typing import Any
from typing import Final

import typer
from rich.text import Text

from cli.completion import complete_condition
from cli.errors import Failure
from cli.message import edited
from cli.message import shown
from cli.operating import drop
from cli.operating import let_go
from cli.operating import outcome
from cli.operating import paused
from cli.operating import standing
from cli.operating import stop_at
from cli.operating import take_away
from cli.options import DATA
from cli.options import DataFolder
from cli.output import err
from cli.output import out
from cli.output import print_failure
from cli.plain import plain
from cli.terminal import keys

_POLL_SECONDS: Final = 0.2
_ASKED: Final = 60.0
"""Seconds that a message waits where a person is asked,"""
_LISTED: Final = 10.0
"""and where programs decide."""
_KEYS: Final = {"r": "resume", "enter": "resume", "e": "edit", "d": "drop"}
_GONE: Final = "VT116"

Record = dict[str, Any]

Conditions = Annotated[
    list[str],
    typer.Argument(
        metavar="CONDITION...",
        autocompletion=complete_condition,
        help="What is paused: type, from (client or server), key, provider, model, route, session, with globs; other words are looked for.",
    ),
]
Once = Annotated[bool, typer.Option("--once", help="Pause one message alone.")]


def watch(
    condition: Conditions,
    timeout: Annotated[
        float | None,
        typer.Option(help="Seconds until a message goes on by itself, 1 to 60.", show_default="60 where a person is asked, else 10"),
    ] = None,
    once: Once = False,
    data: DataFolder = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="Print each paused message as one line of JSON; other commands decide.")] = False,
) -> None:
    """Pause messages and ask what to do with each, until Ctrl-C; what is paused then goes on."""
    asks = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    seconds = timeout if timeout is not None else _ASKED if asks else _LISTED
    with _breakpoint(data, condition, seconds, once, stays=once and not asks) as point:
        if not as_json:
            err().print(f"{point} is set; Ctrl-C removes it", markup=False)
        for message in _messages(data, point, once=once):
            if as_json:
                sys.stdout.write(json.dumps(message) + "\n")
                sys.stdout.flush()
            else:
                _show(message)
            if asks:
                _ask(data, message)


@contextmanager
def _breakpoint(data: Path, condition: list[str], timeout: float, once: bool, *, stays: bool) -> Iterator[str]:
    """A breakpoint while the block runs; where it `stays`, what it paused is left to others when the block ends by itself."""
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    point = ""
    try:
        point = str(stop_at(data, condition, timeout=timeout, once=once)["id"])
        yield point
        if not stays:
            _removed(data, point)
    except KeyboardInterrupt:
        _removed(data, point)
        raise typer.Exit from None
    except BaseException:
        _removed(data, point)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _removed(data: Path, point: str) -> None:
    """Take it away, if it is still there and the proxy too."""
    try:
        if point:
            take_away(data, point)
    except Failure as failure:
        if failure.code not in (_GONE, "VT108"):
            raise


def _messages(data: Path, point: str, *, once: bool) -> Iterator[Record]:
    """What the breakpoint pauses, each once, with its content. Ends with the breakpoint, at the latest after what it paused."""
    seen: set[str] = set()
    while True:
        found = standing(data)
        new = [stop for stop in found["paused"] if stop["breakpoint"] == point and stop["id"] not in seen]
        for stop in new:
            seen.add(stop["id"])
            if (message := _whole(data, stop)) is not None:
                yield message
        if not new and all(one["id"] != point for one in found["breakpoints"]):
            return
        if new and once:
            return
        time.sleep(_POLL_SECONDS)


def _whole(data: Path, stop: Record) -> Record | None:
    """With its content; None where it went on already."""
    try:
        return paused(data, stop["id"])
    except Failure as failure:
        if failure.code != _GONE:
            raise
        return None


def _show(message: Record) -> None:
    side = {"client": "client → provider", "server": "provider → client"}[message["from"]]
    what = f"{plain(message['type']) or '-'}  {message['size']} bytes"
    head = f"{message['id']}  {message['session']}  {plain(message['key'])}  {side}  {what}"
    out().print(Text(head, style="bold"), soft_wrap=True)
    out().print(shown(message), markup=False, soft_wrap=True)


def _ask(data: Path, message: Record) -> None:
    """Until the person has decided, or the message went on by itself."""
    while True:
        try:
            done = _decided(data, message, _key(message))
        except Failure as failure:
            print_failure(failure)
            if failure.code == _GONE:
                return
            continue
        if done is not None:
            err().print(f"  {done}", markup=False)
            return


def _decided(data: Path, message: Record, what: str) -> str | None:
    """What became of it; None where the person has to choose again."""
    match what:
        case "resume":
            return outcome(let_go(data, message["id"], {}))
        case "drop":
            return outcome(drop(data, message["id"]))
        case "edit":
            try:
                made = edited(message)
            except ValueError as error:
                raise Failure("VT105", f"what was written is no JSON: {error}", "e edits again") from None
            return outcome(let_go(data, message["id"], made)) if made is not None else None
    return "went on by itself, its time was up"


def _key(message: Record) -> str:
    """What the person chooses; "" when the message has gone on by itself."""
    until = datetime.fromisoformat(message["until"]).timestamp()
    err().print("  r)esume  e)dit  d)rop ", markup=False, end="")
    try:
        with keys() as pressed:
            while (left := until - time.time()) > 0:
                for key in pressed.wait(left):
                    if (chosen := _KEYS.get(key)) is not None:
                        return chosen
            return ""
    except EOFError:
        raise typer.Exit from None
    finally:
        err().print()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
