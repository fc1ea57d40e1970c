"""Findings and usage in a browser, over a real proxy: rows and figures that follow what happens, and do not while nobody looks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import named

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<script>alert(1)</script> Paris"
_RULES = """
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
routes:
  - {{name: all, match: {{door: gateway}}, provider: simulator}}
policies:
  - {{id: cities, mode: monitor, when: {{from: client, event: conversation.item.create, regex: "Paris"}}, action: alert}}
  - {{id: rivers, mode: monitor, when: {{from: client, event: conversation.item.create, regex: "Seine"}}, action: alert}}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    async with Simulator(pace=0) as simulator:
        rules = RULES + _RULES.format(simulator=simulator.address)
        async with started_proxy(tmp_path_factory.mktemp("live"), rules) as proxy:
            yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def inside(proxy: Proxy, page: Page, complaints: list[str]) -> Page:
    page.on("dialog", lambda dialog: complaints.append(f"opens {dialog.message!r}"))
    await page.goto(f"http://{proxy.control}/?token={proxy.token}")
    return page


async def shown(page: Page, proxy: Proxy, path: str) -> None:
    """Open a page, and wait until it is told what happens."""
    await page.goto(f"http://{proxy.control}{path}")
    await page.evaluate("window.stays = true")
    await expect(page.locator("#stream")).to_have_text("live")


async def say(proxy: Proxy, name: str, *texts: str) -> None:
    """A session in which the user writes, and waits for the answers."""
    async with proxy.connect("/v1/realtime?model=gpt-realtime", headers=named(name)) as websocket:
        for text in texts:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            await websocket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await websocket.send(json.dumps({"type": "response.create"}))
            while json.loads(await websocket.recv())["type"] != "response.done":
                pass


async def test_findings_that_fit_come_while_they_are_looked_at(proxy: Proxy, inside: Page):
    await shown(inside, proxy, "/findings?q=policy%3Dcities")
    await expect(inside.locator("#nothing")).to_be_visible()
    await say(proxy, "first", HOSTILE, "the Seine")
    row = inside.locator("#found tbody tr")
    await expect(row).to_have_count(1)
    await expect(row.locator(".badge")).to_have_text("cities")
    await expect(inside.locator("#nothing")).to_be_hidden()
    await expect(inside.locator("#counts li", has_text="cities").locator(".num")).to_have_text("1")
    await say(proxy, "second", "Paris", "Paris again")
    await expect(row).to_have_count(3)
    await expect(inside.locator("#counts li", has_text="cities").locator(".num")).to_have_text("3")
    await inside.keyboard.press("j")
    await inside.keyboard.press("Enter")
    await inside.wait_for_url("**/sessions/ses_*")


async def test_figures_of_usage_follow(proxy: Proxy, inside: Page):
    await shown(inside, proxy, "/usage?since=1d")
    sessions = inside.locator("#totals div", has_text="sessions").locator("dd")
    before = int(await sessions.inner_text())
    await say(proxy, "used", "Hello?")
    await expect(sessions).to_have_text(str(before + 1))
    await expect(inside.locator("#by-key tbody tr", has_text="tester").locator("td").nth(1)).to_have_text(str(before + 1))
    assert await inside.evaluate("window.stays")


async def test_nothing_is_asked_for_while_nobody_looks_and_all_is_there_afterwards(proxy: Proxy, inside: Page):
    await shown(inside, proxy, "/findings")
    row = inside.locator("#found tbody tr")
    before = await row.count()
    await hide(inside, True)
    asked: list[str] = []
    inside.on("request", lambda request: asked.append(request.url))
    await say(proxy, "unseen", "Paris", "Paris")
    assert asked == []
    await hide(inside, False)
    await expect(row).to_have_count(before + 2)


async def hide(page: Page, hidden: bool) -> None:
    """As where another tab is looked at."""
    await page.evaluate(
        """value => {
            Object.defineProperty(document, 'hidden', { value, configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )
