"""`explain`: which route a request takes and why: every condition of every route, what it wanted and what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.completion import complete_route
from cli.completion import complete_session
from cli.errors import FAILED
from cli.errors import Failure
from cli.explained import explain_message
from cli.explained import show_message
from cli.keystore import stored_ids
from cli.options import DATA
from cli.options import RULES
from cli.options import AsJson
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import out
from cli.output import print_json
from cli.plain import plain
from cli.records import find_session
from cli.rulesfile import valid_rules
from rules import explaining
from rules.explaining import Considered
from rules.explaining import Explained
from rules.explaining import Request
from rules.resolve import Refusal


def explain(
    session: Annotated[
        str | None, typer.Option(metavar="ID", autocompletion=complete_session, help="Explain this session of the log, by today's rules.")
    ] = None,
    event: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="And what today's policies make of this recorded message of it (log.frames)."),
    ] = None,
    path: Annotated[str, typer.Option(metavar="PATH", help="Request path, with or without a query.")] = explaining.DEFAULT_PATH,
    model: Annotated[str | None, typer.Option(metavar="M", help="The model asked for.")] = None,
    key: Annotated[str | None, typer.Option(metavar="ID", help="Id of the key that is shown.")] = None,
    header: Annotated[list[str] | None, typer.Option(metavar="K=V", help="A request header; may be repeated.")] = None,
    door: Annotated[str, typer.Option(metavar="DOOR", help="gateway or intercept.")] = "gateway",
    host: Annotated[str | None, typer.Option(metavar="H", help="The host that the app wants.")] = None,
    route: Annotated[str | None, typer.Option(metavar="NAME", autocompletion=complete_route, help="Show this route only.")] = None,
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Show which route a request takes and why, and why policies match a message. Exits with 1 when it would be refused."""
    if event is not None and session is None:
        raise Failure("VT105", "--event needs --session, which says whose message", "./run.sh sessions lists them")
    known = valid_rules(rules, stored_ids(data))
    found = explaining.explain(known, _request(data, session, path, model, key, header or [], door, host))
    policies = explain_message(data, session, event, known) if session is not None and event is not None else None
    if as_json:
        print_json(found.report(route) | ({"event": policies.report()} if policies is not None else {}))
    else:
        _show(found, route)
        if policies is not None:
            show_message(policies)
    if isinstance(found.outcome, Refusal):
        raise typer.Exit(FAILED)


def _request(
    data: Path, session: str | None, path: str, model: str | None, key: str | None, headers: list[str], door: str, host: str | None
) -> Request:
    if session is not None:
        return explaining.recorded(find_session(data, session))
    try:
        return explaining.described(path, model, key, headers, door, host)
    except explaining.BadRequest as error:
        raise Failure("VT105", str(error), error.hint) from None


def _show(found: Explained, only: str | None) -> None:
    for candidate in found.routes:
        if only not in (None, candidate.route):
            continue
        _show_route(candidate)
        if candidate.taken:
            break
    refused = isinstance(found.outcome, Refusal)
    head = ("refused ", "bold red") if refused else ("goes to ", "bold green")
    out().print(Text.assemble(head, plain(found.words)), soft_wrap=True)


def _show_route(candidate: Considered) -> None:
    style = "bold green" if candidate.taken else "dim"
    out().print(Text.assemble(("route ", "bold"), plain(candidate.route), ("  " + candidate.said, style)), soft_wrap=True)
    for step in candidate.steps:
        mark = ("  ✓ ", "green") if step.passed else ("  ✗ ", "red")
        seen = "nothing" if step.seen is None else repr(plain(step.seen, 120))
        out().print(Text.assemble(mark, f"{plain(step.condition)} {plain(step.wanted)!r}, saw {seen}"), soft_wrap=True)
