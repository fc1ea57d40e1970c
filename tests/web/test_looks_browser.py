"""Every page as people meet it: dark and light, on a desk and a phone, by keyboard alone, with much, hostile or nothing to show."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import ended
from recorded import named
from waiting import eventually

from cli.conversation import converse
from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "Donaudampfschifffahrtsgesellschaft" * 12
HOSTILE = f"<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe \x1b[31m =cmd|'/C calc'!A0 {LONG}"
_RULES = """
providers:
  simulator: {{kind: simulator, url: "http://{simulator}"}}
routes:
  - {{name: all, match: {{door: gateway}}, provider: simulator}}
policies:
  - id: cities
    title: Names of cities, which nobody is to hear
    mode: enforce
    when: {{text: [model_transcript, model_text, user_text], regex: "(?i)\\\\b(Paris|Lorem|calc)\\\\b"}}
    action: tag
    tag: travel
  - {{id: images, mode: monitor, when: {{text: [user_text], regex: "img"}}, action: redact, alert: high}}
"""
_LOG = "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}"
_PAGES = ("", "findings", "usage", "rules", "rules/explain", "breakpoints", "health", "call")
SIZES = ((1280, 860), (390, 844))
SCHEMES = ("dark", "light")

CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const paint = (colour, alpha = 1) => { pen.globalAlpha = alpha; pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); };
  const seen = () => [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const around = (element) => (element ? [...around(element.parentElement), element] : []);
  const dim = [];
  for (const element of document.body.querySelectorAll('*')) {
    const words = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data.trim()).join('');
    if (!words || element.disabled || !element.checkVisibility() || element.closest('.read-only, svg')) continue;
    const style = getComputedStyle(element);
    const chain = around(element);
    paint('white');
    for (const one of chain) paint(getComputedStyle(one).backgroundColor);
    const below = light(seen());
    paint(style.color, chain.reduce((alpha, one) => alpha * getComputedStyle(one).opacity, 1));
    const above = light(seen());
    const found = (Math.max(below, above) + 0.05) / (Math.min(below, above) + 0.05);
    const size = parseFloat(style.fontSize);
    const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 600) ? 3 : 4.5;
    if (found < enough) dim.push(`${element.tagName}.${element.className} “${words.slice(0, 30)}” ${found.toFixed(2)}`);
  }
  return dim;
}"""
"""Texts with less contrast than WCAG 2.2 AA asks for (1.4.3)."""

KNOWN = """(one) => [one.tagName, one.id, one.getAttribute('href') ?? '', one.ariaLabel ?? '', one.name ?? ''].join(' ')"""
"""What is the same of an element when the page has made it anew."""
REACHABLE = f"""() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((one) => !one.disabled && one.checkVisibility({{ visibilityProperty: true }})).map({KNOWN})"""
FOCUSED = f"""() => {{
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const ring = (element) => {{
    const {{ outlineStyle, outlineWidth, boxShadow }} = getComputedStyle(element);
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none';
  }};
  const named = document.getElementById(one.getAttribute('aria-labelledby'));
  return {{
    known: ({KNOWN})(one),
    ringed: ring(one.closest('table.list a') ? one.closest('td') : one),
    name: one.ariaLabel || named?.textContent || one.textContent.trim() || one.labels?.[0]?.textContent.trim() || one.title,
  }};
}}"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A proxy with a spoken session and a hostile one, and one without any."""

    proxy: Proxy
    empty: Proxy
    spoken: str
    hostile: str

    def pages(self) -> dict[str, str]:
        """Address by what it shows."""
        full, none = f"http://{self.proxy.control}", f"http://{self.empty.control}"
        return {
            **{name or "sessions": f"{full}/{name}" for name in _PAGES},
            "session": f"{full}/sessions/{self.spoken}",
            "hostile": f"{full}/sessions/{self.hostile}",
            "explained": f"{full}/rules/explain?session={self.hostile}&event=3",
            "nothing fits": f"{full}/?q=key%3Dnobody",
            "wrong filter": f"{full}/?q=colour%3Dred",
            "no such session": f"{full}/sessions/nope",
            **{f"empty {name or 'sessions'}": f"{none}/{name}" for name in _PAGES if name != "call"},
        }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    kept = RULES.replace("{content: full}", _LOG)
    async with (
        Simulator(pace=0.2) as simulator,
        started_proxy(tmp_path_factory.mktemp("full"), kept + _RULES.format(simulator=simulator.address)) as proxy,
        started_proxy(tmp_path_factory.mktemp("empty"), kept) as empty,
    ):
        async for _ in converse(proxy.base_url, KEY, "gpt-realtime"):
            pass
        (record,) = await eventually(lambda: _audible(proxy))
        model = "%3Cscript%3Ealert(3)%3C/script%3E" + LONG[:100]
        async with proxy.connect(f"/v1/realtime?model={model}", headers=named("hostile")) as websocket:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": HOSTILE}]}
            await websocket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await websocket.send(json.dumps({"type": "response.create"}))
            while json.loads(await websocket.recv())["type"] != "response.done":
                pass
        hostile = await ended(proxy.data, "hostile")
        yield Stage(proxy, empty, record["id"], hostile["id"])


