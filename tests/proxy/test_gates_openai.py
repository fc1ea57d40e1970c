"""The openai package on a route with both gates: it talks as ever, and hears what was checked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from gated import Stage
from gated import gated
from openai import AsyncOpenAI
from proxying import KEY
from recorded import named
from recorded import shown

from simulator.audio import silence
from simulator.audio import speak

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with gated(tmp_path_factory.mktemp("gated")) as made:
        yield made


async def heard(connection: Any, *ends: str) -> list[Any]:
    """The events up to the first of these types."""
    found = []
    async with asyncio.timeout(20):
        async for event in connection:
            found.append(event)
            if event.type in ends:
                return found
    raise AssertionError("it ended")


async def test_a_conversation(stage: Stage) -> None:
    client = AsyncOpenAI(api_key=KEY, base_url=stage.proxy.base_url)
    async with client.realtime.connect(model="both", extra_headers=named("openai")) as connection:
        await heard(connection, "session.created")
        vad: Any = {"type": "server_vad", "create_response": True}
        await connection.session.update(session={"type": "realtime", "audio": {"input": {"turn_detection": vad}}})
        [*_, updated] = await heard(connection, "session.updated")
        assert updated.session.audio.input.turn_detection.create_response is True
        kinds = []
        for words in ("What is the weather like?", "Are you there?", "Tell me about a bomb."):
            await connection.input_audio_buffer.append(audio=b64encode(speak(words) + silence(800)).decode())
            kinds.append([event.type for event in await heard(connection, "response.done", "error")])
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is my card fine?"}]}
        )
        await connection.response.create()
        last = await heard(connection, "response.done")
    assert [kind[-1] for kind in kinds] == ["response.done", "response.done", "error"]
    assert "response.output_audio.delta" in kinds[0]
    words = "".join(event.delta for event in last if event.type == "response.output_audio_transcript.delta")
    assert words.startswith("Well. Your card [card]")
    record = (await shown(stage.proxy.data, "openai")).session
    assert record["findings"] == {"policy": 2, "gate": 2}
    assert record["held"]["answers"] == 3
    assert record["held"]["dropped"] > 0
    created = [message for message in stage.simulator.connections[-1].messages if '"response.create"' in str(message)]
    assert len(created) == 3
