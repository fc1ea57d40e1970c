"""In a browser, over a real proxy: why a session went where it did, why a policy matched a message, and which sound is not there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from waiting import eventually

from cli.conversation import converse
from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RULES = """
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
routes:
  - {{name: eu, match: {{door: gateway, model: "gpt*", header: {{x-region: eu}}}}, provider: simulator}}
  - {{name: all, match: {{door: gateway}}, provider: simulator}}
policies:
  - id: cities
    when: {{from: server, text: [user_transcript], regex: "Paris"}}
    action: redact
"""
_TWIN = "query => fetch(`/rules/explain.json?${query}`).then((answer) => answer.text())"
_LOG = "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A proxy, and the session of a spoken conversation that it recorded: a policy redacts what the user says in its second turn."""

    proxy: Proxy
    session: str

    @property
    def url(self) -> str:
        return f"http://{self.proxy.control}"

    @property
    def page(self) -> str:
        return f"{self.url}/sessions/{self.session}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with Simulator(pace=0.5) as simulator:
        rules = RULES.replace("{content: full}", _LOG) + _RULES.format(simulator=simulator.address)
        async with started_proxy(tmp_path_factory.mktemp("explained"), rules) as proxy:
            async for _ in converse(proxy.base_url, KEY, "gpt-realtime"):
                pass
            yield Stage(proxy, str((await _recorded(proxy))["id"]))


async def _recorded(proxy: Proxy) -> dict[str, object]:
    log = LogReader(proxy.data)
    (record,) = await eventually(lambda: [one for one in log.sessions() if (one["recording"] or {}).get("state") == "ready"])
    return dict(record)


@pytest_asyncio.fixture(loop_scope="session")
async def inside(stage: Stage, page: Page) -> Page:
    await page.goto(f"{stage.url}/?token={stage.proxy.token}")
    return page


async def test_a_request_is_described_in_a_form(stage: Stage, inside: Page):
    await inside.goto(f"{stage.url}/rules")
    await inside.keyboard.press("/")
    await expect(inside.locator("[name=path]")).to_be_focused()
    await inside.locator("[name=model]").fill("gpt-realtime")
    await inside.locator("[name=header]").fill("x-region=us")
    await inside.get_by_role("button", name="Explain").click()
    await expect(inside.locator("#outcome")).to_contain_text("Goes to provider simulator")
    eu, every = await inside.locator(".judged > li").all()
    await expect(eu.locator(".not")).to_have_text("✗ header x-region eu saw us", use_inner_text=True)
    await expect(every.locator(".tag")).to_have_text("taken")
    await inside.locator("[name=header]").fill("x-region=eu")
    await inside.locator("[name=model]").press("Enter")
    await expect(inside.locator(".judged .taken h3")).to_contain_text("eu")
    await inside.locator("[name=path]").fill("/nowhere")
    await inside.locator("[name=path]").press("Enter")
    await expect(inside.locator("#outcome")).to_contain_text("404 not_found")


async def test_a_session_leads_to_why_it_went_there(stage: Stage, inside: Page):
    await inside.goto(stage.page)
    await expect(inside.locator("#play")).to_be_enabled()
    await inside.keyboard.press("e")
    await inside.wait_for_url("**/rules/explain?session=*")
    await expect(inside.locator(".judged .taken h3")).to_contain_text("all")
    await expect(inside.locator("[name=key]")).to_have_value("tester")


async def test_a_message_is_explained_where_it_is_read(stage: Stage, inside: Page):
    await inside.goto(stage.page)
    await expect(inside.locator("#play")).to_be_enabled()
    await inside.keyboard.press("m")
    await inside.locator(".message.touched", has_text="input_audio_transcription").first.click()
    await inside.locator(".why").click()
    why = inside.locator("#event-explained")
    await expect(why.locator("h2 .tag")).to_be_visible()
    await expect(why.locator("h3")).to_contain_text("cities")
    await expect(why.locator(".steps .passed").first).to_contain_text("from server")
    await inside.keyboard.press("e")
    await expect(why).to_have_count(0)
    await inside.keyboard.press("e")
    await expect(why).to_have_count(1)


async def test_the_twin_says_what_the_command_says(stage: Stage, inside: Page):
    frames = LogReader(stage.proxy.data).frames(stage.session)
    assert frames is not None
    number = next(event.n for event in frames.events() if event.type.endswith("transcription.completed") and event.findings)
    given = ("--session", stage.session, "--event", str(number), "--data", str(stage.proxy.data), "--rules", str(stage.proxy.rules))
    told = json.loads(await inside.evaluate(_TWIN, f"session={stage.session}&event={number}"))
    assert (told["event"]["judged"], told["event"]["policies"][0]["policy"]) == (True, "cities")
    assert told == json.loads(await command("explain", *given, "--json"))


async def test_sound_that_is_not_kept_is_drawn_and_named(stage: Stage, inside: Page):
    await inside.goto(stage.page)
    await expect(inside.locator("#turn-2 .said.you .silent")).to_have_text("sound not kept: cities")
    await expect(inside.locator(".silent")).to_have_count(1)
    await expect(inside.locator("#play")).to_be_enabled()
    lanes = json.loads(await inside.evaluate("fetch(`${location.pathname}/timeline.json`).then((answer) => answer.text())"))
    assert lanes["silenced"] == [{"turn": 2, "side": "user", "policies": ["cities"]}]
    assert await hatched(inside)


async def hatched(page: Page) -> bool:
    """Whether the user's lane has the colour in which sound that is not kept is hatched, which nothing else there has."""
    return bool(
        await page.evaluate("""() => {
            const canvas = document.getElementById('timeline');
            const scale = canvas.width / canvas.clientWidth;
            const { data } = canvas.getContext('2d').getImageData(72 * scale, 24 * scale, canvas.width - 72 * scale, 52 * scale);
            for (let at = 0; at < data.length; at += 4) if (data[at] > data[at + 1] + 40 && data[at] > data[at + 2] + 40) return true;
            return false;
        }""")
    )
