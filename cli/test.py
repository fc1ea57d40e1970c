"""`test`: the test suite. `run.sh` has installed what it needs before this runs."""

from __future__ import annotations

import os
import sys

import typer

from cli.options import ROOT


def test(context: typer.Context) -> None:
    """Run the tests; what follows is passed on to pytest."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *context.args])  # noqa: S606
