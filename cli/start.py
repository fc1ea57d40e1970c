"""`start`: serves until SIGTERM or SIGINT. Standard output has the one ready line; on a terminal also what to paste."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from cli.banner import banner
from cli.errors import Failure
from cli.keystore import forget_first_key
from cli.keystore import make_first_key
from cli.keystore import stored_ids
from cli.keystore import stored_keys
from cli.options import DATA
from cli.options import RULES
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import err
from cli.output import out
from cli.rulesfile import valid_rules
from cli.runfile import Running
from cli.runfile import remove_running
from cli.runfile import write_running

if TYPE_CHECKING:
    from addons.main import Ready

Address = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Listen here instead of where the rules say.")]


def start(
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
    script: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A mitmproxy script to load as well; may be repeated.")] = None,
    gateway: Address = None,
    intercept: Address = None,
    control: Address = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the ready line and nothing else.")] = False,
) -> None:
    """Start the proxy (the default). Prints `voicetap ready gateway=… control=… token=…` when it serves."""
    known = valid_rules(rules, stored_ids(data))
    from addons.main import Settings  # takes seconds to import, which rules with errors need not wait for
    from addons.main import StartError
    from addons.main import serve

    first_key = None if known.keys or stored_keys(data) or quiet else make_first_key(data)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    if not quiet:
        logging.getLogger("addons").setLevel(logging.INFO)

    def on_ready(ready: Ready) -> None:
        write_running(data, Running(os.getpid(), ready.gateway, ready.intercept, ready.control))
        if not quiet:
            console = out() if sys.stdout.isatty() else err()
            console.print(banner(known, ready, first_key, os.environ, rules.parent), soft_wrap=True)
        typer.echo(f"voicetap ready gateway={ready.gateway} control={ready.control} token={ready.token}")
        sys.stdout.flush()

    settings = Settings(rules.resolve(), data.resolve(), tuple(path.resolve() for path in script or ()), gateway, intercept, control)
    try:
        code = asyncio.run(serve(settings, on_ready=on_ready))
    except StartError as error:
        if first_key is not None:
            forget_first_key(data)
        raise Failure("VT100" if error.exit_code == 2 else "VT101", str(error)) from None
    finally:
        remove_running(data, os.getpid())
    raise typer.Exit(code)
