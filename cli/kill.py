"""`kill`: ends live sessions by hand, one or all of a key, through the control port of the proxy that serves the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from cli.completion import complete_key
from cli.completion import complete_session
from cli.controlport import ask
from cli.errors import Failure
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import print_json
from cli.records import find_session


def kill(
    session: Annotated[
        str | None, typer.Argument(metavar="[SESSION]", autocompletion=complete_session, help="The session, or the start of its id.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="NAME", autocompletion=complete_key, help="End all sessions of this key; the key still works.")
    ] = None,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """End a live session, or all of a key, on both sides at once."""
    if (session is None) == (key is None):
        raise Failure("VT105", "kill takes a session or --key NAME", "./run.sh kill ses_… or ./run.sh kill --key kiosk")
    killed = _kill_key(data, key) if key is not None else [kill_session(data, session or "")]
    if as_json:
        print_json({"killed": killed})
    elif killed:
        err().print(f"ended: {', '.join(killed)}", markup=False, soft_wrap=True)
    else:
        err().print(f"the key {key} has no live session", markup=False)


def kill_session(data: Path, session: str) -> str:
    """End a live session; returns its id. Raises Failure VT103 for one that is over, or never was, and VT108."""
    found: str = find_session(data, session)["id"]
    if ask(data, f"/api/sessions/{quote(found, safe='')}/kill", method="POST") is None:
        raise Failure("VT103", f"the session {found} is over", "./run.sh sessions status=live")
    return found


def _kill_key(data: Path, key: str) -> list[str]:
    answer = ask(data, f"/api/keys/{quote(key, safe='')}/kill", method="POST")
    return list(answer["killed"]) if answer is not None else []
