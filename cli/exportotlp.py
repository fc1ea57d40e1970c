"""`export otlp`: turns of past sessions to a collector of OpenTelemetry."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import Progress

from cli.chosen import What
from cli.chosen import chosen
from cli.errors import Failure
from cli.options import DATA
from cli.options import RULES
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import out
from cli.output import progress
from cli.plain import plain
from cli.records import readable
from cli.rulesfile import read_rules
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.otel import Otel
from store.export.otlp import request
from store.export.otlp import spans
from store.export.reading import Reading
from store.export.semconv import OPT_IN
from store.export.semconv import in_force
from store.lines import Row
from store.reader import LogReader

_BATCH = 64


def otlp(
    what: What = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Base URL of the collector's OTLP/HTTP receiver; without it otel of the rules holds.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=env:VARIABLE", help="A request header with a secret; or NAME=file:PATH. May be repeated."),
    ] = None,
    content: Annotated[bool, typer.Option("--content", help="Send what was said too, as far as it is stored.")] = False,
    semconv: Annotated[
        str | None, typer.Option(metavar="VERSION", help=f"Names of attributes: latest or 1.36; without it {OPT_IN} holds, else latest.")
    ] = None,
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
) -> None:
    """Send the turns of past sessions to a collector of OpenTelemetry, a span each."""
    otel = _asked(rules, endpoint, header or [], content=content, semconv=semconv)
    headers = _headers(otel, rules.parent if endpoint is None else Path())
    reading = Reading(LogReader(data), chosen(data, what or []))
    with progress("exporting turns") as bar:
        sent = asyncio.run(_send(otel, headers, _spans(data, reading, otel), bar))
    out().print(f"{sent} span(s) of turns that are over are at {otel.endpoint}", markup=False, soft_wrap=True)


def _asked(rules: Path, endpoint: str | None, header: list[str], *, content: bool, semconv: str | None) -> Otel:
    """Raises Failure VT105."""
    if endpoint is None:
        found = read_rules(rules).rules
        if found is None or found.otel is None:
            raise Failure("VT105", "no collector is named", "give --endpoint, or write otel: {endpoint: …} in the rules")
        return found.otel
    pairs = dict(text.partition("=")[::2] for text in header)
    version = {} if semconv is None else {"semconv": semconv}
    try:
        return Otel.model_validate({"endpoint": endpoint, "headers": pairs, "content": content, **version})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"] if step != "[key]")
        raise Failure("VT105", f"--{where}: {first['msg']}", "docs/exports.md describes them") from None


def _headers(otel: Otel, folder: Path) -> dict[str, str]:
    """Raises Failure VT105."""
    try:
        return {name: read_secret(reference, os.environ, private_reader(folder)) for name, reference in otel.headers.items()}
    except Unresolved as error:
        raise Failure("VT105", str(error), "set it, or leave the header out") from None


def _spans(data: Path, reading: Reading, otel: Otel) -> Iterator[Row]:
    """Those of turns that are over. Raises Failure VT102."""
    with readable(data):
        for session in reading.sessions():
            found = reading.findings(session)
            for turn in reading.turns(session):
                if turn.get("ended_at") is not None:
                    about = [finding for finding in found if finding.get("turn") == turn["index"]]
                    yield from spans(session, turn, about, semconv=in_force(otel.semconv, os.environ), content=otel.content)


async def _send(otel: Otel, headers: dict[str, str], found: Iterator[Row], bar: Progress) -> int:
    """How many were taken. Raises Failure VT113 with the first batch that was not."""
    from store.export.collector import Collector  # its HTTP client takes its time to load

    collector, sent = Collector(otel.endpoint, headers), 0
    try:
        for batch in batched(found, _BATCH):
            done = await collector.deliver(request(batch, in_force(otel.semconv, os.environ)), len(batch))
            if done.rejected:
                told = f"after {sent} span(s), {otel.endpoint} did not take {done.rejected}: {plain(done.why, 200)}"
                raise Failure("VT113", told, "what was taken already is the same span when it is sent again")
            sent += len(batch)
            bar.update(bar.task_ids[0], description=f"exporting turns: {sent:,} spans")
    finally:
        await collector.close()
    return sent
