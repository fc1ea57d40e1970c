"""A session that a real proxy recorded, exported as a fixture and held again, is the same conversation; its figures can be asserted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from exportlog import run
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import free_port
from proxying import started_proxy
from recorded import ended
from recorded import named
from talking import Talk
from waiting import eventually

from simulator import Rule
from simulator import Script
from simulator import Simulator
from simulator import ToolCall
from simulator import load_script
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111 1111 1111 1111"
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
MODEL = "/v1/realtime?model=stage/gpt-realtime"
POLICIES = "policies:\n  - {id: cards, when: {from: client, text: [user_text], detect: [card]}, action: redact}\n"
TOOL = {"type": "function", "name": "get_weather", "description": "Weather.", "parameters": {"type": "object", "properties": {}}}
SCRIPT = Script(
    transcripts=("Thank you, that is all.",),
    rules=(
        Rule("both", call=(ToolCall("get_weather", {"city": "Paris"}), ToolCall("get_weather", {"city": "Rome"})), then="Here: {result}"),
        Rule("that is all", "You are welcome."),
    ),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    providers = f'providers:\n  stage: {{kind: simulator, url: "http://127.0.0.1:{free_port()}"}}\n'
    rules = RULES.replace("{content: full}", "{content: full, frames: events}") + providers + POLICIES
    async with started_proxy(tmp_path_factory.mktemp("asserted"), rules) as made:
        yield made


def port_of(proxy: Proxy) -> int:
    """Where the rules have the provider."""
    return int(proxy.rules.read_text().partition("stage: ")[2].partition("}")[0].rpartition(":")[2].rstrip('"'))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def original(proxy: Proxy) -> str:
    """The id of a session with a card, two tools at once, and speech."""
    async with Simulator(port=port_of(proxy), pace=0, script=SCRIPT), proxy.connect(MODEL, headers=named("original")) as made:
        talk = Talk(made)
        await talk.until("session.created")
        listening = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}}
        await talk.update(instructions="Be brief.", tools=[TOOL], audio=listening)
        await talk.text(f"My card is {CARD}.")
        await talk.ask()
        await talk.text("How is it in both?")
        for number, item in enumerate((await talk.ask())["output"]):
            await talk.result(item["call_id"], ("sun", "rain")[number])
        await talk.ask()
        await talk.voice("Thank you, that is all.")
        await talk.done()
        if not talk.all(TRANSCRIBED):
            await talk.until(TRANSCRIBED)
    record = await ended(proxy.data, "original")
    await recorded(proxy, record["id"])
    return str(record["id"])


async def recorded(proxy: Proxy, session: str) -> None:
    """Wait until all messages of a session are in the log."""

    def whole() -> bool:
        record, frames = LogReader(proxy.data).session(session), LogReader(proxy.data).frames(session)
        return bool(record and frames and record["events"] and frames.count == record["events"]["count"] > 0)

    await eventually(whole)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def again(proxy: Proxy, original: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The session that a replay of its fixture made."""
    file = tmp_path_factory.mktemp("held") / "call.jsonl"
    exported = run(proxy.data, "export", "fixture", original, "-o", str(file))
    assert (exported.exit_code, exported.stderr) == (0, "")
    words = ("replay", str(file), "--data", str(proxy.data), "--rules", str(proxy.rules), "--key", KEY, "--json")
    [told] = json.loads(await command(*words))
    assert told["close"] is None
    await recorded(proxy, told["session"])
    return str(told["session"])


async def test_a_replay_of_the_fixture_is_the_same_conversation(proxy: Proxy, original: str, again: str) -> None:
    found = run(proxy.data, "diff", original, again, "--only", "config,turns,text,tools")
    assert found.exit_code == 0, found.stdout
    turns = LogReader(proxy.data).turns(again)
    assert [turn["output"] for turn in turns] == ["I heard you say: My card is [card].", "", "Here: sun; rain", "You are welcome."]
    assert [call["result"] for call in turns[1]["tool_calls"]] == ["sun", "rain"]
    assert turns[0]["input"] == "My card is [card]."


async def test_what_has_no_card_in_it_any_more_meets_no_policy(proxy: Proxy, original: str, again: str) -> None:
    found = json.loads(run(proxy.data, "diff", original, again, "--only", "findings", "--json").stdout)
    assert [(one["a"] > 0, one["b"]) for one in found["values"]] == [(True, 0)]
    assert run(proxy.data, "assert", original, "policy cards").exit_code == 0
    assert run(proxy.data, "assert", again, "no policy cards").exit_code == 0


async def test_figures_of_a_real_session(proxy: Proxy, original: str) -> None:
    conditions = (
        *("first_audio.p95<1h", "turns=4", "status=completed", "close.code=1000", "key=tester", "calls=2", "usage.total_tokens>0"),
        *("tool get_weather city=Rome", "no tool pay", 'said ~ "you are welcome"', "heard !~ 4111", "no findings severity=critical"),
    )
    good = run(proxy.data, "assert", original, *conditions)
    assert good.exit_code == 0, good.stdout
    bad = json.loads(run(proxy.data, "assert", "grouping=original", *conditions, "first_audio.p50<0.001ms", "--json").stdout)
    assert [row["condition"] for row in bad["sessions"][0]["conditions"] if not row["held"]] == ["first_audio.p50<0.001ms"]


async def test_a_script_answers_as_the_session_was_answered(proxy: Proxy, original: str, tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    assert run(proxy.data, "export", "fixture", original, "--script", "-o", str(file)).exit_code == 0
    assert load_script(file).lines[2:] == ("Here: sun; rain", "You are welcome.")


async def test_a_session_that_is_still_to_come_is_waited_for(proxy: Proxy) -> None:
    words = ("assert", "grouping=late", "close.code=1000", "turns=0", "--wait", "1m", "--data", str(proxy.data))
    waiting = asyncio.create_task(command(*words))
    async with Simulator(port=port_of(proxy), pace=0), proxy.connect(MODEL, headers=named("late")) as made:
        await Talk(made).until("session.created")
    assert "✓ close.code=1000, saw 1000" in await waiting