def _audible(proxy: Proxy) -> list[dict[str, Any]]:
    return [one for one in LogReader(proxy.data).sessions() if (one["recording"] or {}).get("state") == "ready"]


async def let_in(page: Page, stage: Stage) -> Page:
    """A browser that followed the links of both; nothing may open a dialog."""
    for proxy in (stage.proxy, stage.empty):
        await page.goto(f"http://{proxy.control}/health?token={proxy.token}")
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def inside(stage: Stage, page: Page, complaints: list[str]) -> AsyncIterator[Page]:
    page.on("dialog", lambda dialog: complaints.append(f"opens {dialog.message!r}"))
    yield await let_in(page, stage)
    refused = "Failed to load resource: the server responded with a status of 40"
    assert [text for text in complaints if not text.startswith(refused)] == [], "only pages that are refused are"
    complaints.clear()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_every_text_can_be_read(stage: Stage, inside: Page, scheme: Any):
    await inside.emulate_media(color_scheme=scheme)
    found = {}
    for name, address in stage.pages().items():
        await inside.goto(address)
        if dim := await inside.evaluate(CONTRAST):
            found[name] = dim
    assert found == {}


async def test_a_text_that_is_hard_to_read_would_be_found(stage: Stage, inside: Page):
    await inside.goto(f"http://{stage.proxy.control}/health")
    await inside.evaluate("document.querySelector('main a').style.opacity = 0.5")
    (found,) = await inside.evaluate(CONTRAST)
    assert found.startswith("A.soft “as JSON” ")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nothing_leaves_the_screen(stage: Stage, inside: Page, size: tuple[int, int]):
    await inside.set_viewport_size({"width": size[0], "height": size[1]})
    wide = {}
    for name, address in stage.pages().items():
        await inside.goto(address)
        wide[name] = await inside.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in wide.items() if width != size[0]} == {}


async def test_a_phone_shows_the_way_to_every_page(stage: Stage, inside: Page):
    await inside.set_viewport_size({"width": 390, "height": 844})
    await inside.goto(f"http://{stage.proxy.control}/")
    for link in await inside.locator("nav[aria-label=Pages] a").all():
        await expect(link).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    "name", ["sessions", "session", "findings", "usage", "rules", "explained", "breakpoints", "health", "call", "empty sessions"]
)
async def test_the_keyboard_reaches_everything_and_shows_where_it_is(stage: Stage, inside: Page, name: str):
    await inside.goto(stage.pages()[name])
    if name == "session":
        await expect(inside.locator("#play")).to_be_enabled()
    await inside.evaluate("document.activeElement.blur()")
    wanted: set[str] = set(await inside.evaluate(REACHABLE))
    reached: set[str] = set()
    for _ in range(3 * len(wanted) + 20):
        await inside.keyboard.press("Tab")
        if focused := await inside.evaluate(FOCUSED):
            assert focused["ringed"], focused
            assert focused["name"], focused
            reached.add(focused["known"])
        if reached >= wanted:
            break
    assert wanted - reached == set()


async def test_each_page_has_one_heading_and_a_title(stage: Stage, inside: Page):
    for name, address in stage.pages().items():
        await inside.goto(address)
        headings = [await one.inner_text() for one in await inside.locator("h1").all()]
        assert len(headings) == 1, (name, headings)
        assert "voicetap" in await inside.title()


async def test_nothing_moves_where_that_is_asked(stage: Stage, browser: Browser):
    for motion, (size, scheme) in product(("reduce", "no-preference"), [(SIZES[0], "dark")]):
        context = await browser.new_context(reduced_motion=motion, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
        page = await let_in(await context.new_page(), stage)
        await page.goto(f"http://{stage.proxy.control}/")
        moving = "document.querySelector('#sessions tbody tr').classList.add('new'), document.getAnimations().length"
        assert (await page.evaluate(moving) > 0) == (motion == "no-preference")
        await context.close()


async def test_hostile_words_are_words_on_every_page(stage: Stage, inside: Page):
    for name, address in stage.pages().items():
        await inside.goto(address)
        assert await inside.locator("main img:not([src*='icon.svg']), main script").count() == 0, name
    await inside.goto(stage.pages()["hostile"])
    await expect(inside.locator("#turn-1 .said.you p")).to_contain_text("<script>alert(2)</script>")
    await inside.keyboard.press("m")
    await expect(inside.locator(".message").first).to_be_visible()
    await inside.keyboard.press("j")
    await expect(inside.locator("#message-view")).to_contain_text('"type": ')
    assert await inside.locator("#message-view img, #message-view script").count() == 0
