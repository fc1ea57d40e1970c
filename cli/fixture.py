"""A recorded session as a conversation of a corpus (cli/transcripts.py): who said what, which tools were called and what they found.

Timing, interruptions and sound are not part of it; an answer that was broken off is as much of it as was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Final

from cli.configured import Configured
from cli.records import Record
from realtime.inputs import UNAVAILABLE

Message = dict[str, Any]

_SPOKEN: Final = ("speech_stopped", "commit", "append")
"""What `clocks.since` has where the user spoke, docs/turns.md."""


class Unrecorded(Exception):
    """The log does not have what a conversation is made of; says what is not there."""


def transcript(session: Record, turns: Sequence[Record], setup: Configured | None) -> dict[str, Any]:
    """One line of a corpus. Turns outside of the conversation are left out. Raises Unrecorded."""
    held = [turn for turn in turns if not turn["out_of_band"]]
    if not held or any(turn["trigger"] == "transcription" for turn in held):
        raise Unrecorded("it has no answers of a model")
    orders = setup.instructions if setup is not None else None
    messages: list[Message] = [{"role": "system", "content": orders}] if orders else []
    results: list[Message] = []
    for turn in held:
        messages += [*results, *_user(turn), _answer(turn)]
        results = list(_results(turn))
    tools = [tool for tool in setup.tools if "type" in tool] if setup is not None else []
    return {"name": session["id"], "messages": messages, **({"tools": tools} if tools else {})}


def _user(turn: Record) -> Iterator[Message]:
    words = _known(turn, turn, "input")
    if turn["trigger"] == "vad" or (words and turn["clocks"].get("since") in _SPOKEN):
        yield {"role": "user", "content": words or UNAVAILABLE, "spoken": True}
    elif words:
        yield {"role": "user", "content": words}


def _answer(turn: Record) -> Message:
    calls = [{"id": call["call_id"], "type": "function", "function": _function(turn, call)} for call in turn["tool_calls"]]
    return {"role": "assistant", "content": _known(turn, turn, "output"), **({"tool_calls": calls} if calls else {})}


def _function(turn: Record, call: Record) -> dict[str, str]:
    return {"name": call["name"], "arguments": _known(turn, call, "arguments")}


def _results(turn: Record) -> Iterator[Message]:
    """What the app handed back after the turn."""
    for call in turn["tool_calls"]:
        if call["result_chars"] is not None:
            yield {"role": "tool", "tool_call_id": call["call_id"], "content": _known(turn, call, "result")}


def _known(turn: Record, holder: Record, field: str) -> str:
    """A text of the log. Raises Unrecorded where it was not kept."""
    found: str | None = holder.get(field)
    if found is None and holder[f"{field}_chars"]:
        raise Unrecorded(f"the {field} of turn {turn['index']} is {turn.get('content', 'not stored')}")
    return found or ""
