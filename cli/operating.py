"""What an operator asks of a running proxy about breakpoints, over its control port."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli.controlport import demand

Record = dict[str, Any]


def stop_at(data: Path, conditions: Sequence[str], *, timeout: float, once: bool) -> Record:
    """Set a breakpoint. Raises Failure VT105, VT108, VT117."""
    return demand(data, "/api/breakpoints", method="POST", body={"q": " ".join(conditions), "timeout": timeout, "once": once})


def take_away(data: Path, point: str) -> None:
    """Remove a breakpoint; what it paused goes on. Raises Failure VT116, VT108."""
    demand(data, f"/api/breakpoints/{_path(point)}", method="DELETE")


def standing(data: Path) -> Record:
    """`{breakpoints, paused}`. Raises Failure VT108, VT117."""
    return demand(data, "/api/breakpoints")


def paused(data: Path, name: str) -> Record:
    """A paused message with its content. Raises Failure VT116, VT108."""
    return demand(data, f"/api/paused/{_path(name)}")


def let_go(data: Path, name: str, body: dict[str, str]) -> Record:
    """Let it go on, or another in its place. Raises Failure VT105, VT116, VT108."""
    return demand(data, f"/api/paused/{_path(name)}/resume", method="POST", body=dict(body))


def drop(data: Path, name: str) -> Record:
    """Send nothing of it. Raises Failure VT116, VT108."""
    return demand(data, f"/api/paused/{_path(name)}/drop", method="POST")


def make(data: Path, session: str, side: str, body: dict[str, str]) -> Record:
    """Make a message of a side. Raises Failure VT105, VT116, VT108, VT117."""
    return demand(data, f"/api/sessions/{_path(session)}/inject", method="POST", body={"from": side, **body})


def outcome(done: Record) -> str:
    """What became of a message, in words."""
    left = {"passed": "", "changed": ", and changed by the rules", "dropped": ", and stopped by the rules"}
    return str(done["reason"]) + ("" if done["reason"] == "dropped" else left[done["outcome"]])


def _path(name: str) -> str:
    return quote(name, safe="")
