"""The caller in a browser, and what any path has of the conversation that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callstage import Stage
from playwright.async_api import Page

STORY = "Tell me a story."
SAID = (
    ("vad", "completed", None, "Hello, can you hear me?", "Yes, I can hear you clearly. What can I do for you?", []),
    (
        *("vad", "completed", None, "What is the weather in Paris today?", ""),
        [("get_weather", '{"city":"Paris"}', "sunny and 21 degrees in Paris")],
    ),
    ("tool", "completed", None, "", "This is what I found: sunny and 21 degrees in Paris", []),
    ("client", "cancelled", "turn_detected", STORY, "…", []),
    ("vad", "completed", None, "Thank you, that is all.", "You are welcome. Goodbye!", []),
)
"""The conversation of these tests as the log has it: how each turn began and ended, what went in and out, the tools."""


def said(turns: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What `SAID` has of turns; the words of an answer that was cut off depend on when."""
    return tuple(
        (
            turn["trigger"],
            turn["status"],
            turn["reason"],
            turn["input"] or "",
            "…" if turn["status"] == "cancelled" else turn["output"] or "",
            [(call["name"], call["arguments"], call["result"]) for call in turn["tool_calls"]],
        )
        for turn in turns
    )


def assert_measured(session: dict[str, Any]) -> None:
    """The record has what the media process knows of the sound, of both sides."""
    media = session["media"]
    for side in ("client", "upstream"):
        assert media[side]["packets"] > 100
        assert media[side]["seconds"] > 2
        assert media[side]["first_packet_ms"] > 0
        assert media["setup"][side]["dtls_ms"] > 0


@dataclass
class Caller:
    """Drives the `call` of one of the pages. The fake microphone beeps while it is not muted."""

    page: Page
    location: str = ""

    async def start(self, stage: Stage, page: str) -> None:
        secret = await stage.secret()
        await self.page.goto(f"{stage.origin}/{page}")
        self.location = await self.page.evaluate("([url, secret]) => call.start(url, secret)", [stage.proxy.base_url, secret])

    async def converse(self) -> None:
        """Two spoken turns, the second with a tool, and an answer that is talked into: what `SAID` has of it."""
        await self.speak()
        await self.heard_out(1)
        await self.speak()
        await self.heard_out(2)
        await self.ask(STORY)
        await self.hears_more()
        await self.speak()
        await self.heard_out(3)

    async def speak(self) -> None:
        """Beep until the server hears it, then be silent."""
        count = await self.count("input_audio_buffer.speech_started")
        await self.page.evaluate("call.mute(false)")
        await self.seen("input_audio_buffer.speech_started", count + 1)
        await self.page.evaluate("call.mute(true)")

    async def ask(self, text: str) -> None:
        await self.page.evaluate("text => call.ask(text)", text)

    async def heard_out(self, count: int) -> None:
        """So many answers were played to their end."""
        await self.seen("output_audio_buffer.stopped", count)

    async def seen(self, kind: str, count: int) -> None:
        """The page has had so many events of a kind."""
        await self.page.wait_for_function(
            "([kind, count]) => call.events.filter(({ type }) => type === kind).length >= count", arg=[kind, count], timeout=20_000
        )

    async def count(self, kind: str) -> int:
        found: int = await self.page.evaluate("kind => call.events.filter(({ type }) => type === kind).length", kind)
        return found

    async def hears_more(self) -> None:
        """Something audible comes that did not before."""
        energy = (await self.figures())["heard"]["energy"]
        await self.page.wait_for_function(
            "before => call.figures().then(({ heard }) => heard.energy > before + 0.002)", arg=energy, timeout=20_000
        )

    async def figures(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = await self.page.evaluate("call.figures()")
        return found

    async def hang_up(self) -> None:
        await self.page.evaluate("call.hangUp()")
