"""`export html`: one file that asks nobody for anything, complete without a script and on paper, inert; sound on request."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from exportlog import CALL
from exportlog import LATER
from exportlog import TALK
from exportlog import finding
from exportlog import opening
from exportlog import run
from exportlog import turn
from exportlog import write
from playwright.async_api import Browser
from playwright.async_api import Page
from playwright.async_api import expect
from waiting import eventually

from cli.errors import Failure
from store.log import Log
from web.strips import strips

WAYS_OUT = ("src", "href", "action", "srcset", "poster", "data", "formaction", "xlink:href", "ping")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("report")
    write(data)
    return data


@pytest.fixture(scope="module")
def pages(log: Path) -> Path:
    """`silent.html`, and `sounding.html` with its sound."""
    for name, words in (("silent", ()), ("sounding", ("--with-audio",))):
        result = run(log, "export", "html", TALK, "-o", str(log / f"{name}.html"), *words)
        assert result.exit_code == 0, result.output
    return log


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", ["silent", "sounding"])
def test_nothing_in_the_file_leads_out_of_it(pages: Path, name: str) -> None:
    text = (pages / f"{name}.html").read_text()
    tags = Tags(text)
    targets = {value for _, attributes in tags.found for way in WAYS_OUT if (value := attributes.get(way))}
    assert {target[:22] for target in targets if not target.startswith("#")} <= {"data:audio/wav;base64,"}
    assert {tag for tag, _ in tags.found} & {"link", "img", "iframe", "object", "embed", "base", "form"} == set()
    assert not re.search(r"@import|url\(", text)
    assert not [name for _, attributes in tags.found for name in attributes if name.startswith("on") or name == "style"]
    assert [tag for tag, _ in tags.found].count("script") == (name == "sounding")


def test_the_file_is_its_owners(pages: Path) -> None:
    assert (pages / "silent.html").stat().st_mode & 0o777 == 0o600


def test_the_sound_in_the_page_is_the_one_recorded(pages: Path, log: Path) -> None:
    assert "data:audio" not in (pages / "silent.html").read_text()
    found = re.search(r'src="data:audio/wav;base64,([^"]+)"', (pages / "sounding.html").read_text())
    assert found is not None
    assert b64decode(found[1]) == (log / "audio" / "2026-11-21" / TALK / "stereo.wav").read_bytes()


@pytest_asyncio.fixture(loop_scope="session")
async def seen(browser: Browser, complaints: list[str]) -> AsyncIterator[Any]:
    """Opens files of these tests; what else a page asks for, and what it complains about, fails the test."""
    contexts = []

    async def see(path: Path, **options: Any) -> Page:
        context = await browser.new_context(**options)
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith(("data:", path.as_uri())) or complaints.append(f"asks {asked.url}"))
        await page.goto(path.as_uri())
        return page

    yield see
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_it_is_read_without_a_script(pages: Path, seen: Any, width: int, scheme: str) -> None:
    page = await seen(pages / "silent.html", java_script_enabled=False, viewport={"width": width, "height": 800}, color_scheme=scheme)
    turns = page.locator(".turn")
    await expect(turns).to_have_count(2)
    await expect(turns.first).to_contain_text("answer 1 =1+1 <script>document.title")
    await expect(turns.first).to_contain_text('get_weather({"city":"Paris"})')
    await expect(turns.first).to_contain_text("412 ms")
    await expect(turns.nth(1)).to_contain_text("barge-in")
    await expect(page.locator("#findings li")).to_contain_text("redact")
    await expect(page.locator(".strips rect.you")).to_have_count(2)
    await expect(page.locator(".strips rect.model")).to_have_count(2)
    await expect(page.locator(".strips rect.finding")).to_have_count(1)
    await expect(page.locator("aside")).to_contain_text("$0.000512")
    assert await page.title() == "kiosk 2026-11-21 09:30:00 · voicetap"


@pytest.mark.asyncio(loop_scope="session")
async def test_hostile_words_stay_words(pages: Path, seen: Any) -> None:
    page = await seen(pages / "sounding.html")
    assert "pwned" not in await page.title()
    assert await page.locator(".said img, .said script").count() == 0
    shown = await page.locator(".turn").first.inner_text()
    assert not set(shown) & set("\x1b\x07\u202e\u2028")
    assert "202E" in shown
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.asyncio(loop_scope="session")
async def test_a_turn_is_played_from_its_number(pages: Path, seen: Any) -> None:
    page = await seen(pages / "sounding.html")
    await eventually(lambda: page.evaluate("document.getElementById('sound').duration > 4.9"))
    await page.locator("#turn-2 .play").click()
    await eventually(lambda: page.evaluate("document.getElementById('sound').currentTime > 1.1"))
    assert await page.evaluate("document.getElementById('sound').error") is None


@pytest.mark.asyncio(loop_scope="session")
async def test_paper_has_what_is_folded_on_a_screen(pages: Path, seen: Any) -> None:
    page = await seen(pages / "sounding.html")
    folded = page.locator(".turn details dl").first
    assert (await folded.bounding_box() or {"height": 0})["height"] == 0 or not await folded.is_visible()
    await page.emulate_media(media="print")
    await expect(folded).to_be_visible()
    await expect(page.locator("#sound")).to_be_hidden()


def test_sessions_without_turns_or_sound(log: Path) -> None:
    for name in (CALL, LATER):
        assert run(log, "export", "html", name).exit_code == 0
    failure = run(log, "export", "html", CALL, "--with-audio").exception
    assert isinstance(failure, Failure)
    assert failure.code == "VT112"


def test_sound_that_is_too_much_for_a_page(log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cli.exportsound.MOST_IN_A_PAGE", 1 << 10)
    failure = run(log, "export", "html", TALK, "--with-audio", "-o", str(tmp_path / "x.html")).exception
    assert isinstance(failure, Failure)
    assert (failure.code, f"export wav {TALK}" in failure.fix) == ("VT112", True)
    assert list(tmp_path.iterdir()) == []


def test_texts_that_are_not_kept_are_not_there(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    log.session_opened(opening(TALK))
    without = dict.fromkeys(("input", "summary", "output"))
    calls = [{"call_id": "c", "name": "f", "arguments_chars": 16, "result_chars": 5, "called_ms": 3.0, "result_ms": 1.0}]
    log.turn_written({name: value for name, value in turn(TALK, 1, tool_calls=calls).items() if name not in without})
    log.finding(finding(1, TALK, excerpt=None, detail={}, turn=1))
    log.close()
    text = run(tmp_path, "export", "html", TALK).stdout
    assert "text not stored" in text
    assert "answer 1" not in text


def test_a_long_session_is_a_few_strips() -> None:
    turns = [
        {"index": number, "user": (number * 60.0, number * 60.0 + 2), "model": (number * 60.0 + 3, number * 60.0 + 70)}
        | {"waited": (number * 60.0 + 2, number * 60.0 + 3.5), "waited_ms": 1500.0, "barged": None, "tools": [], "status": "completed"}
        for number in range(60)
    ]
    made = strips({"seconds": 3600.0, "turns": turns, "findings": []})
    assert (len(made), made[0].end, made[-1].end) == (12, 300.0, 3600.0)
    assert all(shape.x >= 0 and shape.x + shape.width <= 1000.01 for strip in made for shape in strip.shapes)
    assert sum(shape.lane == "model" for strip in made for shape in strip.shapes) == 60 + 11, "one that reaches over an end is in both"
    assert {shape.lane for shape in made[0].shapes} == {"you", "model", "slow"}
    assert len(strips({"seconds": 0.0, "turns": [], "findings": []})) == 1
