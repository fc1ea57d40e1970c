"""The conversation of the demo as a WebRTC call: two spoken turns, a tool, and a long answer that the user talks into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from typing import Final

import httpx2
from openai import AsyncOpenAI
from openai import OpenAIError

from cli.call import Call
from cli.call import Event
from cli.call import mint
from cli.call import with_secret
from cli.conversation import SESSION
from cli.conversation import UTTERANCES
from cli.conversation import Said
from cli.conversation import weather
from cli.sound import VOICE
from simulator.audio import silence
from simulator.audio import speak

_LONG: Final = "Tell me a story."
_LISTENED: Final = 1.0
"""Seconds of the story that are listened to."""

_PAUSE_MS: Final = 700


async def converse(base_url: str, key: str, model: str) -> AsyncIterator[Said]:
    """Hold the conversation at `base_url`; yields each line when it is complete. Raises RuntimeError when it breaks off."""
    try:
        async with AsyncOpenAI(base_url=base_url, api_key=key) as client:
            secret = await mint(client, {**SESSION, "model": model})
        yield Said("call", f"a client secret for it: {secret[:9]}…")
        async with Call(with_secret(base_url, secret)) as call:
            yield Said("call", f"answered in {call.answered_ms:.0f} ms, connected in {call.connected_ms:.0f} ms: {call.answer.location}")
            for words in UTTERANCES:
                await _speak(call, words)
                async for line in _listen(call):
                    yield line
            async for line in _interrupt(call):
                yield line
            yield Said("call", f"hung up; {call.ear.seconds:.1f} s of sound came, {call.ear.audible:.1f} s of it audible")
    except (OpenAIError, httpx2.HTTPError, OSError) as error:
        raise RuntimeError(str(error) or type(error).__name__) from error


async def _speak(call: Call, words: str) -> None:
    await call.microphone.say(speak(words, VOICE) + silence(_PAUSE_MS, VOICE))


async def _interrupt(call: Call) -> AsyncIterator[Said]:
    """Ask for something long, and speak while it is being said."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": _LONG}]}
    call.send({"type": "conversation.item.create", "item": item})
    call.send({"type": "response.create"})
    yield Said("user", f"{_LONG} (written)")
    await call.ear.hears(_LISTENED)
    await _speak(call, UTTERANCES[0])
    async for line in _listen(call):
        yield line


async def _listen(call: Call) -> AsyncIterator[Said]:
    """Read until the user's words are known and an answer is complete and was played: a polite user does not talk into it."""
    heard, answer, played = False, "", set()
    async for event in call.events():
        match event["type"]:
            case "error":
                raise RuntimeError(f"the server said: {event['error']['message']}")
            case "conversation.item.input_audio_transcription.completed":
                heard = True
                yield Said("user", event["transcript"])
            case "output_audio_buffer.stopped":
                played.add(event["response_id"])
            case "response.done":
                for item in event["response"]["output"]:
                    yield _item(call, item, event["response"])
                answer = _answer(event["response"]) or answer
        if heard and answer in played:
            return
    raise RuntimeError("the other side hung up")


def _answer(response: Event) -> str:
    """The id of a response that says something to its end, else nothing."""
    says = response["status"] == "completed" and all(item["type"] == "message" for item in response["output"])
    return str(response["id"]) if says else ""


def _item(call: Call, item: dict[str, Any], response: Event) -> Said:
    """What an app makes of an item of an answer: words to show, or a tool to run."""
    if item["type"] == "function_call":
        return _run_tool(call, item)
    words = "".join(part.get("transcript") or part.get("text") or "" for part in item["content"])
    return Said("model", words if response["status"] == "completed" else f"{words} (interrupted)")


def _run_tool(call: Call, item: dict[str, Any]) -> Said:
    output = weather(item["arguments"])
    call.send({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": item["call_id"], "output": output}})
    call.send({"type": "response.create"})
    return Said("tool", f"{item['name']}({item['arguments']}) = {output}")
