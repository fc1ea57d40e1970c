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

_SECONDS: Final = 10.0
_OVER: Final = (404, 409)


def ask(data: Path, path: str, *, method: Literal["GET", "POST"] = "GET", **parameters: str | int) -> dict[str, Any] | None:
    """What it answers; None where what the path names is not there, or over. Raises Failure VT108."""
    import httpx2  # takes a while to import, which other commands need not wait for

    running, token = find_running(data), read_token(data)
    if running is None or token is None:
        raise Failure("VT108", f"no proxy serves {data}", "start it, or name its folder with --data")
    url, headers = f"http://{reached(running.control)}{path}", {"Authorization": f"Bearer {token}"}
    try:
        with httpx2.Client(
            timeout=_SECONDS, trust_env=False, verify=SSLContext(PROTOCOL_TLS_CLIENT)
        ) as client:  # reads no CA files: no TLS
            answer = client.request(method, url, headers=headers, params=parameters or None)
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
