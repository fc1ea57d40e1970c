"""The pages in a browser, over a real proxy and what it recorded: live rows, sound that plays, keys, filters, hostile words, a phone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import started_proxy
from recorded import ended
from recorded import named
from waiting import eventually
from websockets.asyncio.client import ClientConnection

from cli.conversation import converse
from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe \x1b[31m {{ 7*7 }}"
_RULES = """
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
routes:
  - {{name: all, match: {{door: gateway}}, provider: simulator}}
policies:
  - id: cities
    mode: monitor
    when: {{from: server, event: response.function_call_arguments.done, at: "$.arguments", regex: "Paris"}}
    action: alert
"""
_LOG = "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A proxy, and the id of a spoken conversation that it recorded."""

    proxy: Proxy
    spoken: str

    @property
    def url(self) -> str:
        return f"http://{self.proxy.control}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("dashboard")
    async with Simulator(pace=0.5) as simulator:
        rules = RULES.replace("{content: full}", _LOG) + _RULES.format(simulator=simulator.address)
        async with started_proxy(folder, rules) as proxy:
            async for _ in converse(proxy.base_url, KEY, "gpt-realtime"):
                pass
            log = LogReader(proxy.data)
            (record,) = await eventually(lambda: [one for one in log.sessions() if (one["recording"] or {}).get("state") == "ready"])
            yield Stage(proxy, record["id"])


@pytest_asyncio.fixture(loop_scope="session")
async def inside(stage: Stage, page: Page, complaints: list[str]) -> Page:
    """A browser that followed the link; nothing may open a dialog."""
    page.on("dialog", lambda dialog: complaints.append(f"opens {dialog.message!r}"))
    await page.goto(f"{stage.url}/?token={stage.proxy.token}")
    assert page.url == f"{stage.url}/"
    return page


async def event(websocket: ClientConnection, kind: str) -> dict[str, Any]:
    while (found := json.loads(await websocket.recv()))["type"] != kind:
        pass
    return dict(found)


