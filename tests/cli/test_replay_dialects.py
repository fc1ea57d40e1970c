"""A recorded client of every dialect sent to another provider of it: where the answers are those of then, all it says is what it said.

The conversations are synthetic; nothing here has been compared with a live provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from proxying import ROOT
from proxying import RULES
from proxying import started_proxy
from upstreamstage import Stage

from simulator import Simulator
from simulator import load_cassette
from simulator import play_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = (
    "azure-ga",
    "bailian-asr",
    "bailian-omni",
    "elevenlabs-agents",
    "gemini-aistudio",
    "gemini-vertex",
    "openai-ga-voice",
    "openai-live",
    "openai-transcription",
    "openai-translation",
    "stepfun",
    "vllm-asr",
)
CASSETTES = {name: load_cassette(ROOT / "simulator" / "cassettes" / f"{name}.jsonl") for name in NAMES}
MODELS = {"openai-transcription": "gpt-4o-transcribe", "openai-live": "gpt-live-1", "vllm-asr": "mistralai/Voxtral-Mini-3B-2507"}
MODELS |= {"gemini-aistudio": "gemini-3.8-live", "gemini-vertex": "gemini-live-2.5-flash-native-audio"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Two providers for each conversation: with `a-…` it is recorded, to `b-…` it is sent."""
    async with AsyncExitStack() as stack:
        providers, rules = {}, RULES.replace("{content: full}", "{content: full, frames: all, retention: {content: 1d}}") + "providers:\n"
        for name in (f"{side}-{name}" for name in NAMES for side in "ab"):
            cassette = CASSETTES[name[2:]]
            providers[name] = await stack.enter_async_context(Simulator(pace=0, cassette=cassette))
            dialect = ", dialect: vllm" if name.endswith("vllm-asr") else ""
            rules += f'  {name}: {{kind: {cassette.provider}, url: "http://{providers[name].address}"{dialect}}}\n'
        folder = tmp_path_factory.mktemp("dialects")
        yield Stage(await stack.enter_async_context(started_proxy(folder, rules)), providers)


@pytest.mark.parametrize("name", NAMES)
async def test_what_was_said_is_said_again(stage: Stage, name: str) -> None:
    cassette = CASSETTES[name]
    query = urlencode(list(cassette.query.items()))

    async def hold() -> None:
        async with stage.proxy.connect(f"/a-{name}{cassette.path}{'?' if query else ''}{query}") as socket:
            await play_client(cassette, socket)

    session = await stage.recorded(name, hold)
    model = MODELS.get(name) or cassette.query.get("model") or cassette.query["agent_id"]
    told, got = await stage.sent(session, f"b-{name}/{model}", "--fast", "--only", "turns,text,tools")
    assert got.mismatches == []
    assert (told["failed"], told["skipped"], told["otherwise"]) == (None, 0, {})
    assert told["difference"]["equal"]
