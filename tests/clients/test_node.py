"""Clients that run in node: the `openai` and `ws` packages, and node's own WebSocket."""

from __future__ import annotations

import pytest
from proxying import KEY
from proxying import ROOT
from stage import Log
from stage import Stage
from stage import assert_credentials_kept
from stage import ran
from stage import run

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("node_packages")]

NODE = ROOT / "tests" / "node"
APP_KEY = "sk-of-the-app-itself"
LARGE = 5 * 1024 * 1024


def script(name: str, *words: str) -> tuple[str, ...]:
    return ("node", "--experimental-websocket", str(NODE / name), *words)


@pytest.mark.parametrize(("kind", "protocol"), [("ws", ""), ("websocket", "realtime")])
async def test_openai_package_on_the_gateway_over_tls(stage: Stage, log: Log, kind: str, protocol: str):
    base_url = stage.proxy.url("/v1", "https")
    seen = await ran(*script("openai_gateway.mjs", base_url, kind), OPENAI_API_KEY=KEY, NODE_EXTRA_CA_CERTS=str(stage.ca))
    assert seen["url"].startswith("wss://127.0.0.1")
    assert (seen["text"], seen["code"], seen["protocol"]) == ("I heard you say: Good morning", 1000, protocol)
    found = await log.session()
    assert (found.session["principal"], found.session["provider"], found.session["door"]) == ("tester", "openai", "gateway")
    assert found.session["close"] == {"code": 1000, "reason": "done", "side": "client"}
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert found.usage["total_tokens"] > 0
    assert_credentials_kept(stage.upstream())


async def test_openai_package_does_not_trust_an_unknown_authority(stage: Stage, log: Log):
    with pytest.raises(AssertionError, match="certificate"):
        await ran(*script("openai_gateway.mjs", stage.proxy.url("/v1", "https"), "ws"), OPENAI_API_KEY=KEY, NODE_EXTRA_CA_CERTS="")
    await log.sessions(0)


async def test_ws_package_behind_the_intercept_door(stage: Stage, log: Log):
    seen = await ran(*run(stage), *script("ws_intercept.mjs"), OPENAI_API_KEY=APP_KEY, UPSTREAM_KEY="only known to the proxy")
    assert seen == {"text": "I heard you say: Good morning", "code": 1000, "reason": "done", "extensions": ""}
    found = await log.session()
    assert (found.session["door"], found.session["principal"], found.session["route"]) == ("intercept", "local", "openai-apps")
    assert [turn["output"] for turn in found.turns] == ["I heard you say: Good morning"]
    assert found.usage["total_tokens"] > 0
    headers = stage.upstream().headers
    assert (headers["Authorization"], headers["X-Of-The-App"]) == (f"Bearer {APP_KEY}", "kept")


async def test_native_websocket_with_frames_of_5_mb(stage: Stage, log: Log):
    url = stage.proxy.url("/v1/realtime?model=gpt-realtime-sim-huge-frame")
    seen = await ran(*script("native_large.mjs", url), OPENAI_API_KEY=KEY)
    assert seen["largest"] > LARGE
    assert (seen["code"], seen["protocol"], seen["extensions"]) == (1000, "realtime", "")
    assert max(map(len, stage.upstream().messages)) > LARGE
    found = await log.session()
    answer = found.turns[0]
    assert (found.session["principal"], answer["status"], answer["output"]) == ("tester", "completed", "Hello! How can I help you today?")
    assert found.session["frames"]["client"]["bytes"] > LARGE < found.session["frames"]["upstream"]["bytes"]
    assert found.usage["total_tokens"] > 0
