"""`replay`: both ends of a conversation around a real proxy, what it tells of them, and everything that it refuses to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from proxying import KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import free_port
from proxying import started_proxy

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111 1111 1111 1111"
CALLS = ROOT / "docs" / "examples" / "calls.jsonl"
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: rude, when: {from: client, text: [user_text], regex: "blast you"}, action: close, message: mind your language}
  - {id: keys, when: {from: client, detect: [secret]}, action: block, message: no keys}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[Simulator]:
    """A provider that bills."""
    async with Simulator(pace=0) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, cloud: Simulator) -> AsyncIterator[Proxy]:
    providers = f"""providers:
  cloud: {{kind: openai, url: "http://{cloud.address}", models: ["gpt-*"]}}
  stage: {{kind: simulator, url: "http://127.0.0.1:{free_port()}"}}
  talk: {{kind: gemini}}
"""
    async with started_proxy(tmp_path_factory.mktemp("replay"), RULES + providers + POLICIES) as made:
        yield made


async def replayed(proxy: Proxy, corpus: Path, *words: str, key: str = KEY, code: int = 0) -> str:
    return await command(*("replay", str(corpus), "--data", str(proxy.data), "--rules", str(proxy.rules), "--key", key, *words), code=code)


def corpus(folder: Path, *conversations: list[dict[str, Any]]) -> Path:
    made = folder / "corpus.jsonl"
    made.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in conversations))
    return made


def user(words: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": words, **more}


def model(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": words}


async def test_both_sides_say_what_the_transcripts_say(proxy: Proxy) -> None:
    told = {made["name"]: made for made in json.loads(await replayed(proxy, CALLS, "--json"))}
    assert len(told) == 8
    typed = told["a card, typed and read back"]
    assert typed["turns"][0] == {
        "kind": "text",
        "said": f"Please charge my card {CARD}.",
        "reached": "Please charge my card [card].",
        "answer": "I have [card]. Is that right?",
        "refused": [],
    }
    assert {(row["policy"], row["mode"], row["action"]) for row in typed["findings"]} == {("cards", "enforce", "redact")}
    spoken = told["a card, spoken"]["turns"]
    assert [(turn["kind"], turn["said"], turn["answer"]) for turn in spoken] == [
        ("spoken", "My card is [card].", "Thank you. And the date on it?"),
        ("spoken", "It is March of next year.", "All set."),
    ]
    pasted = told["a developer pastes a key"]["turns"]
    assert [(turn["reached"], turn["refused"]) for turn in pasted] == [("", ["no keys (policy keys)"])]
    tools = told["a tool that brings orders"]["turns"]
    assert [turn["kind"] for turn in tools] == ["system", "text", "result"]
    assert tools[1]["answer"] == 'lookup_order({"id":"7"})'
    assert tools[2]["answer"] == "Your order is being packed."
    assert all(made["session"].startswith("ses_") and made["close"] is None for made in told.values())


async def test_a_conversation_that_is_closed_is_told_and_the_next_one_held(proxy: Proxy, tmp_path: Path) -> None:
    first = [user("Oh blast you"), model("Now, now."), user("Sorry")]
    made = json.loads(await replayed(proxy, corpus(tmp_path, first, [user("Hello"), model("Hi!")]), "--json", code=1))
    assert [told["close"] for told in made] == ["1008 mind your language (policy rude)", None]
    assert [len(told["turns"]) for told in made] == [1, 1]
    assert made[1]["turns"][0]["answer"] == "Hi!"


async def test_a_provider_that_is_there_already_answers_for_itself(proxy: Proxy, tmp_path: Path) -> None:
    """And it never has the number."""
    port = int(proxy.rules.read_text().partition("stage: ")[2].partition("}")[0].rpartition(":")[2].rstrip('"'))
    async with Simulator(port=port, pace=0) as stage:
        out = await replayed(proxy, corpus(tmp_path, [user(f"My card is {CARD}."), model("Thanks.")]))
        assert f"user  My card is {CARD}." in out
        assert "model  I heard you say: My card is [card]." in out
        [connection] = stage.connections
        await connection.ended.wait()
    assert connection.messages
    assert [message for message in connection.messages if "1111" in str(message)] == []


async def test_somebody_who_bills_is_asked_for_first(proxy: Proxy, cloud: Simulator, tmp_path: Path) -> None:
    made = corpus(tmp_path, [user("Hello", spoken=True), model("Hi!")])
    before = len(cloud.connections)
    await replayed(proxy, made, "--model", "gpt-realtime", code=2)
    assert len(cloud.connections) == before
    [told] = json.loads(await replayed(proxy, made, "--model", "gpt-realtime", "--yes", "--json"))
    assert told["turns"][-1] | {"answer": None} == {"kind": "text", "said": "Hello", "reached": None, "answer": None, "refused": []}
    kinds = [json.loads(message)["type"] for message in cloud.connections[-1].messages]
    assert kinds == ["session.update", "conversation.item.create", "response.create"]


async def test_rules_that_are_not_those_of_the_proxy(proxy: Proxy, cloud: Simulator, tmp_path: Path) -> None:
    """What they call a simulator is somebody who bills: nothing is said to him."""
    other = tmp_path / "other.yaml"
    other.write_text(f'version: 1\nproviders:\n  cloud: {{kind: simulator, url: "http://127.0.0.1:{free_port()}"}}\n')
    words = ("replay", str(CALLS), "--data", str(proxy.data), "--rules", str(other), "--key", KEY, "--model", "cloud/gpt-realtime")
    await command(*words, code=1)
    await cloud.connections[-1].ended.wait()
    assert cloud.connections[-1].messages == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--model", "talk/gemini-live"), 2),
        (("--model", "nobody/at-all"), 2),
        (("--data", "/nowhere"), 1),
        (("--pace", "-1"), 2),
    ],
)
async def test_what_cannot_be_replayed(proxy: Proxy, words: tuple[str, ...], code: int) -> None:
    await replayed(proxy, CALLS, *words, code=code)


async def test_a_key_that_is_refused(proxy: Proxy) -> None:
    await replayed(proxy, CALLS, key="vt_" + "x" * 43, code=1)
    await replayed(proxy, CALLS, key="", code=2)
