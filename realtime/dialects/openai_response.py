"""How an answer of the OpenAI family ended: status, reason, error, final text, tool calls, usage."""

from __future__ import annotations

from typing import Final
from typing import Literal

from realtime.dialects.error_event import error_of
from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import objects
from realtime.dialects.fields import text
from realtime.dialects.openai_items import tool_call
from realtime.signals import ResponseFinished
from realtime.signals import ToolCall
from realtime.usage import read_usage

_STATUS: Final[dict[str, Literal["completed", "cancelled", "incomplete", "failed"]]] = {
    "completed": "completed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "incomplete": "incomplete",
    "failed": "failed",
}

_WORDS: Final = ("text", "transcript", "refusal")


def response_id(event: Fields) -> str | None:
    """The id of the answer an event belongs to, where the event names it."""
    return text(obj(event, "response"), "id") or text(event, "response_id")


def finished(event: Fields) -> ResponseFinished:
    """`response.done`. A missing or unknown status is `completed`, or `failed` where an error stands beside it."""
    response = obj(event, "response")
    details = obj(response, "status_details")
    error = error_of(details.get("error"))
    status = _STATUS.get(text(response, "status") or "", "failed" if error else "completed")
    return ResponseFinished(
        response_id=response_id(event),
        status=status,
        reason=text(details, "reason"),
        error=error,
        text=_final_text(response),
        tools=_tools(response, response_id(event)),
        usage=read_usage(event),
        model=text(response, "model"),
    )


def _final_text(response: Fields) -> str | None:
    """Of each message part its text, else its transcript, else its refusal, in order; None where no part has any."""
    parts = [part for item in objects(response, "output") if item.get("role") != "user" for part in objects(item, "content")]
    words = [found for part in parts if (found := _words(part)) is not None]
    return "".join(words) if words else None


def _words(part: Fields) -> str | None:
    found = [words for name in _WORDS if (words := text(part, name)) is not None]
    return next(filter(None, found), "") if found else None


def _tools(response: Fields, owner: str | None) -> tuple[ToolCall, ...]:
    calls = (tool_call(item, owner) for item in objects(response, "output") if item.get("type") == "function_call")
    return tuple(call for call in calls if call is not None)
