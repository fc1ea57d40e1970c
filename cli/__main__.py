"""The command line as a whole: `./run.sh` runs `python -m cli`."""

from __future__ import annotations

import os
import sys
from typing import Final

import typer
from typer._completion_classes import completion_init

from cli.asserting import assert_
from cli.breakpoints import break_
from cli.check import check
from cli.completion import VARIABLE
from cli.completion import completion
from cli.demo import demo
from cli.diff import diff
from cli.doctor import doctor
from cli.erase import erase
from cli.errors import Failure
from cli.events import events
from cli.explain import explain
from cli.export import export
from cli.findings import findings
from cli.inject import inject
from cli.keys import keys
from cli.kill import kill
from cli.output import print_failure
from cli.replay import replay
from cli.run import run
from cli.sessions import sessions
from cli.show import show
from cli.simulator import simulator
from cli.smoke import smoke
from cli.start import start
from cli.tail import tail
from cli.test import test
from cli.tokens import tokens
from cli.top import top
from cli.usage import usage
from cli.verify import verify

_PASS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
_STOP_AT_COMMAND: Final = {"allow_interspersed_args": False}

app = typer.Typer(
    name="run.sh",
    help="voicetap, the local intercepting proxy for realtime AI voice APIs. Without a command it starts the proxy.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.command()(start)
app.command()(demo)
app.command(context_settings=_PASS_ON)(test)
app.command()(check)
app.command()(explain)
app.command()(smoke)
app.command()(replay)
app.command()(doctor)
app.add_typer(keys, name="keys")
app.add_typer(tokens, name="tokens")
app.command()(sessions)
app.command()(show)
app.command()(events)
app.command()(tail)
app.command()(top)
app.command()(findings)
app.command()(usage)
app.command("assert")(assert_)
app.command()(diff)
app.add_typer(export, name="export")
app.command()(kill)
app.add_typer(break_, name="break")
app.command()(inject)
app.command()(verify)
app.command()(erase)
app.command(context_settings=_STOP_AT_COMMAND)(run)
app.command(context_settings=_PASS_ON)(simulator)
app.command()(completion)


def main() -> None:
    """Run the command of `sys.argv`, `start` where there is none; a `Failure` is printed and becomes the exit code."""
    if VARIABLE in os.environ:
        completion_init()
    try:
        app(sys.argv[1:] or ["start"], prog_name="run.sh", complete_var=VARIABLE)
    except Failure as failure:
        print_failure(failure)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    main()
