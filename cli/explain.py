"""`explain`: which route a request takes and why: every condition of every route, what it wanted and what it saw."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import cast
from urllib.parse import parse_qsl

import typer
from rich.text import Text

from cli.completion import complete_route
from cli.completion import complete_session
from cli.errors import FAILED
from cli.errors import Failure
from cli.explained import explain_message
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
from providers import recognise
from providers.base import Endpoint
from providers.base import Pairs
from providers.paths import gateway_path
from rules.access import LOCAL
from rules.asking import facts_of
from rules.match import Decision
from rules.match import Door
from rules.match import RequestFacts
from rules.match import route as decide
from rules.model import Rules
from rules.resolve import Refusal
from rules.resolve import Target
from rules.resolve import resolve

_DOORS = ("gateway", "intercept")


@dataclass(frozen=True, slots=True)
class _Request:
    """The request as it is described on the command line, or as a record describes it."""

    door: str
    path: str
    query: Pairs
    key: str | None
    headers: dict[str, str]
    host: str | None


def explain(
    session: Annotated[
        str | None, typer.Option(metavar="ID", autocompletion=complete_session, help="Explain this session of the log, by today's rules.")
    ] = None,
    event: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="And what today's policies make of this recorded message of it (log.frames)."),
    ] = None,
    path: Annotated[str, typer.Option(metavar="PATH", help="Request path, with or without a query.")] = "/v1/realtime",
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
    request = _recorded(data, session) if session else _described(path, model, key, header or [], door, host)
    facts = _facts(known, request)
    decision = decide(known, facts) if isinstance(facts, RequestFacts) else Decision(None, ())
    outcome = resolve(known, facts) if isinstance(facts, RequestFacts) else facts
    policies = explain_message(data, session, event, known) if session is not None and event is not None else None
    if as_json:
        print_json(_report(request, decision, outcome, route) | ({"event": policies.report()} if policies is not None else {}))
    else:
        _show(known, decision, outcome, route)
        if policies is not None:
            policies.show()
    if isinstance(outcome, Refusal):
        raise typer.Exit(FAILED)


def _described(path: str, model: str | None, key: str | None, headers: list[str], door: str, host: str | None) -> _Request:
    if door not in _DOORS:
        raise Failure("VT105", f"there is no door {door!r}", f"choose one of {', '.join(_DOORS)}")
    bare, _, query = path.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True)) + ((("model", model),) if model is not None else ())
    split = [text.partition("=") for text in headers]
    if any(not equals for _, equals, _ in split):
        raise Failure("VT105", "a header is written as name=value", "for example --header x-region=eu")
    return _Request(door, bare, pairs, key, {name: value for name, _, value in split}, host)


def _recorded(data: Path, session: str) -> _Request:
    record = find_session(data, session)
    pairs: Pairs = (("model", record["model"]),) if record["model"] else ()
    host = record["upstream_host"] if record["door"] == "intercept" else None
    return _Request(record["door"], record["client"]["path"].partition("?")[0], pairs, record["principal"], {}, host)


def _facts(rules: Rules, request: _Request) -> RequestFacts | Refusal:
    """The request as the router sees it, or the refusal of a path that no door serves."""
    endpoint = _endpoint(request)
    if endpoint is None and request.door == "gateway":
        return Refusal(404, "unknown_path", f"no such path on the gateway: {request.path[:200]}")
    return facts_of(
        rules,
        cast(Door, request.door),
        request.path,
        request.query,
        endpoint,
        key=request.key or (LOCAL if request.door == "intercept" else None),
        headers=request.headers,
        host=request.host,
    )


def _endpoint(request: _Request) -> Endpoint | None:
    if request.door == "intercept":
        return recognise(request.host or "", request.path, request.query)
    return gateway_path(request.path, request.query)


def _report(request: _Request, decision: Decision, outcome: Target | Refusal, only: str | None) -> dict[str, Any]:
    kind = "refused" if isinstance(outcome, Refusal) else "target"
    steps = [asdict(step) for step in decision.steps if only in (None, step.route)]
    return {"request": asdict(request), "route": decision.route.name if decision.route else None, "steps": steps, kind: asdict(outcome)}


def _show(rules: Rules, decision: Decision, outcome: Target | Refusal, only: str | None) -> None:
    for candidate in rules.routes:
        steps = [step for step in decision.steps if step.route == candidate.name]
        taken = candidate is decision.route
        if only not in (None, candidate.name):
            continue
        verdict = "taken" if taken else "does not fit" if steps else "not reached"
        out().print(
            Text.assemble(("route ", "bold"), plain(candidate.name), ("  " + verdict, "bold green" if taken else "dim")), soft_wrap=True
        )
        for step in steps:
            mark = ("  ✓ ", "green") if step.passed else ("  ✗ ", "red")
            seen = "nothing" if step.seen is None else repr(plain(step.seen, 120))
            out().print(Text.assemble(mark, f"{plain(step.condition)} {plain(step.wanted)!r}, saw {seen}"), soft_wrap=True)
        if taken:
            break
    out().print(_verdict(outcome), soft_wrap=True)


def _verdict(outcome: Target | Refusal) -> Text:
    if isinstance(outcome, Refusal):
        return Text.assemble(("refused ", "bold red"), f"{outcome.status} {outcome.code}: {plain(outcome.message)}")
    model = outcome.upstream_model or "named later by the client"
    credential = "the app's own" if outcome.credential == "client" else "the provider's, injected"
    return Text.assemble(
        ("goes to ", "bold green"), f"provider {outcome.provider}, model {plain(model)}, credential {credential} ({plain(outcome.why)})"
    )
