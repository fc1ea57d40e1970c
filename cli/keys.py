"""`keys new|list|revoke`: virtual keys. A key is shown once, when it is made; only its hash is kept, in the data folder."""

from __future__ import annotations

import os
from datetime import UTC
from datetime import datetime
from typing import Annotated
from typing import Any

import typer
from pydantic import ValidationError

from cli.completion import complete_key
from cli.errors import Failure
from cli.keystore import add_key
from cli.keystore import revoke_key
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
from rules.keys import hash_key
from rules.keys import new_key
from rules.keys import state
from store.cells import clock

keys = typer.Typer(help="Make, list and revoke virtual keys.", no_args_is_help=True, rich_markup_mode=None)


@keys.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The id of the key in records and rules.")],
    models: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="A model it may use; may be repeated. Any without.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="The last day it works, such as 2027-01-31.")] = None,
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a key, print it this once, and keep its hash; a running proxy takes it at once."""
    secret = new_key(os.urandom(32))
    made = _key(name, hash_key(secret), models, expires)
    loaded = read_rules(rules)
    if loaded.rules is not None and any(key.id == name for key in loaded.rules.keys):
        raise Failure("VT104", f"the rules have a key {name!r} already", "choose another name")
    add_key(data, made)
    if as_json:
        print_json({"id": name, "key": secret, "hash": made["hash"]})
        return
    typer.echo(secret)
    err().print("This is the only time it is shown. To keep it in the rules instead of the data folder, revoke it here and add under keys:")
    err().print(f"  - {_yaml(made)}", markup=False, soft_wrap=True)


@keys.command("list")
def list_keys(rules: RulesFile = RULES, data: DataFolder = DATA, as_json: AsJson = False) -> None:
    """List the keys of the rules and of the data folder; nothing here is secret."""
    loaded = read_rules(rules)
    known = [("rules", key) for key in (loaded.rules.keys if loaded.rules else ())] + [("data", key) for key in stored_keys(data)]
    now = datetime.now(UTC)
    found = [_described(key, source, now) for source, key in known]
    if loaded.rules is None:
        err().print(
            f"{rules} has errors, so its keys are not listed; `./run.sh check` shows them", markup=False, style="yellow", soft_wrap=True
        )
    if as_json:
        print_json(found)
    else:
        print_table(("key", "state", "from", "models", "expires"), [_row(row) for row in found])


@keys.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_key, help="The key's id.")],
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
) -> None:
    """Revoke a key of the data folder; its open sessions end within a second."""
    if revoke_key(data, name):
        err().print(f"{name} is revoked", markup=False)
        return
    loaded = read_rules(rules)
    if loaded.rules is not None and any(key.id == name for key in loaded.rules.keys):
        raise Failure("VT104", f"the key {name!r} stands in {rules}", "add `revoked: true` to it there; a running proxy sees that at once")
    raise Failure("VT104", f"there is no key {name!r}", "./run.sh keys list")


def _key(name: str, digest: str, models: list[str] | None, expires: str | None) -> dict[str, Any]:
    """The key's record. Raises Failure VT105 for a name, glob or date that cannot be used."""
    given = {"id": name, "hash": digest, "models": models, "expires": expires}
    made = {field: value for field, value in given.items() if value is not None}
    try:
        Key.model_validate(made)
    except ValidationError as error:
        first = error.errors()[0]
        raise Failure("VT105", f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "./run.sh keys new --help") from None
    return made


def _described(key: Key, source: str, now: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "state": state(key, now),
        "from": source,
        "models": None if key.models is None else list(key.models),
        "expires": key.expires.isoformat() if key.expires else None,
    }


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    models = "any" if row["models"] is None else ", ".join(row["models"]) or "none"
    return row["id"], row["state"], row["from"], models, clock(row["expires"]) if row["expires"] else "never"


def _yaml(made: dict[str, Any]) -> str:
    parts = [f"{name}: [{', '.join(value)}]" if isinstance(value, list) else f"{name}: {value}" for name, value in made.items()]
    return "{" + ", ".join(parts) + "}"
