"""Renews the pictures in docs/ from `./run.sh demo`: `./run.sh test` once for the browser, then `.venv/bin/python tests/screenshots.py`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import chromium
from playwright.async_api import Browser
from playwright.async_api import Page
from playwright.async_api import async_playwright
from playwright.async_api import expect
from waiting import eventually

ROOT: Final = Path(__file__).parent.parent
DOCS: Final = ROOT / "docs"
MOST_BYTES: Final = 250_000
_LINK: Final = re.compile(r"http://\S+[?#]\S+")


@asynccontextmanager
async def demo(*words: str, until: str | None = None) -> AsyncIterator[list[str]]:
    """The links that a demo has printed by the line with this text, else by its end; it ends with the block."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cli", "demo", *words, cwd=ROOT, stdout=PIPE)
    assert process.stdout is not None
    links: list[str] = []
    try:
        async for line in process.stdout:
            links += _LINK.findall(line.decode())
            if until and until in line.decode():
                break
        yield links
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


@asynccontextmanager
async def opened(browser: Browser, link: str, height: int) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": height}, device_scale_factor=1.25, color_scheme="light")
    page = await context.new_page()
    await page.goto(link)
    yield page
    await context.close()


async def take(page: Page, name: str) -> None:
    """A picture for the documentation, once all is drawn, and as small as it should be."""
    await page.wait_for_timeout(500)
    await page.screenshot(path=DOCS / name, caret="hide", animations="disabled")
    assert (DOCS / name).stat().st_size < MOST_BYTES, name


async def the_slow_turn(browser: Browser, data: Path) -> None:
    """The list after three demos, and the page of the last one while its slow answer is waited for."""
    for words in ((), ("--webrtc",)):
        async with demo("--exit", "--data", str(data), *words):
            pass
    async with demo("--keep", "--data", str(data), until="Ctrl-C ends") as links:
        async with opened(browser, links[0], 280) as page:
            await expect(page.locator("#sessions tbody tr")).to_have_count(3)
            await expect(page.locator("#stream")).to_have_text("live")
            await take(page, "sessions.png")
        async with opened(browser, links[-1], 910) as page:
            await expect(page.locator("#play")).to_be_enabled()
            await page.keyboard.press("s")
            await eventually(lambda: page.evaluate("document.getElementById('sound').currentTime > 12"))
            await page.keyboard.press("Space")
            await take(page, "slow.png")


async def a_call(browser: Browser) -> None:
    """The page of a call with a barge-in."""
    async with demo("--keep", "--webrtc", until="Ctrl-C ends") as links, opened(browser, links[-1], 910) as page:
        await expect(page.locator("#play")).to_be_enabled()
        await page.locator(".turn:has(.interrupted)").click()
        await page.evaluate("scrollTo(0, 0)")
        await take(page, "dashboard.png")


async def a_breakpoint(browser: Browser) -> None:
    """The result of the tool waits, and was changed on its way to the model."""
    async with demo("--keep", until="token=") as links, opened(browser, links[0].replace("/?", "/breakpoints?"), 560) as page:
        await page.locator("[name=q]").fill("type=conversation.item.create sunny")
        await page.locator("[name=timeout]").fill("60")
        await page.keyboard.press("Enter")
        text = page.locator(".stop textarea")
        await expect(text).to_be_visible(timeout=30_000)
        await text.fill((await text.input_value()).replace("sunny and 21", "stormy and 7"))
        await take(page, "breakpoint.png")


async def press(page: Page, key: str) -> None:
    """A shortcut; not one while somebody types."""
    await page.locator("#words").blur()
    await page.keyboard.press(key)


async def the_call_page(browser: Browser) -> None:
    """A call from a browser, under way."""
    async with demo("--browser", until="token=") as links, opened(browser, links[0], 860) as page:
        line = page.locator("#transcript li")
        await page.locator("#call").click()
        await expect(line.first).to_have_class("you")
        await press(page, "m")
        await expect(line.first).to_contain_text("Hello")
        for words, answer in (("What is the weather in Rome?", "found: sunny"), ("Tell me a story.", "Once upon")):
            await expect(page.locator("#interrupt")).to_be_disabled(timeout=20_000)
            await page.locator("#words").fill(words)
            await page.keyboard.press("Enter")
            await expect(line.last).to_contain_text(answer, timeout=20_000)
        await expect(line.last).to_contain_text("counted ships", timeout=20_000)
        await press(page, "i")
        await expect(line.last).to_have_class("model cut")
        await take(page, "call.png")


async def main() -> None:
    os.environ["TZ"] = "UTC"
    path = chromium.found()
    assert path is not None, "there is no Chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        with tempfile.TemporaryDirectory() as data:
            await the_slow_turn(browser, Path(data))
        await a_call(browser)
        await a_breakpoint(browser)
        await the_call_page(browser)


if __name__ == "__main__":
    asyncio.run(main())
