"""What twenty policies cost, on sound that none of them looks at and on words that all of them read, and what redacting delays.

The policies find nothing in what is said here. Words are timed from the provider's write to the client's read of the last of
their letters, as they come in the pace of speech; sound beside them likewise.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from array import array
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect

from bench import events
from bench.clock import quantile
from bench.load import Session
from bench.peers import Target
from bench.peers import voicetap_under
from bench.run import Row
from bench.run import Run
from bench.run import Sample
from bench.settings import POLICIES
from bench.talk import costed
from bench.talk import repeated
from bench.talk import sessions
from bench.upstream import Upstream
from bench.wire import client_frame
from bench.wire import server_frame

_APPENDS: Final = 20
_TURN_TEXTS: Final = 50 + 2
"""Transcript deltas of an answer, and the two events around them."""

_TURN_FRAMES: Final = 1 + 50 + _TURN_TEXTS
_ECHOED: Final = client_frame(events.append()) * _APPENDS
_ASK: Final = client_frame(events.response_create(50, 1_024))
_PER_SECOND: Final = 20
_WORD: Final = re.compile("w[0-9]{5} ")
_DELAYED: Final = ("no policies", "20 detectors that redact")
"""Only what redacts holds anything back."""

_names = count(1)


async def _echoes(session: Session) -> int:
    await session.ask(_ECHOED, _APPENDS)
    return 2 * _APPENDS


async def _turn(session: Session) -> int:
    await session.ask(_ASK, _TURN_FRAMES - 1)
    return _TURN_FRAMES


async def _cost(target: Target, step: Callable[[Session], Any], seconds: float, *, echo: bool) -> float:
    """CPU microseconds a frame."""
    async with sessions(target, 1, echo=echo) as opened:
        (session,) = opened.values()
        await repeated(lambda: step(session), seconds / 4)
        return (await costed(target, repeated(lambda: step(session), seconds)))["us_per_frame"]


class _Heard:
    """When each word, and each piece of sound, came to the client."""

    def __init__(self) -> None:
        self.words: list[float] = []
        self.sounds: list[float] = []
        self._rest = ""

    async def listen(self, socket: ClientConnection, expected: int) -> None:
        while len(self.words) < expected or len(self.sounds) < expected:
            event = json.loads(await socket.recv())
            now = perf_counter()
            if event["type"] == "response.output_audio.delta":
                self.sounds.append(now)
            elif event["type"] == "response.output_audio_transcript.delta":
                self._rest += event["delta"]
                found = _WORD.findall(self._rest)
                self.words += [now] * len(found)
                self._rest = _WORD.sub("", self._rest)


async def _say(upstream: Upstream, words: int) -> list[float]:
    """So many words in the pace of speech, each with sound; returns when each was written."""
    sound, left, began = server_frame(events.audio_delta(1_024)), [], perf_counter()
    for number in range(words):
        await asyncio.sleep(max(0.0, began + number / _PER_SECOND - perf_counter()))
        left.append(perf_counter())
        upstream.transport.write(server_frame(events.transcript(f"w{number:05} ")) + sound)
    return left


async def _delays(run: Run, target: Target, seconds: float) -> Sample:
    name, words = f"words-{next(_names)}", int(seconds * _PER_SECOND)
    url = f"ws://{target.host}:{target.port}{target.path}"
    async with connect(url, additional_headers=target.headers, compression=None) as socket:
        await socket.recv()
        await socket.send(events.session_update(name).decode())
        await socket.recv()
        heard = _Heard()
        left, _ = await asyncio.gather(_say(run.upstream.named[name], words), asyncio.wait_for(heard.listen(socket, words), seconds + 10))
    took = {"text": heard.words, "audio": heard.sounds}
    return {
        f"{what}_p{share}_ms": quantile(array("d", (at - sent for at, sent in zip(came, left, strict=True))), share / 100)
        for what, came in took.items()
        for share in (50, 99)
    }


async def _measured(run: Run, target: Target, *, delays: bool) -> Sample:
    seconds = run.scale.seconds
    return {
        "append_us": 2 * await _cost(target, _echoes, seconds, echo=True),
        "turn_us": _TURN_FRAMES * await _cost(target, _turn, seconds, echo=False),
        **(await _delays(run, target, run.scale.pace) if delays else {}),
    }


async def _rounds(run: Run, kind: str) -> Sample:
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        async with voicetap_under(run.upstream.port, Path(home), policies=POLICIES[kind]) as target:
            samples = [await _measured(run, target, delays=kind in _DELAYED) for _ in range(run.scale.rounds)]
    return {name: median(sample[name] for sample in samples) for name in samples[0]}


async def measure(run: Run) -> list[Row]:
    """A row for each kind of twenty policies: what they add to an append and to an event with words, and the delays of words and sound."""
    if "voicetap" not in run.peers:
        return []
    rows: list[Row] = []
    base: Sample = {}
    for kind in POLICIES:
        figures = await _rounds(run, kind)
        base = base or figures
        added = {
            "append_added_us": figures["append_us"] - base["append_us"],
            "text_added_us": (figures["turn_us"] - base["turn_us"]) / _TURN_TEXTS,
        }
        rows.append({"peer": kind, **figures, **added})
        run.say(f"  {rows[-1]}")
    return rows
