"""Files of a session as a person gets them: a click on its page, and a report that opens from the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Page
from playwright.async_api import expect
from proxying import KEY
from proxying import RULES
from proxying import started_proxy
from waiting import eventually

from cli.conversation import converse
from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="session")

_RULES = """
providers: {{simulator: {{kind: simulator, url: "http://{simulator}"}}}}
routes: [{{name: all, match: {{door: gateway}}, provider: simulator}}]
"""


async def test_each_link_is_a_file(page: Page, tmp_path: Path) -> None:
    async with Simulator(pace=0) as simulator:
        rules = RULES.replace("{content: full}", "{content: full, frames: events}") + _RULES.format(simulator=simulator.address)
        async with started_proxy(tmp_path, rules) as proxy:
            async for _ in converse(proxy.base_url, KEY, "gpt-realtime"):
                pass
            (record,) = await eventually(
                lambda: [one for one in LogReader(proxy.data).sessions() if one["ended_at"] and one["events"]["count"]]
            )
            await page.goto(f"http://{proxy.control}/?token={proxy.token}")
            await page.goto(f"http://{proxy.control}/sessions/{record['id']}")
            for words, end in (("report", "html"), ("HAR", "har"), ("JSON lines", "jsonl")):
                async with page.expect_download() as download:
                    await page.get_by_role("link", name=words, exact=True).click()
                assert (await download.value).suggested_filename == f"{record['id']}.{end}"
                await (await download.value).save_as(tmp_path / f"x.{end}")
    (entry,) = json.loads((tmp_path / "x.har").read_text())["log"]["entries"]
    assert any(message["_voicetap"]["event"] == "response.done" for message in entry["_webSocketMessages"])
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [line["record"] for line in lines][:3] == ["export", "session", "turn"]
    text = (tmp_path / "x.html").read_text()
    await page.goto("about:blank")
    await page.set_content(text)
    await expect(page.locator(".turn").first).to_contain_text("can you hear me")
