"""Sound of answers that waits for its words, with the real program: order, bytes, blocks, redactions, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from gated import HOLD
from gated import PLAIN
from gated import Stage
from gated import gated
from gated import gates
from policed import Policed
from typer.testing import CliRunner

from cli.__main__ import app

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOUND = "response.output_audio.delta"
WORDS = "response.output_audio_transcript.delta"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


async def asked(talk: Policed, words: str) -> dict[str, object]:
    await talk.text(words)
    return await talk.ask()


async def test_held_sound_comes_in_the_order_of_the_provider(stage: Stage) -> None:
    """The policies cut words anew, so that those alone may stand elsewhere."""
    orders = []
    for name, path in (("held", HOLD), ("plain", PLAIN)):
        async with stage.talk(name, path) as talk:
            response = await asked(talk, "Good morning to you, and a fine day to everyone who listens")
        orders.append([(event["type"], event.get("delta")) for event in talk.heard if event["type"] != WORDS])
        assert response["status"] == "completed"
        assert gates(talk) == []
    assert orders[0] == orders[1]
    assert talk.shown.session["held"] is None


async def test_what_waiting_cost_is_on_record(stage: Stage) -> None:
    async with stage.talk("cost", HOLD) as talk:
        await asked(talk, "Good morning to you")
        await asked(talk, "Good evening to you")
    held = talk.shown.session["held"]
    assert held["answers"] == 2
    assert 0 < held["first_ms"]["mean"] <= held["first_ms"]["max"] <= held["longest_ms"]
    assert held["dropped"] == 0
    turns = [turn["held"] for turn in talk.shown.turns]
    assert max(turn["longest_ms"] for turn in turns) == held["longest_ms"]
    assert max(turn["first_ms"] for turn in turns) == held["first_ms"]["max"]
    printed = CliRunner().invoke(app, ["show", talk.shown.session["id"], "--data", str(stage.proxy.data)]).stdout
    assert "held  2 answers, their first sound by" in printed
    assert printed.count("held for") == 2


async def test_no_sound_of_blocked_words(stage: Stage) -> None:
    async with stage.talk("blocked", HOLD) as talk:
        response = await asked(talk, "Tell me a story.")
        after = await asked(talk, "Hello?")
    [error] = talk.all("error")
    assert error["error"]["code"] == "policy_violation"
    assert [event["response_id"] for event in talk.sent("response.cancel")] == [response["id"]]
    assert (response["status"], after["status"]) == ("cancelled", "completed")
    assert len(talk.sent("response.create")) == 2
    heard = [event for event in talk.heard if event["type"] in (SOUND, WORDS) and event["response_id"] == response["id"]]
    words = "".join(event["delta"] for event in heard if event["type"] == WORDS)
    assert "keeper" not in words
    assert gates(talk) == [("cancel", "blocked")]
    assert talk.shown.session["held"]["dropped"] > 0
    first = next(number for number, event in enumerate(talk.heard) if event["type"] == "error")
    assert [event for event in talk.heard[first:] if event["type"] == SOUND and event["response_id"] == response["id"]] == []


async def test_no_sound_from_redacted_words_on(stage: Stage) -> None:
    async with stage.talk("redacted", HOLD) as talk:
        response = await asked(talk, "Is my card fine?")
    words = "".join(event["delta"] for event in talk.all(WORDS))
    assert words == "Well. Your card [card] is fine, I think. Is there more?"
    assert response["status"] == "completed"
    assert gates(talk) == [("redact", "redacted")]
    assert talk.sent("response.cancel") == []
    held = talk.shown.session["held"]
    assert held["dropped"] > 0
    assert not any("1111" in json.dumps(event) for event in talk.heard)
