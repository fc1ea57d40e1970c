"""Asks the control port of the proxy that serves a data folder, wherever that listens at the moment."""

from __future__ import annotations

from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT
from ssl import SSLContext
from typing import Any
from typing import Final
from typing import Literal

from cli.errors import Failure
from cli.runfile import find_running
from cli.runfile import reached
from cli.runfile import read_token
from cli.whoami import user

_SECONDS: Final = 10.0
_OVER: Final = (404, 409)
_BAD: Final = 400
_REFUSED: Final = {
    400: ("VT105", "./run.sh break --help"),
    403: ("VT117", "write breakpoints: true in rules.yaml"),
    404: ("VT116", "./run.sh break list"),
    409: ("VT116", "./run.sh break list"),
    413: ("VT105", "limits.message in rules.yaml says how large a message may be"),
}
"""Status -> code of the failure, and what to do."""

Method = Literal["GET", "POST", "DELETE"]


def ask(data: Path, path: str, *, method: Literal["GET", "POST"] = "GET", **parameters: str | int) -> dict[str, Any] | None:
    """What it answers; None where what the path names is not there, or over. Raises Failure VT108."""
    status, found, address = _answer(data, path, method, parameters=parameters)
    if status in _OVER:
        return None
    if status >= _BAD:
        raise Failure("VT108", f"the control port at {address} answered {status}", "the log of the proxy says why")
    return found


def demand(data: Path, path: str, *, method: Method = "GET", body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What it answers to something about breakpoints; its own words where it refuses. Raises Failure VT105, VT108, VT116, VT117."""
    status, found, address = _answer(data, path, method, body=body)
    if status < _BAD:
        return found
    code, fix = _REFUSED.get(status, ("VT108", "the log of the proxy says why"))
    error = found.get("error") or {}
    raise Failure(code, str(error.get("message") or f"the control port at {address} answered {status}"), fix)


def _answer(
    data: Path, path: str, method: Method, *, parameters: dict[str, str | int] | None = None, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any], str]:
    """Status, what it says, and where it is. Raises Failure VT108."""
    import httpx2  # takes a while to import, which other commands need not wait for

    running, token = find_running(data), read_token(data)
    if running is None or token is None:
        raise Failure("VT108", f"no proxy serves {data}", "start it, or name its folder with --data")
    url = f"http://{reached(running.control)}{path}"
    headers = {"Authorization": f"Bearer {token}", "User-Agent": f"run.sh ({user()})"}
    try:
        with httpx2.Client(
            timeout=_SECONDS, trust_env=False, verify=SSLContext(PROTOCOL_TLS_CLIENT)
        ) as client:  # reads no CA files: no TLS
            answer = client.request(method, url, headers=headers, params=parameters or None, json=body)
    except httpx2.HTTPError as error:
        raise Failure(
            "VT108", f"the control port at {running.control} does not answer: {type(error).__name__}", "./run.sh doctor"
        ) from None
    try:
        return answer.status_code, answer.json(), running.control
    except ValueError:
        return answer.status_code, {}, running.control
