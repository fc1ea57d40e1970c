"""Recorded sessions sent to another model through a real proxy: each message at its time, with the ids of now, and compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import copytree
from shutil import ignore_patterns
from typing import Any

import pytest
import pytest_asyncio
import talks
from click.testing import Result
from proxying import KEY
from proxying import hash_of
from proxying import started_proxy
from typer.testing import CliRunner
from upstreamstage import Stage

from cli.__main__ import app
from cli.errors import Failure
from simulator import Rule
from simulator import Script
from simulator import Simulator
from simulator import ToolCall
from simulator.record import Connection
from simulator.script import STORY
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

TELLER = Script(rules=(Rule(when="story", say=STORY * 5),))
"""Its stories are long enough to be talked into on any machine."""
ODD = Script(rules=(Rule(when="hear me", call=(ToolCall("find_user", {"id": 1}),), then="Found: {result}"),))
RULES = """
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
log: {{content: full, frames: {frames}, retention: {{content: 1d}}}}
keys:
  - {{id: tester, hash: "{hash}"}}
  - {{id: elsewhere, hash: "{other}"}}
routes:
  - {{name: elsewhere, match: {{key: elsewhere}}, provider: sim}}
prices:
  priced: {{text_in: 1, text_out: 2, audio_in: 3, audio_out: 4, source: the test}}
policies:
  - {{id: stories, when: {{from: client, text: [user_text], regex: "story"}}, action: alert}}
providers:
  gemini: {{kind: gemini, url: "http://127.0.0.1:9"}}
  paid: {{kind: openai, url: "http://{other_address}"}}
