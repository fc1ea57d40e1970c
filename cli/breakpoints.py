"""`break`: breakpoints in a running proxy, and the messages that they paused, over its control port."""

from __future__ import annotations

from typing import Annotated
from typing import Any
from typing import Final

import typer
from typer.core import TyperGroup

from cli import operating
from cli.breakwatch import Conditions
from cli.breakwatch import Once
from cli.breakwatch import watch
from cli.completion import complete_breakpoint
from cli.completion import complete_paused
from cli.errors import Failure
from cli.message import edited
from cli.message import read
from cli.message import shown
from cli.operating import let_go
from cli.operating import outcome
from cli.operating import paused
from cli.operating import standing
from cli.operating import stop_at
from cli.operating import take_away
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.output import print_table
from store.cells import clock

TIMEOUT: Final = 10.0

PausedId = Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_paused, help="The paused message, ps_…")]


class _Watching(TyperGroup):
    """What is no command of the group are conditions for `watch`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args.insert(0, "watch")
        return super().parse_args(ctx, args)


break_ = typer.Typer(
    cls=_Watching,
    help="Pause messages of live sessions, look at them, change, drop or let them go; `break CONDITION...` is `break watch`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
break_.command()(watch)


@break_.command()
def add(
    condition: Conditions,
    timeout: Annotated[float, typer.Option(help="Seconds until a message goes on by itself, 1 to 60.")] = TIMEOUT,
    once: Once = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Set a breakpoint and print its id; it stays until it is removed or the proxy stops."""
    made = stop_at(data, condition, timeout=timeout, once=once)
    if as_json:
        print_json(made)
    else:
        typer.echo(made["id"])


@break_.command("list")
def list_(data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """List the breakpoints, and the messages that are paused."""
    found = standing(data)
    if as_json:
        print_json(found)
        return
    print_table(("breakpoint", "hits", "timeout", "once", "by", "conditions"), [_point(point) for point in found["breakpoints"]], ("hits",))
    if found["paused"]:
        out().print()
        heads = ("paused", "until", "session", "from", "type", "bytes", "behind")
        print_table(heads, [_stop(stop) for stop in found["paused"]], ("bytes", "behind"))


@break_.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_breakpoint, help="The breakpoint, bp_…")],
    data: DataFolder = DATA,
) -> None:
    """Remove a breakpoint; what it paused goes on."""
    take_away(data, name)
    err().print(f"{name} is removed", markup=False)


@break_.command()
def show(name: PausedId, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Print a paused message as it would cross; with --json the whole of it."""
    found = paused(data, name)
    if as_json:
        print_json(found)
    else:
        out().print(shown(found), markup=False, soft_wrap=True)


@break_.command()
def resume(
    name: PausedId,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="What goes on in its place; - reads standard input.")] = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Let a paused message go on, or the content of a file in its place."""
    _print(let_go(data, name, read(file) if file is not None else {}), as_json=as_json)


@break_.command()
def edit(name: PausedId, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Change a paused message in $VISUAL or $EDITOR, and let it go on when that is closed."""
    try:
        made = edited(paused(data, name))
    except ValueError as error:
        raise Failure("VT105", f"what was written is no JSON: {error}", f"./run.sh break edit {name}") from None
    _print(let_go(data, name, made or {}), as_json=as_json)


@break_.command()
def drop(name: PausedId, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """Send nothing of a paused message; what is behind it goes on."""
    _print(operating.drop(data, name), as_json=as_json)


def _print(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        err().print(f"{done['id']}: {outcome(done)}", markup=False)


def _point(point: dict[str, Any]) -> tuple[object, ...]:
    once = "once" if point["once"] else "-"
    return point["id"], point["hits"], f"{point['timeout']:g} s", once, point["by"], point["q"] or "all messages"


def _stop(stop: dict[str, Any]) -> tuple[object, ...]:
    return stop["id"], clock(stop["until"]), stop["session"], stop["from"], stop["type"] or "-", stop["size"], stop["n_behind"]
