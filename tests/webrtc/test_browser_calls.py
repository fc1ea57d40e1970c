"""Calls from a browser through the proxy: sound and events both ways, a tool, a barge-in, a hang-up, and the record of it all."""

from __future__ import annotations

import pytest
from caller import SAID
from caller import Caller
from caller import assert_measured
from caller import said
from callstage import SECRET
from callstage import Recorded
from callstage import Stage
from playwright.async_api import Page
from proxying import KEY

pytestmark = pytest.mark.asyncio(loop_scope="session")


def assert_recorded(found: Recorded) -> None:
    session, turns = found
    assert said(turns) == SAID
    assert (session["transport"], session["door"], session["principal"]) == ("webrtc", "gateway", "tester")
    assert (session["provider"], session["model"], session["route"]) == ("openai", "gpt-realtime", "calls")
    assert session["close"] == {"code": 1000, "reason": "hung up", "side": "client"}
    assert session["usage"]["total_tokens"] == sum(turn["usage"]["total_tokens"] for turn in turns) > 0
    assert session["cost"]["usd"] > 0


async def assert_heard_both_ways(caller: Caller, stage: Stage) -> None:
    figures = await caller.figures()
    for way in ("sent", "heard"):
        assert figures[way]["packets"] > 100
        assert figures[way]["bytes"] > 5_000
        assert figures[way]["energy"] > 0.001
    call = stage.simulator.calls[-1]
    assert call.heard_rms > 0.01
    assert call.packets > 100


def assert_secrets_kept(stage: Stage) -> None:
    """The provider sees its own credential when a secret is minted, then its own secret, and nothing that is good here."""
    mint, offer = stage.simulator.requests[-2:]
    assert mint.headers["Authorization"] == f"Bearer {SECRET}"
    assert offer.headers["Authorization"].startswith("Bearer ek_")
    for asked in (mint, offer):
        assert not [text for text in (*asked.headers.values(), asked.body.decode()) if KEY in text or "ek_vt_" in text]
        assert "Origin" not in asked.headers


async def converse(stage: Stage, caller: Caller, page: str) -> Recorded:
    """The whole conversation from a page, with all that is the same on any; what was recorded of it."""
    before = stage.known()
    await caller.start(stage, page)
    await caller.converse()
    await assert_heard_both_ways(caller, stage)
    await caller.hang_up()
    found = await stage.recorded(before)
    assert_recorded(found)
    assert_measured(found[0])
    assert_secrets_kept(stage)
    return found


async def test_a_page_with_a_peer_connection(stage: Stage, page: Page):
    caller = Caller(page)
    session, _ = await converse(stage, caller, "plain.html")
    assert caller.location.startswith("/v1/realtime/calls/call_")
    assert session["client"]["origin"] == stage.origin
    assert await caller.count("output_audio_buffer.cleared") == 1
    assert await caller.count("error") == 0


@pytest.mark.usefixtures("agents_bundle")
async def test_the_agents_sdk_for_browsers(stage: Stage, page: Page):
    caller = Caller(page)
    await converse(stage, caller, "agents.html")
    assert caller.location.startswith("call_")
    assert await page.evaluate("call.errors") == []
    history = await page.evaluate("call.history()")
    assert [item["output"] for item in history if item["type"] == "function_call"] == ["sunny and 21 degrees in Paris"]
    assert [item["role"] for item in history if item["type"] == "message"] == ["user", "assistant"] * 4
