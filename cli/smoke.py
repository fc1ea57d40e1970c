"""`smoke`: does a provider answer, with the configured credential, for this model?"""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import typer
from rich.text import Text

from cli.completion import complete_provider
from cli.errors import FAILED
from cli.errors import Failure
from cli.options import RULES
from cli.options import AsJson
from cli.options import RulesFile
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.output import progress
from cli.plain import plain
from cli.rulesfile import valid_rules
from providers import provider as provider_of
from providers.base import Account
from providers.base import Ask
from providers.base import ProviderError
from providers.paths import gateway_path
from rules.credentials import Unresolved
from rules.credentials import read_secret
from rules.files import private_reader
from rules.model import Rules
from rules.resolve import alias

if TYPE_CHECKING:
    from cli.probe import Probe


def smoke(
    target: Annotated[
        str, typer.Argument(metavar="PROVIDER/MODEL", autocompletion=complete_provider, help="A provider of the rules and a model.")
    ],
    rules: RulesFile = RULES,
    as_json: AsJson = False,
) -> None:
    """Open a session with a provider, send a little silence and wait for its first event. The provider may bill this."""
    name, _, model = target.partition("/")
    known = valid_rules(rules)
    account = _account(known, name, rules.parent)
    wanted = alias(known.providers[name], model)[1] if model else None
    err().print("billable: the provider may charge for this session; nothing is written to the log", style="dim")
    with progress(f"talking to {plain(name)}"):
        found = asyncio.run(_smoke(account, wanted))
    if as_json:
        print_json({"provider": name, "model": model or None, "ok": found.failure is None, "billable": True, **asdict(found)})
    else:
        _show(target, found)
    if found.failure is not None:
        raise typer.Exit(FAILED)


def _account(rules: Rules, name: str, folder: Path) -> Account:
    entry = rules.providers.get(name)
    if entry is None:
        raise Failure("VT105", f"no provider is called {name!r}", f"the rules have: {', '.join(rules.providers) or 'none'}")
    try:
        secret = read_secret(entry.credential, os.environ, private_reader(folder)) if entry.credential else None
    except Unresolved as error:
        raise Failure("VT105", f"the credential of {name!r} is missing: {error}", "set it and run this again") from None
    return Account(name, entry.kind, entry.url, secret, entry.api_version)


async def _smoke(account: Account, model: str | None) -> Probe:
    """The packaged simulator is not there before somebody needs it; every other provider is dialled where it is."""
    if account.kind != "simulator" or account.url is not None:
        return await _probe(account, model)
    from simulator import Simulator

    async with Simulator(record=False) as local:
        return await _probe(replace(account, url=local.base_url), model)


async def _probe(account: Account, model: str | None) -> Probe:
    from cli.probe import probe  # brings a WebSocket client with it, which no other command needs

    kind = provider_of(account.kind)
    endpoint = kind.endpoint(kind.session_path) or gateway_path(kind.session_path)
    if endpoint is None:
        raise Failure("VT105", f"{kind.title} has no session path that this command can open")
    try:
        upstream = kind.websocket(account, Ask(endpoint, model=model))
    except ProviderError as error:
        raise Failure("VT105", error.message) from None
    return await probe(upstream, model, named_in_url=endpoint.model_in_url, secret=account.credential)


def _show(target: str, found: Probe) -> None:
    rows = [("handshake", _ms(found.handshake_ms)), ("first event", _ms(found.first_event_ms))]
    if found.failure is None:
        rows += [("answered with", plain(found.first_event)), ("model", plain(found.reported_model or "not said by the provider"))]
        verdict = Text.assemble(("✓ ", "bold green"), f"{plain(target)} answers")
    else:
        rows.append(("reason", plain(f"{found.failure}: {found.detail}")))
        verdict = Text.assemble(("✗ ", "bold red"), f"{plain(target)} does not answer")
    for label, value in rows:
        out().print(f"{label:>14}  {value}", markup=False, soft_wrap=True)
    out().print(verdict, soft_wrap=True)


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} ms"
