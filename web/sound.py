"""Recorded sound over the control port: each side of a turn, the whole session in stereo, the peaks to draw them by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from store import soundfolder
from store.spans import SIDES
from web.answers import Refused
from web.ranges import file_answer

Find = Callable[[str], Awaitable[dict[str, Any]]]
"""The record of a session. Raises Refused 404."""

STATES: Final = {
    None: "its sound was not recorded; log.audio in rules.yaml says whether sound is",
    "recording": "its sound is being recorded; it can be heard when the session is over",
    "making": "its sound is being made ready; try again in a moment",
    "empty": "there was no sound in it",
    "failed": "its sound could not be stored",
    "erased": "its sound was erased, or log.retention.audio is over",
    "no_consent": "its sound was not recorded, since its client did not say that it may be (log.consent)",
}
"""Why the sound of a recording in this state is not there; those that are `ready` have theirs."""


class Sound:
    """The routes of recorded sound below `/api/sessions/{id}`."""

    def __init__(self, data: Path, find: Find) -> None:
        self._data = data
        self._find = find
        self.routes = [
            Route("/api/sessions/{id}/audio.wav", self.stereo),
            Route("/api/sessions/{id}/peaks.json", self.peaks),
            Route("/api/sessions/{id}/audio/{turn}/{side}.wav", self.clip),
        ]

    async def stereo(self, request: Request) -> Response:
        """Both sides at once, the user on the left."""
        return await self._answer(request, soundfolder.STEREO, "audio/wav")

    async def peaks(self, request: Request) -> Response:
        return await self._answer(request, soundfolder.PEAKS, "application/json")

    async def clip(self, request: Request) -> Response:
        turn, side = request.path_params["turn"], request.path_params["side"]
        if side not in SIDES:
            raise Refused(404, f"a turn has the sides {' and '.join(SIDES)}, not {side[:40]!r}", code="unknown_side")
        if not (turn.isascii() and turn.isdigit() and len(turn) < 10):
            raise Refused(404, f"turns are numbered from 1, there is none called {turn[:40]!r}", code="unknown_turn")
        return await self._answer(request, soundfolder.clip(int(turn), side), "audio/wav")

    async def _answer(self, request: Request, name: str, media_type: str) -> Response:
        record = await self._find(request.path_params["id"])
        recording = record.get("recording") or {}
        if (state := recording.get("state")) != "ready":
            raise Refused(404, f"session {record['id']}: {STATES[state]}", code="no_audio")
        try:
            folder = soundfolder.relative(record["started_at"], record["id"])
            descriptor = await asyncio.to_thread(soundfolder.open_product, self._data, folder, name)
        except (OSError, ValueError):
            raise Refused(404, f"session {record['id']}: {_missing(recording, name)}", code="no_audio") from None
        return file_answer(request, FileIO(descriptor), media_type)


def _missing(recording: dict[str, Any], name: str) -> str:
    turn, _, side = name.removesuffix(".wav").partition("-")
    if (why := _silenced(recording, turn, side)) is not None:
        return f"the {side}'s sound of turn {turn} is not kept: {why}"
    if turn.isdigit() and int(turn) not in recording["turns"]:
        return f"turn {turn} has no sound of its own; those with sound: {', '.join(map(str, recording['turns'][:50])) or 'none'}"
    return f"{name} is not there: this side of the turn was silent, or log.retention.audio is over"


def _silenced(recording: dict[str, Any], turn: str, side: str) -> str | None:
    """Why a side of a turn is not kept, where that is because of its words."""
    found = next((part for part in recording.get("silenced", ()) if (str(part["turn"]), part["side"]) == (turn, side)), None)
    if found is None:
        return None
    named = ", ".join(found["policies"])
    return f"its words did not cross as they were said (policy {named})" if named else "it is not settled that its words may be"
