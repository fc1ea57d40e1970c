"""`kill`: ends live sessions by hand, one or all of a key, through the control port of the proxy that serves the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Final
from urllib.parse import quote

import typer

from cli.completion import complete_key
from cli.completion import complete_session
from cli.errors import Failure
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import print_json
from cli.records import find_session
from cli.runfile import find_running
from cli.runfile import reached
from cli.runfile import read_token

_SECONDS: Final = 10.0
_OVER: Final = (404, 409)


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
    killed = _kill_key(data, key) if key is not None else [_kill_session(data, session or "")]
    if as_json:
        print_json({"killed": killed})
    elif killed:
        err().print(f"ended: {', '.join(killed)}", markup=False, soft_wrap=True)
    else:
        err().print(f"the key {key} has no live session", markup=False)


def _kill_session(data: Path, session: str) -> str:
    """Raises Failure VT103 for a session that is over, or never was."""
    found: str = find_session(data, session)["id"]
    if _ask(data, f"/api/sessions/{quote(found, safe='')}/kill") is None:
        raise Failure("VT103", f"the session {found} is over", "./run.sh sessions status=live")
    return found


def _kill_key(data: Path, key: str) -> list[str]:
    answer = _ask(data, f"/api/keys/{quote(key, safe='')}/kill")
    return list(answer["killed"]) if answer is not None else []


def _ask(data: Path, path: str) -> dict[str, Any] | None:
    """What the control port answers; None where there is nothing to end. Raises Failure VT108."""
    import httpx2  # takes a while to import, which other commands need not wait for

    running, token = find_running(data), read_token(data)
    if running is None or token is None:
        raise Failure("VT108", f"no proxy serves {data}", "start it, or name its folder with --data")
    try:
        headers = {"Authorization": f"Bearer {token}"}
        answer = httpx2.post(f"http://{reached(running.control)}{path}", headers=headers, timeout=_SECONDS, trust_env=False)
    except httpx2.HTTPError as error:
        raise Failure(
            "VT108", f"the control port at {running.control} does not answer: {type(error).__name__}", "./run.sh doctor"
        ) from None
    if answer.status_code in _OVER:
        return None
    if answer.is_error:
        raise Failure("VT108", f"the control port at {running.control} answered {answer.status_code}", "the log of the proxy says why")
    found: dict[str, Any] = answer.json()
    return found