"""
OTHER_KEY = "vt_" + "e" * 43


async def stage_in(stack: AsyncExitStack, folder: Path, frames: str) -> Stage:
    providers = {name: Simulator(pace=0.1, script=TELLER) for name in ("sim", "other")} | {"odd": Simulator(pace=0, script=ODD)}
    for simulator in providers.values():
        await stack.enter_async_context(simulator)
    rules = RULES.format(frames=frames, hash=hash_of(KEY), other=hash_of(OTHER_KEY), other_address=providers["other"].address)
    rules += "".join(f'  {name}: {{kind: simulator, url: "{one.base_url}"}}\n' for name, one in providers.items())
    return Stage(await stack.enter_async_context(started_proxy(folder, rules)), providers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield await stage_in(stack, tmp_path_factory.mktemp("upstream"), "all")


async def held(stage: Stage, name: str) -> str:
    """The session in which one of the conversations was held."""
    url = stage.proxy.url("/v1/realtime?model=sim/gpt-realtime")
    return await stage.recorded(name, lambda: talks.hold(getattr(talks, name), url, KEY, name))


def events(connection: Connection) -> list[dict[str, Any]]:
    """What reached a provider, but for sound."""
    found = [json.loads(message) for message in connection.messages]
    return [event for event in found if event["type"] != "input_audio_buffer.append"]


def failure(found: Result) -> Failure:
    assert isinstance(found.exception, Failure), found.output
    return found.exception


@pytest.mark.parametrize("pace", ["--fast", "--pace=1"])
@pytest.mark.parametrize("talk", ["spoken", "written", "by_hand", "open_microphone", "barging_in", "cancelling"])
async def test_the_same_conversation_with_another_provider(stage: Stage, talk: str, pace: str) -> None:
    session = await held(stage, talk)
    told, _ = await stage.sent(session, "other/gpt-realtime-mini", pace, "--only", "turns,tools")
    assert (told["failed"], told["errors"], told["otherwise"], told["skipped"]) == (None, [], {}, 0)
    assert told["difference"]["equal"], told["difference"]
    made = stage.record(told["session"])
    assert (made["provider"], made["model"], made["principal"]) == ("other", "gpt-realtime-mini", "tester")
    assert made["grouping"].startswith(f"replays:{session}:"), "the new session says what it replays"


async def test_ids_are_those_of_the_new_provider(stage: Stage) -> None:
    _, spoken = await stage.sent(await held(stage, "spoken"), "other/x", "--fast")
    results = [event["item"] for event in events(spoken) if event["type"] == "conversation.item.create"]
    assert [result["output"] for result in results] == ["sunny in Paris"]
    told, cancelled = await stage.sent(await held(stage, "cancelling"), "other/x", "--fast")
    ids = {turn["id"] for turn in LogReader(stage.proxy.data).turns(told["session"])}
    calls = {call["call_id"] for turn in LogReader(stage.proxy.data).turns(told["session"]) for call in turn["tool_calls"]}
    assert {event["response_id"] for event in events(cancelled) if event["type"] == "response.cancel"} < ids
    assert calls == set()


async def test_nothing_is_cut_that_was_not_sent(stage: Stage) -> None:
    """The app had played 100 ms when it was recorded; the new answer is cut in its own item, at most where its sound ends."""
    told, got = await stage.sent(await held(stage, "barging_in"), "other/x", "--pace=1")
    (cut,) = [event for event in events(got) if event["type"] == "conversation.item.truncate"]
    assert 0 < cut["audio_end_ms"] <= 100
    recorded = LogReader(stage.proxy.data).frames(await held(stage, "barging_in"))
    assert recorded is not None
    assert cut["item_id"] not in {event.payload and json.loads(event.payload).get("item_id") for event in recorded.events()}
    assert told["errors"] == []


async def test_nothing_is_sent_without_yes(stage: Stage) -> None:
    session, before = await held(stage, "spoken"), len(stage.providers["other"].connections)
    found = await stage.replay(session, "paid/priced")
    assert (failure(found).code, failure(found).exit_code) == ("VT115", 2)
    assert session in found.stdout
    assert "to  paid/priced" in found.stdout
    assert "about $0.00" in found.stdout
    assert "rules: the test" in found.stdout
    told = json.loads((await stage.replay(session, "paid/unpriced", "--json")).stdout)
    assert (told["replays"], told["target"]["provider"], told["target"]["billable"]) == (session, "paid", True)
    assert (told["cost"]["usd"], told["messages"] > 20, told["seconds"] > 0) == (None, True, True)
    assert "not known: no price of unpriced" in (await stage.replay(session, "paid/unpriced")).stdout
    assert len(stage.providers["other"].connections) == before


async def test_it_may_say_otherwise(stage: Stage, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Be rude.")
    options = ("--voice", "cedar", "--instructions", str(words), "--set", "session.max_output_tokens=200", "--fast", "--only", "config")
    told, got = await stage.sent(await held(stage, "spoken"), "other/x", *options)
    session = events(got)[0]["session"]
    assert (session["instructions"], session["max_output_tokens"]) == ("Be rude.", 200)
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["audio"]["input"]["turn_detection"] == {"type": "server_vad"}, "all else is as recorded"
    differs = {value["name"] for value in told["difference"]["values"] if not value["equal"]}
    assert {"voice", "instructions", "max_output_tokens", "model"} <= differs


async def test_a_tool_that_was_not_called_then(stage: Stage) -> None:
    told, got = await stage.sent(await held(stage, "spoken"), "odd/x", "--fast")
    (error, result) = [event["item"] for event in events(got) if event["type"] == "conversation.item.create"]
    assert (json.loads(error["output"]), result["output"]) == ({"error": "no recorded result"}, "sunny in Paris")
    assert list(told["otherwise"]) == ["find_user was called: no recorded result, so that it got an error"]
    assert [turn["status"] for turn in LogReader(stage.proxy.data).turns(told["session"])] == ["completed"] * 4


async def test_a_tool_that_is_not_called_now(stage: Stage) -> None:
    told, got = await stage.sent(await held(stage, "spoken"), "other/x", "--fast", "--set", "session.tools=[]")
    assert [event["type"] for event in events(got)] == ["session.update"]
    assert (told["skipped"], told["failed"]) == (2, None)
    assert "result of get_weather is not sent: it was not called" in told["otherwise"]


async def test_a_provider_that_waits_for_more_silence_gets_it(stage: Stage) -> None:
    setting = "session.audio.input.turn_detection.silence_duration_ms=1500"
    told, _ = await stage.sent(await held(stage, "spoken"), "other/x", "--fast", "--set", setting, "--only", "turns,text,tools")
    assert told["difference"]["equal"], told


async def test_a_provider_that_answers_into_pauses(stage: Stage) -> None:
    """It takes each turn for two; what was said goes on all the same, and each turn begins when all is answered."""
    setting = "session.audio.input.turn_detection.silence_duration_ms=300"
    told, _ = await stage.sent(await held(stage, "with_pauses"), "other/x", "--fast", "--set", setting)
    assert (told["failed"], told["skipped"], told["errors"]) == (None, 0, [])
    statuses = [turn["status"] for turn in LogReader(stage.proxy.data).turns(told["session"])]
    assert statuses == ["cancelled", "completed"] * 2


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("close-4000", "the session was closed: 4000 simulated close 4000"),
        ("stall", "an answer did not come within 3 s"),
        ("drop-mid-answer", "the session was closed: 1011 upstream connection lost"),
    ],
)
async def test_a_provider_that_gives_up(stage: Stage, model: str, why: str) -> None:
    session = await held(stage, "written")
    found = await stage.replay(session, f"other/sim-{model}", "--yes", "--fast", "--wait", "3")
    assert found.exit_code == 1
    assert f"it did not come to its end: {why}" in found.stdout
    assert "3 messages sent" in found.stdout or "0 messages sent" in found.stdout
    assert f"A  {session}" in found.stdout, "what there is of it is compared"


async def test_a_provider_that_refuses(stage: Stage) -> None:
    found = await stage.replay(await held(stage, "written"), "other/sim-refuse-401", "--yes", "--fast")
    assert failure(found).code == "VT109"
    assert failure(found).message.endswith("provider other refused the session with status 401")


@pytest.mark.parametrize(
    ("model", "key", "said"),
    [
        ("gemini/live", KEY, "the session is in the dialect openai; gemini speaks gemini"),
        ("nobody/x", KEY, "'nobody/x' is no provider with a model"),
        ("other", KEY, "'other' is no provider with a model"),
        ("other/x", OTHER_KEY, "the rules send other/x to sim/x (route elsewhere)"),
    ],
)
async def test_where_it_cannot_go(stage: Stage, model: str, key: str, said: str) -> None:
    found = failure(await stage.replay(await held(stage, "written"), model, "--yes", key=key))
    assert (found.code, found.message) == ("VT105", said)


@pytest.mark.parametrize("option", ["--set=max_output_tokens=3", "--set=session.voice", "--set=setup.model=x", "--only=prices"])
async def test_options_that_mean_nothing(stage: Stage, option: str) -> None:
    assert failure(await stage.replay(await held(stage, "written"), "other/x", option)).code == "VT105"


async def test_policies_apply_to_it(stage: Stage) -> None:
    told, _ = await stage.sent(await held(stage, "cancelling"), "other/x", "--fast")
    found = LogReader(stage.proxy.data).findings(session_id=told["session"], limit=None)
    assert [finding["policy"] for finding in found] == ["stories"]


async def test_without_a_proxy_it_starts_one(stage: Stage, tmp_path: Path) -> None:
    session = await held(stage, "written")
    data = tmp_path / "data"
    copytree(stage.proxy.data, data, ignore=ignore_patterns("run.json", "control.token", ".lock"))
    words = ["replay", session, "--to", "upstream", "other/x", "--rules", str(stage.proxy.rules), "--data", str(data), "--key", KEY]
    found = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--yes", "--fast", "--json"])
    told = json.loads(found.stdout)
    assert (found.exit_code, told["failed"], told["sent"]) == (0, None, 6)
    assert LogReader(data).session(told["session"]) is not None
    assert LogReader(stage.proxy.data).session(told["session"]) is None


async def test_sound_that_was_not_kept(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stage = await stage_in(stack, tmp_path, "events")
        session = await held(stage, "by_hand")
        assert failure(await stage.replay(session, "other/x", "--yes")).code == "VT112"
        told, got = await stage.sent(session, "other/x", "--silence", "--fast", "--only", "turns")
    assert told["difference"]["equal"]
    assert any("silence as long as it was" in note for note in told["notes"])
    sound = [json.loads(message) for message in got.messages if "input_audio_buffer.append" in str(message)[:60]]
    assert len(sound) > 3
    assert all(set(event["audio"]) <= {"A", "="} for event in sound)
