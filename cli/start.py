"""`start`: serves until SIGTERM or SIGINT. Standard output has the one ready line; on a terminal also what to paste."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from cli.banner import banner
from cli.errors import Failure
from cli.keystore import forget_first_key
from cli.keystore import make_first_key
from cli.keystore import stored_ids
from cli.keystore import stored_keys
from cli.logformat import LogFormat
from cli.options import DATA
from cli.options import RULES
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import err
from cli.output import out
from cli.output import progress
from cli.rulesfile import valid_rules
from cli.runfile import Running
from cli.runfile import remove_running
from cli.runfile import write_running
from rules.address import parse_address
from rules.keys import state
from rules.model import Rules

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
    monitor: Annotated[bool, typer.Option("--monitor", help="Let every policy watch only, whatever its mode.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the ready line and nothing else.")] = False,
) -> None:
    """Start the proxy (the default). Prints `voicetap ready gateway=… control=… token=…` when it serves."""
    known = valid_rules(rules, stored_ids(data))
    _check_addresses(known, data, {"gateway": gateway, "intercept": intercept, "control": control})
    first_key = None if known.keys or stored_keys(data) or quiet else make_first_key(data)
    _log_to_stderr(quiet)
    with progress("starting the proxy") as bar:

        def on_ready(ready: Ready) -> None:
            bar.stop()
            write_running(data, Running(os.getpid(), ready.gateway, ready.intercept, ready.control), ready.token)
            if not quiet:
                console = out() if sys.stdout.isatty() else err()
                console.print(banner(known, ready, first_key, os.environ, rules.parent), soft_wrap=True)
            typer.echo(f"voicetap ready gateway={ready.gateway} control={ready.control} token={ready.token}")
            sys.stdout.flush()

        try:
            code = _serve((rules, data, *(script or ())), (gateway, intercept, control), monitor, on_ready)
        except Failure:
            if first_key is not None:
                forget_first_key(data)
            raise
        finally:
            remove_running(data, os.getpid())
    raise typer.Exit(code)


def _serve(paths: tuple[Path, ...], addresses: tuple[str | None, ...], monitor: bool, on_ready: Callable[[Ready], None]) -> int:
    """Run the proxy to its end. Raises Failure VT100, VT101 when it cannot start."""
    from addons.main import Settings  # takes seconds to import, which rules with errors need not wait for
    from addons.main import StartError
    from addons.main import serve
    from web.control import make_app

    rules, data, *scripts = (path.resolve() for path in paths)
    gateway, intercept, control = addresses
    try:
        return asyncio.run(serve(Settings(rules, data, tuple(scripts), gateway, intercept, control, monitor), make_app, on_ready=on_ready))
    except StartError as error:
        raise Failure("VT100" if error.exit_code == 2 else "VT101", str(error)) from None


def _check_addresses(rules: Rules, data: Path, given: dict[str, str | None]) -> None:
    """What `check` says of the rules' addresses holds for those of the options too. Raises Failure VT105, VT101."""
    now = datetime.now(UTC)
    usable = any(state(key, now) == "ok" for key in (*rules.keys, *stored_keys(data)))
    for door, text in given.items():
        try:
            address = parse_address(text) if text is not None else None
        except PydanticCustomError as error:
            raise Failure("VT105", f"--{door}: {error}", f"--{door} 127.0.0.1:0 takes any free port") from None
        if address is not None and not address.loopback and not usable:
            message = f"--{door}: {address} can be reached from other computers, but there is no key"
            raise Failure("VT101", message, "./run.sh keys new NAME")


def _log_to_stderr(quiet: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormat())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    if not quiet:
        logging.getLogger("addons").setLevel(logging.INFO)