async def write(websocket: ClientConnection, text: str) -> None:
    """Say something in writing, and wait for the answer."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await websocket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await websocket.send(json.dumps({"type": "response.create"}))
    await event(websocket, "response.done")


async def time_of(page: Page) -> float:
    return float(await page.evaluate("document.getElementById('sound').currentTime"))


async def test_sessions_come_and_end_while_they_are_looked_at(stage: Stage, inside: Page):
    await inside.evaluate("window.stays = true")
    await expect(inside.locator("#stream")).to_have_text("live")
    async with stage.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("seen")) as websocket:
        row = inside.locator("#sessions tbody tr").first
        await expect(row.locator(".tag.live")).to_be_visible()
        await expect(row.locator(".turns")).to_have_text("0")
        await write(websocket, "Hello?")
        await expect(row.locator(".turns")).to_have_text("1")
    await expect(row.locator(".tag.live")).to_have_count(0)
    await expect(row.locator(".end")).to_have_text("by the app")
    assert await inside.evaluate("window.stays")


async def test_the_keyboard_finds_a_session_and_plays_it(stage: Stage, inside: Page):
    await inside.keyboard.press("/")
    await expect(inside.locator("#filter")).to_be_focused()
    await inside.keyboard.type(f"session={stage.spoken}")
    await inside.keyboard.press("Enter")
    await expect(inside.locator("#sessions tbody tr")).to_have_count(1)
    await expect(inside.locator("#stream")).to_have_text("live")
    await inside.keyboard.press("j")
    await inside.keyboard.press("Enter")
    await inside.wait_for_url(f"**/sessions/{stage.spoken}")
    await expect(inside.locator("#play")).to_be_enabled()
    await inside.keyboard.press("Space")
    await eventually(lambda: _beyond(inside, 0.6))
    await expect(inside.locator(".turn.chosen")).to_have_count(1)
    await inside.keyboard.press("Space")
    await expect(inside.locator("#play")).to_contain_text("Play")
    stopped = await time_of(inside)
    assert await inside.evaluate("document.getElementById('sound').paused")
    await inside.keyboard.press("ArrowLeft")
    assert await time_of(inside) < stopped
    await inside.keyboard.press("Escape")
    await inside.wait_for_url(f"{stage.url}/")


async def _beyond(page: Page, seconds: float) -> bool:
    return await time_of(page) > seconds


async def test_a_turn_is_played_from_its_beginning_to_its_end(stage: Stage, inside: Page):
    await inside.goto(f"{stage.url}/sessions/{stage.spoken}")
    await inside.locator("#turn-3 .play").click()
    await expect(inside.locator("#turn-3")).to_have_class(re.compile("chosen"))
    begun = await time_of(inside)
    assert begun > 0.5
    await expect(inside.locator("#play")).to_contain_text("Pause")
    await expect(inside.locator("#play")).to_contain_text("Play")
    assert await time_of(inside) > begun + 0.5


async def test_what_is_said_leads_to_its_sound_and_the_line_to_what_is_said(stage: Stage, inside: Page):
    await inside.goto(f"{stage.url}/sessions/{stage.spoken}")
    await expect(inside.locator("#play")).to_be_enabled()
    await inside.locator("#turn-2 .said.you p").click()
    await expect(inside.locator("#turn-2")).to_have_class(re.compile("chosen"))
    second = await time_of(inside)
    await inside.keyboard.press("k")
    await expect(inside.locator("#turn-1")).to_have_class(re.compile("chosen"))
    assert await time_of(inside) < second
    await inside.keyboard.press("d")
    await expect(inside.locator("#turn-1 details")).to_have_attribute("open", "")
    box = await inside.locator("#timeline").bounding_box()
    assert box
    await inside.mouse.click(box["x"] + box["width"] - 20, box["y"] + 90)
    await expect(inside.locator("#turn-3")).to_have_class(re.compile("chosen"))
    assert await time_of(inside) > second
    await inside.keyboard.press("s")
    await expect(inside.locator(".turn.chosen .wait")).to_have_count(1)
    await expect(inside.locator("#findings")).to_contain_text("cities")


async def test_messages_are_folded_and_one_is_opened(stage: Stage, inside: Page):
    await inside.goto(f"{stage.url}/sessions/{stage.spoken}")
    await expect(inside.locator("#play")).to_be_enabled()
    await inside.keyboard.press("m")
    folded = inside.locator(".message", has_text="input_audio_buffer.append").first
    await expect(folded).to_contain_text(re.compile(r"× \d+"))
    assert await inside.locator(".message").count() < 80, "only what is seen is drawn"
    await folded.click()
    view = inside.locator("#message-view")
    await expect(view).to_contain_text("‹sound, ")
    await inside.keyboard.press("u")
    await expect(inside.locator(".message .times")).to_have_count(0)
    await inside.keyboard.press("j")
    await expect(view).to_contain_text('"type": ')
    await inside.keyboard.press("m")
    await expect(inside.locator("#turn-1")).to_be_visible()


async def test_the_page_of_a_session_grows_while_it_runs(stage: Stage, inside: Page):
    async with stage.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("grows")) as websocket:
        (record,) = await eventually(lambda: [one for one in LogReader(stage.proxy.data).sessions() if one["grouping"] == "grows"])
        await inside.goto(f"{stage.url}/sessions/{record['id']}")
        await expect(inside.locator("#stream")).to_have_text("live")
        await expect(inside.locator("#no-turns")).to_be_visible()
        await write(websocket, "Hello?")
        await expect(inside.locator("#turn-1 .said.you")).to_contain_text("Hello?")
        await expect(inside.locator("#no-turns")).to_be_hidden()
        await expect(inside.locator(".tiles")).to_contain_text("1 turn")
    await expect(inside.locator("#head .tag.live")).to_have_count(0)


async def test_a_live_session_is_ended_when_that_is_asked_twice(stage: Stage, inside: Page):
    async with stage.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("unwanted")) as websocket:
        (record,) = await eventually(lambda: [one for one in LogReader(stage.proxy.data).sessions() if one["grouping"] == "unwanted"])
        await inside.goto(f"{stage.url}/sessions/{record['id']}")
        await expect(inside.locator("#stream")).to_have_text("live")
        await inside.locator("#end").click()
        await expect(inside.locator("#end")).to_have_text("Really end it?")
        await inside.locator("#end").click()
        assert await close_of(websocket) == (1008, "ended by the operator")
    await expect(inside.locator("#head")).to_contain_text("ended by the operator")


async def test_hostile_words_do_nothing(stage: Stage, inside: Page):
    async with stage.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named("hostile")) as websocket:
        await write(websocket, HOSTILE)
    record = await ended(stage.proxy.data, "hostile")
    await inside.goto(f"{stage.url}/sessions/{record['id']}")
    words = inside.locator("#turn-1 .said.you p")
    await expect(words).to_contain_text("<img src=x onerror=alert(1)><script>alert(2)</script>")
    await expect(words.locator(".unseen")).to_have_text(["202E", "001B"])
    assert await words.locator("img, script").count() == 0
    await inside.goto(f"{stage.url}/?q=alert")
    await expect(inside.locator("#sessions tbody tr")).to_have_count(1)


async def test_a_wrong_filter_is_told_and_keeps_what_was_written(inside: Page, complaints: list[str]):
    await inside.locator("#filter").fill("colour=red")
    await inside.keyboard.press("Enter")
    await expect(inside.locator("#wrong")).to_contain_text("'colour=red' is no condition")
    await expect(inside.locator("#filter")).to_have_value("colour=red")
    assert [text for text in complaints if "400" in text] == complaints
    complaints.clear()


async def test_keys_are_listed_and_the_theme_stays(stage: Stage, inside: Page):
    await inside.keyboard.press("?")
    await expect(inside.locator("#help")).to_be_visible()
    await inside.keyboard.press("Escape")
    await expect(inside.locator("#help")).to_be_hidden()
    await inside.keyboard.press("t")
    await inside.goto(f"{stage.url}/sessions/{stage.spoken}")
    await expect(inside.locator("html")).to_have_attribute("data-theme", "dark")


async def test_a_phone_has_room_for_everything(stage: Stage, inside: Page):
    await inside.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", f"/sessions/{stage.spoken}", "/?q=key%3Dnobody"):
        await inside.goto(stage.url + path)
        assert await inside.evaluate("document.documentElement.scrollWidth") == 390, path


async def test_without_the_link_there_is_nothing_to_see(stage: Stage, page: Page, complaints: list[str]):
    await page.goto(f"{stage.url}/sessions/{stage.spoken}")
    await expect(page.locator("h1")).to_have_text("401")
    await expect(page.locator("main")).to_contain_text("Open the link")
    assert [text for text in complaints if "401" in text] == complaints
    complaints.clear()
