"""Breakpoints in a browser, over a real proxy: what a person does with a paused message is what the provider and the app get."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import named
from waiting import eventually
from websockets.asyncio.client import ClientConnection

from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "</textarea><img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe"
_RULES = """
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
routes:
  - {{name: all, match: {{door: gateway}}, provider: simulator}}
policies:
  - {{id: rude, when: {{from: client, text: [user_text], regex: "blast you"}}, action: block, message: mind your language}}
"""

_REMOVE_ALL = """async () => {
    const { breakpoints } = await (await fetch('/api/breakpoints')).json();
    for (const { id } of breakpoints) await fetch(`/api/breakpoints/${id}`, { method: 'DELETE' });
}"""


@dataclass(frozen=True, slots=True)
class Stage:
    proxy: Proxy
    simulator: Simulator

    @property
    def url(self) -> str:
        return f"http://{self.proxy.control}"


@dataclass(frozen=True, slots=True)
class Call:
    """A session that runs: the app's socket, its id, and what its provider got."""

    socket: ClientConnection
    id: str
    got: list[str | bytes]

    async def say(self, kind: str, **more: Any) -> str:
        """Returns what was sent."""
        text = json.dumps({"type": kind, **more})
        await self.socket.send(text)
        return text

    async def write(self, text: str) -> str:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return await self.say("conversation.item.create", item=item)

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of this kind that the app gets."""
        while (found := json.loads(await self.socket.recv()))["type"] != kind:
            pass
        return dict(found)

    def items(self) -> list[str]:
        """The texts that the provider got."""
        events = [json.loads(message) for message in self.got]
        return [event["item"]["content"][0]["text"] for event in events if event["type"] == "conversation.item.create"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with Simulator(pace=0) as simulator:
        rules = RULES + _RULES.format(simulator=simulator.address)
        async with started_proxy(tmp_path_factory.mktemp("breakpoints"), rules) as proxy:
            yield Stage(proxy, simulator)


@pytest_asyncio.fixture(loop_scope="session")
async def inside(stage: Stage, page: Page, complaints: list[str]) -> AsyncIterator[Page]:
    """A browser that followed the link; nothing may open a dialog."""
    page.on("dialog", lambda dialog: complaints.append(f"opens {dialog.message!r}"))
    await page.goto(f"{stage.url}/?token={stage.proxy.token}")
    yield page
    await page.evaluate(_REMOVE_ALL)


@asynccontextmanager
async def calling(stage: Stage, name: str) -> AsyncIterator[Call]:
    async with stage.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named(name)) as socket:
        await socket.recv()
        log = LogReader(stage.proxy.data)
        (record,) = await eventually(lambda: [one for one in log.sessions() if one["grouping"] == name])
        yield Call(socket, record["id"], stage.simulator.connections[-1].messages)


async def stopping(page: Page, stage: Stage, call: Call, q: str, *, once: bool = False, seconds: int = 60) -> None:
    """On the page of a session, set a breakpoint for it by the keyboard."""
    await page.goto(f"{stage.url}/sessions/{call.id}")
    await expect(page.locator("#stream")).to_have_text("live")
    await expect(page.locator("#setting")).to_be_visible()
    await page.keyboard.press("b")
    await page.keyboard.type(q)
    await page.locator("[name=timeout]").fill(str(seconds))
    if once:
        await page.locator("[name=once]").check()
    await page.locator("[name=q]").press("Enter")
    await expect(page.locator("#points tbody tr")).to_contain_text(q)


def stop(page: Page) -> Locator:
    return page.locator(".stop:not(.over)")


async def test_a_message_is_changed_on_its_way(stage: Stage, inside: Page):
    async with calling(stage, "changed") as call:
        await stopping(inside, stage, call, "type=conversation.item.create")
        await call.write("Hello there")
        await expect(stop(inside).locator("header")).to_contain_text("app → provider")
        await expect(inside.locator("#paused")).to_have_text("1")
        assert call.items() == []
        await inside.locator("#tab-messages").focus()
        await inside.keyboard.press("w")
        area = stop(inside).locator("textarea")
        await expect(area).to_be_focused()
        await area.fill((await area.input_value()).replace("Hello there", "Good bye"))
        await expect(stop(inside).locator(".go")).to_have_text("Resume changed")
        await inside.keyboard.press("Control+Enter")
        await expect(inside.locator(".stop.over .says")).to_have_text("It went on as you wrote it.")
        await eventually(lambda: call.items() == ["Good bye"])
        await expect(inside.locator("#paused")).to_be_hidden()
        await expect(inside.locator("#findings")).to_contain_text("edit")
        await expect(inside.locator(".stop")).to_have_count(0)


async def test_what_is_not_changed_goes_on_as_it_came(stage: Stage, inside: Page):
    async with calling(stage, "verbatim") as call:
        await stopping(inside, stage, call, "type=session.update")
        sent = '{ "type" :"session.update",\n "n": 12345678901234567890.0, "session":{"instructions":"\\u0041 \u202e"} }'
        await call.socket.send(sent)
        shown = '"n": 12345678901234567890.0,\n  "session": {\n    "instructions": "\\u0041 \\u202e"\n  }\n}'
        await expect(stop(inside).locator("textarea")).to_have_value('{\n  "type": "session.update",\n  ' + shown)
        await expect(stop(inside).locator(".says")).to_contain_text("byte for byte")
        await inside.keyboard.press("r")
        await eventually(lambda: call.got == [sent])


async def test_what_is_no_message_is_told_at_once_and_not_sent(stage: Stage, inside: Page):
    async with calling(stage, "wrong") as call:
        await stopping(inside, stage, call, "type=response.cancel")
        await call.say("response.cancel")
        area = stop(inside).locator("textarea")
        for text in ('{"type": }', "[]", "hello"):
            await area.fill(text)
            await expect(stop(inside).locator(".says")).to_contain_text("This is no message")
            await expect(stop(inside).locator(".go")).to_be_disabled()
        await area.press("Control+Enter")
        await inside.get_by_role("button", name="undo changes").click()
        await expect(stop(inside).locator(".says")).to_contain_text("byte for byte")
        await stop(inside).locator(".go").click()
        await eventually(lambda: [json.loads(one)["type"] for one in call.got] == ["response.cancel"])


async def test_long_stretches_of_base64_are_left_out_and_sent_as_they_are(stage: Stage, inside: Page):
    async with calling(stage, "long") as call:
        await stopping(inside, stage, call, "type=input_audio_buffer.append")
        sound = "UklGR" * 4_000
        await call.say("input_audio_buffer.append", audio=sound)
        area = stop(inside).locator("textarea")
        await expect(area).to_have_value(
            '{\n  "type": "input_audio_buffer.append",\n  "audio": "‹1: 20000 characters, sent as they are›"\n}'
        )
        await area.fill((await area.input_value()).replace('"type"', '"event_id": "mine", "type"'))
        await area.press("Control+Enter")
        await eventually(lambda: call.got)
        assert json.loads(call.got[0]) == {"event_id": "mine", "type": "input_audio_buffer.append", "audio": sound}


async def test_a_message_is_dropped(stage: Stage, inside: Page):
    async with calling(stage, "dropped") as call:
        await stopping(inside, stage, call, "type=conversation.item.create", once=True)
        await call.write("Forget this")
        await expect(stop(inside)).to_have_count(1)
        await call.write("Remember this")
        await expect(stop(inside).locator(".behind")).to_have_text("1 wait behind it")
        await inside.keyboard.press("x")
        await expect(inside.locator(".stop.over .says")).to_have_text("Nothing of it went on.")
        await eventually(lambda: call.items() == ["Remember this"])
        await expect(inside.locator("#points tbody tr")).to_have_count(0)


async def test_what_nobody_answers_goes_on_and_what_was_written_stays_to_be_read(stage: Stage, inside: Page):
    async with calling(stage, "late") as call:
        await stopping(inside, stage, call, "type=conversation.item.create", seconds=9)
        await call.write("As it was")
        await stop(inside).locator("textarea").fill('{"type": "response.cancel"}')
        await eventually(lambda: call.items() == ["As it was"])
        says = inside.locator(".stop.over .says")
        await expect(says).to_have_text("Its time was up: it went on as it came. What you wrote was not sent.")
        await expect(inside.locator(".stop textarea")).to_have_value('{"type": "response.cancel"}')
        await inside.get_by_role("button", name="Close", exact=True).click()
        await expect(inside.locator(".stop")).to_have_count(0)


async def test_an_edit_gets_past_no_policy(stage: Stage, inside: Page):
    async with calling(stage, "rude") as call:
        await stopping(inside, stage, call, "type=conversation.item.create")
        await call.write("Hello")
        area = stop(inside).locator("textarea")
        await expect(area).to_be_enabled()
        await area.fill((await area.input_value()).replace("Hello", "blast you"))
        await area.press("Control+Enter")
        await expect(inside.locator(".stop.over .says")).to_have_text("A policy or a limit stopped what you wrote.")
        assert (await call.until("error"))["error"]["message"].startswith("mind your language")
        assert call.items() == []


async def test_messages_are_made_for_both_sides(stage: Stage, inside: Page):
    async with calling(stage, "made") as call:
        await inside.goto(f"{stage.url}/sessions/{call.id}")
        await expect(inside.locator("#composer")).to_be_visible()
        await inside.keyboard.press("i")
        payload = inside.locator("[name=payload]")
        await expect(payload).to_be_focused()
        await expect(inside.locator("[name=template] option")).to_contain_text(["response.create", "response.cancel"])
        await inside.locator("[name=template]").select_option(label="conversation.item.create")
        await payload.fill((await payload.input_value()).replace("Please answer in one short sentence.", "Made here"))
        await payload.press("Control+Enter")
        await expect(inside.locator("#make-says")).to_contain_text("Made: ")
        await eventually(lambda: call.items() == ["Made here"])
        await inside.locator("[name=from]").select_option("server")
        await inside.locator("[name=template]").select_option(label="error")
        await payload.fill((await payload.input_value()).replace("MESSAGE", "a made one"))
        await inside.get_by_role("button", name="Send").click()
        assert (await call.until("error"))["error"]["message"] == "a made one"
        await payload.fill("{")
        await expect(inside.locator("#make-says")).to_contain_text("This is no message")


async def test_hostile_messages_do_nothing(stage: Stage, inside: Page):
    async with calling(stage, "hostile") as call:
        await stopping(inside, stage, call, "from=client </textarea>")
        await call.write(HOSTILE)
        area = stop(inside).locator("textarea")
        await expect(area).to_be_enabled()
        assert "\\u202egnp.exe" in await area.input_value()
        await call.say("<b>\u202e", text=HOSTILE)
        await inside.keyboard.press("r")
        await expect(stop(inside).last.locator("header b")).to_have_text("<b>\\u202e")
        assert await inside.locator(".stop img, .stop script, .stop b b").count() == 0
        await inside.keyboard.press("x")
        await eventually(lambda: call.items() == [HOSTILE])


async def test_all_sessions_at_once_and_the_badge_of_every_page(stage: Stage, inside: Page, complaints: list[str]):
    await inside.goto(f"{stage.url}/breakpoints")
    await inside.keyboard.press("b")
    await inside.keyboard.type("colour=red")
    await inside.keyboard.press("Enter")
    await expect(inside.locator("#set-wrong")).to_contain_text("'colour=red' is no condition")
    assert [text for text in complaints if "400" in text] == complaints
    complaints.clear()
    await inside.locator("[name=q]").fill("type=response.create key=tester")
    await inside.keyboard.press("Enter")
    await expect(inside.locator("#points tbody tr")).to_have_count(1)
    async with calling(stage, "one") as one, calling(stage, "two") as two:
        await one.say("response.create")
        await expect(stop(inside)).to_have_count(1)
        for path in ("/", "/findings", "/usage", "/rules", "/rules/explain", "/health"):
            await inside.goto(stage.url + path)
            await expect(inside.locator("#paused")).to_have_text("1")
        await two.say("response.create")
        await expect(inside.locator("#paused")).to_have_text("2")
        await inside.locator("#paused").click()
        await inside.wait_for_url("**/breakpoints")
        await expect(stop(inside)).to_have_count(2)
        await expect(inside.locator("#points tbody tr")).to_contain_text("2")
        await inside.keyboard.press("r")
        await one.until("response.done")
        await inside.locator(".remove").click()
        await two.until("response.done")
        await expect(inside.locator("#points tbody tr")).to_have_count(0)
        await expect(inside.locator("#paused")).to_be_hidden()


async def test_what_others_set_appears_and_a_phone_has_room(stage: Stage, inside: Page):
    await inside.set_viewport_size({"width": 390, "height": 844})
    await inside.goto(f"{stage.url}/breakpoints")
    await expect(inside.locator("#stream")).to_have_text("live")
    body = json.dumps({"q": "type=session.update", "once": True})
    made = await inside.evaluate("body => fetch('/api/breakpoints', { method: 'POST', body }).then((answer) => answer.json())", body)
    await expect(inside.locator(f"#{made['id']}")).to_contain_text("the next one only")
    async with calling(stage, "phone") as call:
        await call.say("session.update", session={"type": "realtime", "instructions": "x" * 400})
        await expect(stop(inside).locator("textarea")).to_be_enabled()
        assert await inside.evaluate("document.documentElement.scrollWidth") == 390
        await stop(inside).get_by_role("link").click()
        await inside.wait_for_url(f"**/sessions/{call.id}")
        await expect(stop(inside).locator("textarea")).to_be_enabled()
        assert await inside.evaluate("document.documentElement.scrollWidth") == 390
        await stop(inside).locator(".danger").click()
        await expect(inside.locator("#paused")).to_be_hidden()
    await expect(inside.locator("#setting")).to_be_hidden()
