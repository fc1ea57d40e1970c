"""The page of a call that a browser made: who was heard when, a barge-in, figures of the sound; played, sought, and taken away as files."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio
from caller import STORY
from caller import Caller
from callstage import Recorded
from callstage import Stage
from callstage import built
from devtools import imported
from listening import listen
from listening import loudest
from listening import played
from playwright.async_api import Browser
from playwright.async_api import Page
from playwright.async_api import expect
from soundtools import wav
from waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_LOG = "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}"
_LEFT = 72
"""Pixels before second 0 on the lanes."""
_COLOURED = """([name, left, top, wide, tall]) => {
  const canvas = document.getElementById('timeline');
  const probe = document.querySelector('main').appendChild(document.createElement('i'));
  probe.className = `colour-${name}`;
  const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  probe.remove();
  const {data} = canvas.getContext('2d').getImageData(left, top, wide, tall);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 100 && wanted.every((one, part) => Math.abs(one - data[at + part]) < 12)) count += 1;
  }
  return count;
}"""
"""How many pixels of a part of the lanes have a colour, not only its shade."""
LANES = {"you": (22, 56), "model": (98, 56)}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is over, and its page."""

    stage: Stage
    session: dict[str, Any]
    turns: list[dict[str, Any]]

    @property
    def path(self) -> str:
        return f"http://{self.stage.proxy.control}/sessions/{self.session['id']}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def call(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> AsyncIterator[Call]:
    async with built(tmp_path_factory.mktemp("recorded"), _LOG) as stage:
        before, page = stage.known(), await browser.new_page()
        caller = Caller(page)
        await caller.start(stage, "plain.html")
        await caller.converse()
        await caller.hang_up()
        await page.close()
        yield Call(stage, *await eventually(lambda: _audible(stage, before)))


async def _audible(stage: Stage, before: set[str]) -> Recorded | None:
    """The call and its turns, once it can be heard."""
    session, turns = await stage.recorded(before)
    return (session, turns) if session["recording"]["state"] == "ready" else None


@pytest_asyncio.fixture(loop_scope="session")
async def seen(call: Call, page: Page) -> Page:
    """Its page, in a browser that followed the link."""
    await page.goto(f"{call.path}?token={call.stage.proxy.token}")
    await expect(page.locator("#play")).to_be_enabled()
    await eventually(lambda: coloured(page, "you", *LANES["you"]))
    return page


async def coloured(page: Page, colour: str, top: int, tall: int, left: float = _LEFT, wide: float = 1100) -> int:
    """Of a part of the lanes."""
    found: int = await page.evaluate(_COLOURED, [colour, left, top, wide, tall])
    return found


async def lanes(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate("fetch(`${location.pathname}/timeline.json`).then(answer => answer.json())")
    return found


async def test_both_sides_are_drawn_as_they_were_heard(call: Call, seen: Page):
    for side, (top, tall) in LANES.items():
        assert await coloured(seen, side, top, tall) > 500, side
    assert await coloured(seen, "you", *LANES["model"]) == 0
    peaks = await seen.evaluate("fetch(`/api${location.pathname}/peaks.json`).then(answer => answer.json())")
    for side in ("user", "model"):
        assert max(peaks[side]["max"]) > 20, side
    await expect(seen.locator("#head")).to_contain_text("WebRTC")
    await expect(seen.locator(".turn")).to_have_count(5)


async def test_the_barge_in_is_shaded_where_it_was(call: Call, seen: Page):
    (cut,) = [turn for turn in call.turns if turn["input"] == STORY]
    await expect(seen.locator(f"#turn-{cut['index']} .tag.interrupted")).to_have_text("barge-in")
    found = await lanes(seen)
    (lane,) = [turn for turn in found["turns"] if turn["index"] == cut["index"]]
    wide = await seen.evaluate("document.getElementById('timeline').clientWidth") - _LEFT
    at = _LEFT + lane["barged"] / found["seconds"] * wide
    assert await coloured(seen, "bad", 22, 130, at - 3, 6) > 50, "the line, where the waits and waveforms leave it in sight"
    assert await coloured(seen, "bad", 22, 50, _LEFT, at - 3 - _LEFT) == 0, "nobody barged in before"


async def test_the_figures_of_the_sound_are_told(call: Call, seen: Page):
    told = seen.locator("aside .facts")
    for side in ("from the client", "from the provider"):
        await expect(told).to_contain_text(re.compile(side + r" [\d.]+ s in \d+ packets, \d+ lost"))
    assert call.session["media"]["client"]["packets"] > 100


async def test_it_is_played_and_both_sides_are_heard(seen: Page):
    await seen.keyboard.press("Space")
    await listen(seen)
    await expect(seen.locator("#play")).to_contain_text("Pause")
    await eventually(lambda: _heard(seen))
    assert await played(seen) > 1
    await seen.keyboard.press("Space")
    await expect(seen.locator("#play")).to_contain_text("Play")


async def _heard(page: Page) -> bool:
    return min(await loudest(page)) > 0.03


async def test_a_click_on_what_was_said_goes_there(seen: Page):
    spans = {turn["index"]: turn for turn in (await lanes(seen))["turns"]}
    for index in (3, 1, 4):
        await seen.locator(f"#turn-{index} .said p").first.click()
        await expect(seen.locator(f"#turn-{index}")).to_have_class(re.compile("chosen"))
        begins = [span[0] for span in (spans[index]["user"], spans[index]["model"]) if span]
        assert abs(await played(seen) - min(begins)) < 3, index
    assert await played(seen) > spans[3]["model"][0]


async def test_its_files_are_read_by_others(call: Call, seen: Page, browser: Browser, tmp_path: Path):
    files = {name: await downloaded(seen, words, tmp_path) for name, words in WORDS.items()}
    (entry,) = await imported(browser, files["har"].read_text())
    assert (entry["method"], entry["status"]) == ("POST", 201)
    events = [json.loads(text)["type"] for *_, text in entry["frames"]]
    assert events.count("response.done") == len(call.turns)
    assert {"input_audio_buffer.speech_started", "output_audio_buffer.cleared"} <= set(events)
    records = [json.loads(line) for line in files["jsonl"].read_text().splitlines()]
    assert [one["record"] for one in records].count("turn") == len(call.turns)
    seconds, loud = decoded(files["wav"])
    assert seconds == pytest.approx(call.session["recording"]["seconds"], abs=0.1) == wav(files["wav"]).seconds
    assert min(loud) > 0.03, "the user is on the left, the model on the right"
    report = await browser.new_page()
    await report.goto(files["html"].as_uri())
    await expect(report.locator(".turn")).to_have_count(len(call.turns))
    await expect(report.locator(".strips .barged")).not_to_have_count(0)
    await report.close()


WORDS = {"har": "HAR", "html": "report", "jsonl": "JSON lines", "wav": "WAV"}


async def downloaded(page: Page, words: str, folder: Path) -> Path:
    """What a click on a link of the page gives."""
    async with page.expect_download() as download:
        await page.get_by_role("link", name=words, exact=True).click()
    found = await download.value
    await found.save_as(folder / found.suggested_filename)
    return folder / found.suggested_filename


def decoded(path: Path) -> tuple[float, list[float]]:
    """Length and loudest sample of each side, as FFmpeg decodes it."""
    with av.open(path) as file:
        sound = file.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=sound.rate)
        parts = [part for frame in file.decode(sound) for part in resampler.resample(frame)]
    loud = [max(max(map(abs, memoryview(part.planes[side]).cast("f"))) for part in parts) for side in (0, 1)]
    return sum(part.samples for part in parts) / sound.rate, loud
