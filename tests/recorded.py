"""The log of a running proxy, read by the command line within the test's own process: the same answers, without a start of Python each."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.__main__ import app
from store.reader import LogReader

Record = dict[str, Any]

_PATIENCE = 25.0
"""Seconds after which a record that does not come fails the test."""


class Shown:
    """What `show --json` printed of one session."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = json.loads(text)
        self.session: Record = found["session"]
        self.turns: list[Record] = found["turns"]

    @property
    def tools(self) -> list[str]:
        """The tools that were called, in order."""
        return [call["name"] for turn in self.turns for call in turn["tool_calls"]]

    @property
    def said(self) -> list[str]:
        """What the model said in each turn that has words; in transcription sessions, what was understood."""
        return [text for turn in self.turns if (text := turn["input" if turn["trigger"] == "transcription" else "output"])]

    @property
    def close(self) -> tuple[int, str, str]:
        ending = self.session["close"]
        return ending["code"], ending["reason"], ending["side"]


async def shown(data: Path, name: str, field: str = "grouping") -> Shown:
    """The session that its client called `name` (in `baggage`), or with another `field` of that value, once its end is in the log."""
    session = await ended(data, name, field)
    result = CliRunner().invoke(app, ["show", session["id"], "--json", "--data", str(data)])
    assert result.exit_code == 0, result.output
    return Shown(result.stdout)


async def ended(data: Path, name: str, field: str = "grouping") -> Record:
    """The record of that session, as soon as it has an end."""
    reader, deadline = LogReader(data), time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        found = [session for session in reader.sessions() if session[field] == name]
        assert len(found) <= 1, f"{len(found)} sessions have {field} {name!r}"
        if found and found[0]["ended_at"] is not None:
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError(f"the log has no ended session with {field} {name!r}")


def named(grouping: str, **more: str) -> dict[str, str]:
    """Request headers that give a session its name in the log."""
    return {"baggage": f"session-id={grouping}"} | more
