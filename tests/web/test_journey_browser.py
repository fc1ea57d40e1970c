"""The first minutes of somebody new: `demo` in a terminal, its link in a browser, the slow answer found and heard in few steps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import pytest
import pytest_asyncio
from listening import listen
from listening import loudest
from listening import played
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import ROOT
from proxying import command
from soundtools import wav
from waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A demo that runs in a terminal of its own, and what was printed there."""

    process: Process
    shown: str = ""
    closed: bool = False

    async def read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):  # how the end of a terminal reads
            while data := await reader.read(1 << 16):
                self.shown += _CODES.sub("", data.decode(errors="replace")).replace("\r\n", "\n")

    async def prints(self, pattern: str) -> str:
        """The first group of what is printed sooner or later."""
        found = await eventually(lambda: re.search(pattern, self.shown) or self._running(), seconds=90)
        return str(found[1])

    def _running(self) -> None:
        assert self.process.returncode is None, self.shown


@dataclass
class Steps:
    """What a person does in the browser, counted."""

    page: Page
    taken: list[str] = field(default_factory=list)

    async def press(self, key: str) -> None:
        self.taken.append(key)
        await self.page.keyboard.press(key)

    async def open(self, link: str) -> None:
        self.taken.append("link")
        await self.page.goto(link)

    async def click(self, name: str) -> None:
        self.taken.append(name)
        await self.page.get_by_role("button", name=name).click()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo() -> AsyncIterator[Terminal]:
    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cli", "demo", cwd=ROOT, stdin=its, stdout=its, stderr=its)
    os.close(its)
    terminal, reader = Terminal(process), asyncio.StreamReader()
    with os.fdopen(ours, "rb", buffering=0) as file:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        reading = asyncio.create_task(terminal.read(reader))
        try:
            yield terminal
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.wait(), 40)
            reading.cancel()
            transport.close()


async def heard_slow(page: Page) -> None:
    """The slow turn is marked, and what a person hears of it is its answer, after the wait."""
    slow = page.locator(".turn.chosen")
    await expect(slow.locator(".wait.slow")).to_have_text(re.compile(r"^[23]\s\d{3} ms$"))
    await expect(slow).to_contain_text("it stays dry")
    await expect(page.locator("#play")).to_contain_text("Pause")
    begun = await played(page)
    await listen(page)
    await eventually(lambda: _beyond(page, begun + 4))
    await expect(page.locator("#play")).to_contain_text("Play")
    assert (await loudest(page)).model > 0.1


async def _beyond(page: Page, seconds: float) -> bool:
    return await played(page) > seconds


def copied(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"*/{name}")
    return found


async def test_the_slow_answer_is_found_in_the_list_and_heard(demo: Terminal, page: Page):
    link = await demo.prints(r"see it as it happens:\s+(http://\S+/\?token=\S+)")
    steps = Steps(page)
    await steps.open(link)
    row = page.locator("#sessions tbody tr")
    await expect(row.locator(".wait .slow")).to_have_text(re.compile(r"^[23]\s\d{3}$"), timeout=60_000)
    assert await row.locator(".spark .slow").get_attribute("d")
    await demo.prints("(Ctrl-C ends the demo)")
    await steps.press("j")
    await steps.press("Enter")
    await page.wait_for_url("**/sessions/ses_*")
    await expect(page.locator("#play")).to_be_enabled()
    await steps.press("s")
    await heard_slow(page)
    assert steps.taken == ["link", "j", "Enter", "s"]


async def test_the_link_of_the_end_is_two_steps_from_the_sound(demo: Terminal, page: Page):
    link = await demo.prints(r"let the user wait for 2\.\d s\. See and hear it here:\s+(http://\S+/sessions/\S+)")
    steps = Steps(page)
    await steps.open(link)
    await expect(page.locator("#play")).to_be_enabled()
    await steps.click("Slowest turn")
    await heard_slow(page)
    assert steps.taken == ["link", "Slowest turn"]


async def test_the_terminal_says_which_turn_it_was_and_copies_its_sound(demo: Terminal, tmp_path: Path):
    show = await demo.prints(r"\./run\.sh (show \S+ --data \S+)")
    export = await demo.prints(r"\./run\.sh (export wav \S+ --turn 4 --data \S+)")
    shown = await command(*show.split())
    (marked,) = [line for line in shown.splitlines() if "the longest wait" in line]
    assert marked.startswith("turn 4 ")
    assert "2 file(s) in " in await command(*export.split(), "-o", str(tmp_path))
    sound = wav(copied(tmp_path, "4-model.wav"))
    assert sound.seconds > 1
    assert max(map(abs, sound.samples)) > 5_000


async def test_it_ends_with_ctrl_c(demo: Terminal):
    await demo.prints("(Ctrl-C ends the demo)")
    demo.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(demo.process.wait(), 40) == 0
