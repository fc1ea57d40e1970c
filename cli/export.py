"""`export`: what the log has, in files that other programs read. One command for each form, in the files beside this one."""

from __future__ import annotations

import typer

from cli.exportfixture import fixture
from cli.exportotlp import otlp
from cli.exportrecords import csv
from cli.exportrecords import jsonl
from cli.exportsession import har
from cli.exportsession import html
from cli.exportsound import wav

export = typer.Typer(
    help="Write records, messages, sound and reports to files for other programs.", no_args_is_help=True, rich_markup_mode=None
)

export.command()(jsonl)
export.command()(csv)
export.command()(har)
export.command()(html)
export.command()(wav)
export.command()(otlp)
export.command()(fixture)
