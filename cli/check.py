"""`check`: everything that is wrong with a rules file, at once, with line, column and caret."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from cli.comparison import replay
from cli.comparison import show_replay
from cli.completion import complete_session
from cli.errors import BAD_INPUT
from cli.errors import Failure
from cli.keystore import stored_ids
from cli.options import DATA
from cli.options import RULES
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.rulesfile import read_rules
from cli.rulesfile import rendered
from cli.rulesfile import valid_rules
from rules.load import Loaded


def check(
    file: Annotated[
        Path, typer.Argument(envvar="VOICETAP_RULES", show_default="rules.yaml beside run.sh", help="The rules to check.")
    ] = RULES,
    session: Annotated[
        str | None,
        typer.Option(
            "--replay",
            metavar="ID",
            autocompletion=complete_session,
            help="Show what its policies would have done to this recorded session (log.frames), compared with what was done.",
        ),
    ] = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Check a rules file, with the inline tests of its policies. Exits with 2 when it has errors."""
    if session is not None:
        show_replay(replay(data, session, valid_rules(file, _known_keys(data))), as_json=as_json)
        return
    loaded = read_rules(file, _known_keys(data))
    if as_json:
        print_json(_report(file, loaded))
    else:
        _show(file, loaded)
    if loaded.rules is None:
        raise typer.Exit(BAD_INPUT)


def _known_keys(data: Path) -> list[str]:
    """Keys of the data folder that the rules may name; a folder that cannot be read is no fault of the rules."""
    try:
        return stored_ids(data)
    except Failure as failure:
        err().print(f"keys of the data folder are left out: {failure.message}", style="yellow", markup=False, soft_wrap=True)
        return []


def _report(file: Path, loaded: Loaded) -> dict[str, Any]:
    return {"file": str(file), "valid": loaded.rules is not None, "diagnostics": [asdict(found) for found in loaded.diagnostics]}


def _show(file: Path, loaded: Loaded) -> None:
    for found in loaded.diagnostics:
        out().print(rendered(found, loaded.name), soft_wrap=True)
    counts = Counter(found.severity for found in loaded.diagnostics)
    parts = [f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}" for severity in ("error", "warning") if counts[severity]]
    out().print(f"{file}: {', '.join(parts) or 'no errors'}", markup=False, soft_wrap=True)
