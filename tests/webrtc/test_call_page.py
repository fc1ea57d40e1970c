"""The page of the control port as a reader meets it: `demo --browser`, its link in a browser, a call with the keyboard, the record."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = re.compile(r"(http://127\.0\.0\.1:\d+/call)#key=(vt_[\w-]+)&model=gpt-realtime")


@dataclass(frozen=True, slots=True)
class Demo:
    """`./run.sh demo --browser` as it runs, and the parts of the link it printed."""

    process: Process
    url: str
    key: str

    @property
    def link(self) -> str:
        return f"{self.url}#key={self.key}&model=gpt-realtime"

    async def prints(self, text: str) -> None:
        """Read its output until a line has this text."""
        assert self.process.stdout is not None
        while text not in (line := (await asyncio.wait_for(self.process.stdout.readline(), 30)).decode()):
            assert line, f"the demo ended without saying {text!r}"


@pytest_asyncio.fixture(loop_scope="session")
async def demo() -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cli", "demo", "--browser", cwd=ROOT, stdout=PIPE)
    try:
        assert process.stdout is not None
        shown = ""
        while not (found := LINK.search(shown)):
            line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
            assert line, shown
            shown += line
        yield Demo(process, found[1], found[2])
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 40)


async def call(page: Page) -> None:
    await expect(page.locator("#call")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#state")).to_have_text("connected")


async def say(page: Page, text: str) -> None:
    await page.locator("#words").fill(text)
    await page.keyboard.press("Enter")


async def press(page: Page, key: str) -> None:
    """A shortcut; not one while somebody types."""
    await page.locator("#words").blur()
    await page.keyboard.press(key)


async def test_a_call_from_the_page(demo: Demo, page: Page):
    line = page.locator("#transcript li")
    await page.goto(demo.link)
    assert page.url == demo.url, "the key does not stay in the address"
    await call(page)
    await expect(line.first).to_have_class("you")
    await press(page, "m")
    await expect(page.locator("#you-level")).to_have_text("muted")
    await expect(line.first).to_have_text("youHello, can you hear me?")
    await expect(page.locator("#first-audio")).to_have_text(re.compile(r"\d+ ms"))
    await expect(page.locator("#interrupt")).to_be_disabled()

    await say(page, "What is the weather in Rome?")
    await expect(page.locator("#transcript .tool")).to_have_text('toolget_weather({"city":"Rome"}) = sunny and 21 degrees in Rome')
    await expect(page.locator("#them-level")).to_have_text(re.compile(r"-\d+ dB"))
    await expect(line.last).to_have_text("modelThis is what I found: sunny and 21 degrees in Rome")
    await expect(page.locator("#interrupt")).to_be_disabled(timeout=20_000)

    await say(page, "Tell me a story.")
    await expect(line.last).to_contain_text("Once upon")
    await press(page, "i")
    await expect(line.last).to_have_class("model cut")
    await expect(page.locator("#events .type", has_text="output_audio_buffer.cleared")).to_have_count(1)
    await expect(page.locator("#round-trip")).to_have_text(re.compile(r"[\d.]+ ms"))
    await page.locator("#events summary", has_text="session.created").click()
    await expect(page.locator("#events details[open] pre")).to_contain_text('"model": "gpt-realtime"')

    await press(page, "h")
    await expect(page.locator("#state")).to_have_text("ended: hung up")
    assert await page.context.storage_state() == {"cookies": [], "origins": []}
    await demo.prints("webrtc, 1000 by client hung up")
    await demo.prints("media  from the client ")
    await demo.prints("“Hello, can you hear me?”")

    await call(page)
    demo.process.send_signal(signal.SIGINT)
    await expect(page.locator("#state")).to_have_text("ended: the other side hung up")
    await expect(page.locator("#alert")).to_contain_text("shut")
    assert await asyncio.wait_for(demo.process.wait(), 40) == 0


async def test_a_wrong_key_and_a_narrow_screen(demo: Demo, page: Page, complaints: list[str]):
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(demo.url)
    await expect(page.locator("#key")).to_be_focused()
    await page.keyboard.type("vt_wrong")
    await page.keyboard.press("Enter")
    await expect(page.locator("#alert")).to_contain_text("401: this key is not known here")
    assert [text for text in complaints if "401" in text] == complaints
    complaints.clear()

    await page.locator("#key").fill(demo.key)
    await page.keyboard.press("Enter")
    await expect(page.locator("#state")).to_have_text("connected")
    await expect(page.locator("#alert")).to_be_hidden()
    for button in ("mute", "interrupt", "hangup"):
        await expect(page.locator(f"#{button}")).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await page.locator("#hangup").click()
    await expect(page.locator("#call")).to_have_text("Call again")
