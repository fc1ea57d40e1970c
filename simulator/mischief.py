"""The deeds behind the table of misbehaviours: what is written midway, and how events are rewritten on their way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Final

from simulator.timeline import Close
from simulator.timeline import Event
from simulator.timeline import Sent
from simulator.wire import SocketWire
from simulator.wire import Wire

_HUGE: Final = 5 * 1024 * 1024
_DEPTH: Final = 10_000
_PINGS: Final = 1_000
_TEXT_WITH_RSV1: Final = 0x80 | 0x40 | 0x01
_TEXT: Final = 0x80 | 0x01
_OF_AN_ANSWER: Final = ("response.", "rate_limits.")


async def drop(wire: Wire) -> None:
    """Cuts the connection."""
    wire.drop()


async def malformed(wire: Wire) -> None:
    """A message that stops in the middle of its JSON."""
    await wire.text(b'{"type":"response.output_audio.delta","event_id":"event_cut","delta":"AAAA')


async def huge(wire: Wire) -> None:
    """A valid message of 5 MiB."""
    ids = b'"event_id":"event_huge","response_id":"resp_huge","item_id":"item_huge","output_index":0,"content_index":0'
    await wire.text(b'{"type":"response.output_audio.delta",' + ids + b',"delta":"' + b"A" * _HUGE + b'"}')


async def deep(wire: Wire) -> None:
    """A valid message that no recursive parser survives."""
    await wire.text(b'{"type":"sim.deep","event_id":"event_deep","deep":' + b"[" * _DEPTH + b"]" * _DEPTH + b"}")


async def bad_utf8(wire: SocketWire) -> None:
    """A text frame with bytes that are no text."""
    wire.raw(bytes((_TEXT, 4)) + b"\xff\xfe\xc0\x80")


async def rsv1(wire: SocketWire) -> None:
    """A frame that claims to be compressed."""
    wire.raw(bytes((_TEXT_WITH_RSV1, 2)) + b"{}")


async def pings(wire: SocketWire) -> None:
    """Control frames in bulk."""
    for _ in range(_PINGS):
        await wire.ping()


async def plain(wire: Wire, payload: bytes) -> None:
    """As everybody sends it."""
    await wire.text(payload)


async def in_binary(wire: Wire, payload: bytes) -> None:
    """The same bytes as a binary message."""
    await wire.binary(payload)


async def in_fragments(wire: SocketWire, payload: bytes) -> None:
    """The same message in pieces."""
    await wire.fragments(payload)


async def twice(wire: Wire, payload: bytes) -> None:
    """The same message with another `type` before the true one."""
    await wire.text(b'{"type":"sim.first",' + payload[1:])


def unchanged(event: Event) -> Iterator[Sent]:
    """The event itself."""
    yield event


def stalled(event: Event) -> Iterator[Sent]:
    """Nothing of any answer."""
    if not _of_an_answer(event):
        yield event


def failed(event: Event) -> Iterator[Sent]:
    """Only the beginning and the end of an answer, and the end is bad."""
    if event["type"] == "response.done":
        error = {"type": "server_error", "code": "server_error", "message": "The simulated model failed."}
        response = {**event["response"], "status": "failed", "output": [], "usage": None}
        yield {**event, "response": {**response, "status_details": {"type": "failed", "error": error}}}
    elif event["type"] == "response.created" or not _of_an_answer(event):
        yield event


def without_usage(event: Event) -> Iterator[Sent]:
    """An answer that nobody can bill."""
    if event["type"] == "response.done":
        yield {**event, "response": {key: value for key, value in event["response"].items() if key != "usage"}}
    else:
        yield event


def out_of_quota(event: Event) -> Iterator[Sent]:
    """The bill was not paid."""
    yield from _instead_of_answer(event, "insufficient_quota", "insufficient_quota", "You exceeded your current quota.")


def expired(event: Event) -> Iterator[Sent]:
    """The hour is over."""
    reason = "Your session hit the maximum duration of 60 minutes."
    yield from _instead_of_answer(event, "invalid_request_error", "session_expired", reason)
    if event["type"] == "response.created":
        yield Close(1001, "session expired")


def with_unknown(event: Event) -> Iterator[Sent]:
    """Something new from the future first."""
    yield {"type": "sim.novelty", "event_id": f"{event.get('event_id', 'event')}n", "novelty": {"list": [1.10, None, "\u2028"]}}
    yield event


def _instead_of_answer(event: Event, kind: str, code: str, message: str) -> Iterator[Sent]:
    if event["type"] == "response.created":
        error: dict[str, Any] = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
        yield {"type": "error", "event_id": event["event_id"], "error": error}
    elif not _of_an_answer(event):
        yield event


def _of_an_answer(event: Event) -> bool:
    item = event.get("item")
    made = isinstance(item, dict) and (item.get("role") == "assistant" or item.get("type") == "function_call")
    return event["type"].startswith(_OF_AN_ANSWER) or (made and event["type"] in ("conversation.item.added", "conversation.item.done"))
