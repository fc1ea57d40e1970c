"""The transcript of a spoken item as it arrives: deltas word by word, then the whole with its usage."""

from __future__ import annotations

import re
from typing import Final

from simulator.conversation import Entry
from simulator.timeline import Steps
from simulator.usage import transcription_usage

_WORD: Final = re.compile(r"\s*\S+")
_TYPE: Final = "conversation.item.input_audio_transcription"
_FIRST_WAIT: Final = 0.2
_WORD_WAIT: Final = 0.03


def transcription(entry: Entry, model: str, pace: float) -> Steps:
    """The events of one spoken item; `whisper-1` knows no partial results and sends its one delta whole."""
    place = {"item_id": entry.id, "content_index": 0}
    wait = _FIRST_WAIT * pace
    for delta in [entry.heard] if model == "whisper-1" else _WORD.findall(entry.heard):
        yield wait, {"type": f"{_TYPE}.delta", **place, "delta": delta}
        wait = _WORD_WAIT * pace
    usage = transcription_usage(model, entry.audio_ms, entry.heard)
    yield 0.0, {"type": f"{_TYPE}.completed", **place, "transcript": entry.heard, "usage": usage}
    entry.item["content"][0]["transcript"] = entry.heard
