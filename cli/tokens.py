"""`tokens`, `tokens revoke`: ephemeral keys that apps minted for browsers. None can be shown: only their hashes are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from cli.completion import complete_token
from cli.errors import Failure
from cli.keystore import open_state
from cli.keystore import stored_keys
from cli.options import DATA
from cli.options import RULES
from cli.options import AsJson
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import err
from cli.output import print_json
from cli.output import print_table
from cli.rulesfile import read_rules
from rules.access import Key
from rules.keys import state
from store.cells import clock
from store.tokens import Token
from store.tokens import Tokens

tokens = typer.Typer(rich_markup_mode=None)


@tokens.callback(invoke_without_command=True)
def list_tokens(context: typer.Context, rules: RulesFile = RULES, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """List the ephemeral keys that apps minted, until an hour after they expire; nothing here is secret."""
    if context.invoked_subcommand is not None:
        context.obj = data if _names_folder(context) else None
        return
    now = datetime.now(UTC)
    keys = [*_keys_of_rules(rules), *stored_keys(data)]
    with open_state(data) as opened:
        found = [_described(token, keys, now) for token in Tokens(opened).all()]
    if as_json:
        print_json(found)
    else:
        print_table(("id", "state", "key", "for", "expires"), [_row(row) for row in found])


@tokens.command()
def revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_token, help="The ephemeral key's id.")],
    data: DataFolder = DATA,
) -> None:
    """Revoke an ephemeral key; sessions that were opened with it end within a second."""
    with open_state(data if _names_folder(context) or context.obj is None else context.obj) as opened:
        if not Tokens(opened).revoke(name):
            raise Failure("VT104", f"there is no ephemeral key {name!r}", "./run.sh tokens")
    err().print(f"{name} is revoked", markup=False)


def _names_folder(context: typer.Context) -> bool:
    """Whether `--data` was written; before `revoke` it counts as well as behind it."""
    source = context.get_parameter_source("data")
    return source is not None and source.name == "COMMANDLINE"


def _keys_of_rules(rules: Path) -> Iterable[Key]:
    loaded = read_rules(rules)
    return loaded.rules.keys if loaded.rules is not None else ()


def _described(token: Token, keys: Iterable[Key], now: datetime) -> dict[str, Any]:
    return {
        "id": token.id,
        "state": _state(token, keys, now),
        "key": token.principal,
        "provider": token.provider,
        "model": token.model,
        "family": token.family,
        "route": token.route,
        "single_use": token.single_use,
        "origin": token.origin,
        "expires": token.expires.isoformat(),
    }


def _state(token: Token, keys: Iterable[Key], now: datetime) -> str:
    """Its own state, or that of the key which it does not outlive."""
    if (own := token.state(now)) != "ok":
        return own
    key = next((key for key in keys if key.id == token.principal), None)
    found = state(key, now) if key is not None else "removed"
    return "ok" if found == "ok" else f"key {found}"


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    return row["id"], row["state"], row["key"], f"{row['provider']}/{row['model']}", clock(row["expires"])
