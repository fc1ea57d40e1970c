"""`simulator`: the simulated provider by itself, as a mock for apps in development."""

from __future__ import annotations

import sys

import typer


def simulator(context: typer.Context) -> None:
    """Run the simulated provider; `./run.sh simulator --help` shows its own options."""
    from simulator.__main__ import main

    sys.argv = ["simulator", *context.args]
    raise typer.Exit(main())
