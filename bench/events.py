"""The realtime events the benchmark sends: GA spelling and field order, realistic sizes, ids of fixed width.

Sizes are bytes of the whole JSON text. An id is a placeholder of constant length, so that a prebuilt answer can be
given a fresh id by one replacement and every frame keeps its length.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any
from typing import Final

APPEND: Final = 6_400
"""100 ms of pcm16 at 24 kHz in base64, the size most SDKs send ten times a second."""

DELTA: Final = 4_096
RESPONSE: Final = "resp_" + "0" * 20
ITEM: Final = "item_" + "0" * 20
_WORDS: Final = "well, the order left our warehouse this morning and should reach you before noon tomorrow "


def text(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _audio(length: int) -> str:
    """Base64 of noise: what compressed or spoken audio looks like to a scanner. Length in characters, a multiple of 4."""
    return base64.b64encode(random.Random(length).randbytes(length // 4 * 3)).decode()


def _filled(event: dict[str, Any], field: str, size: int) -> bytes:
    return text(event | {field: _audio(size - len(text(event | {field: ""})))})


def append(size: int = APPEND) -> bytes:
    return _filled({"type": "input_audio_buffer.append"}, "audio", size)


def _delta(kind: str) -> dict[str, Any]:
    ids = {"event_id": "event_" + "0" * 20, "response_id": RESPONSE, "item_id": ITEM}
    return {"type": kind, **ids, "output_index": 0, "content_index": 0}


def audio_delta(size: int = DELTA) -> bytes:
    return _filled(_delta("response.output_audio.delta"), "delta", size)


def transcript_delta(index: int = 0) -> bytes:
    """A word or two, as a provider sends them beside the audio; about 230 bytes."""
    start = index * 7 % (len(_WORDS) - 12)
    return transcript(_WORDS[start : start + 12])


def transcript(words: str) -> bytes:
    return text(_delta("response.output_audio_transcript.delta") | {"delta": words})


def response_created() -> bytes:
    response = {"id": RESPONSE, "object": "realtime.response", "status": "in_progress", "output": []}
    return text({"type": "response.created", "event_id": "event_c", "response": response})


def response_done() -> bytes:
    content = [{"type": "output_audio", "transcript": _WORDS * 4}]
    item = {"id": ITEM, "object": "realtime.item", "type": "message", "status": "completed", "role": "assistant", "content": content}
    usage = {
        "total_tokens": 1_250,
        "input_tokens": 850,
        "output_tokens": 400,
        "input_token_details": {"text_tokens": 250, "audio_tokens": 600, "cached_tokens": 0},
        "output_token_details": {"text_tokens": 80, "audio_tokens": 320},
    }
    response = {"id": RESPONSE, "object": "realtime.response", "status": "completed", "output": [item], "usage": usage}
    return text({"type": "response.done", "event_id": "event_d", "response": response})


def session(kind: str) -> bytes:
    """`session.created` or `session.updated`."""
    side = {"format": {"type": "audio/pcm", "rate": 24_000}}
    body = {"type": "realtime", "id": "sess_bench", "object": "realtime.session", "model": "bench"}
    return text({"type": kind, "event_id": "event_s", "session": body | {"audio": {"input": side, "output": side}}})


def session_update(name: str, *, echo: bool = False) -> bytes:
    """Names the session for the upstream through its instructions; `echo` asks for one audio delta per append."""
    return text({"type": "session.update", "session": {"type": "realtime", "instructions": f"{name} echo" if echo else name}})


def commit() -> bytes:
    return text({"type": "input_audio_buffer.commit"})


def committed() -> bytes:
    return text({"type": "input_audio_buffer.committed", "event_id": "event_i", "previous_item_id": None, "item_id": ITEM})


def response_create(deltas: int, size: int = DELTA, *, transcript: bool = True) -> bytes:
    """Asks for an answer of `deltas` audio deltas of `size` bytes, each followed by a transcript delta if wanted."""
    metadata = {"deltas": str(deltas), "size": str(size), "transcript": "yes" if transcript else "no"}
    return text({"type": "response.create", "response": {"metadata": metadata}})
