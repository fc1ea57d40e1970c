"""Sound whose words a policy changed or stopped is not kept, whenever that comes out, and whatever kills the proxy before it does."""

from __future__ import annotations

import asyncio
import json
import signal
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import raw_upstream
from recorded import named
from soundtools import tone
from soundtools import wav
from waiting import eventually
from websockets.asyncio.client import ClientConnection

from store.cipher import Cipher
from store.cipher import entry
from store.keyfile import KeyFile
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111 1111 1111 1111"
LOG = "{content: redacted, audio: wav, retention: {audio: 1d, content: 1d}}"
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: keeper, when: {from: server, text: any, regex: "lighthouse keeper"}, action: block, message: not for these ears}
  - {id: names, when: {text: any, regex: "Smith"}, action: tag, tag: name}
  - {id: mails, mode: monitor, when: {detect: [email]}, action: redact, replace: "<mail>"}
"""
MONITORED = POLICIES.replace("action: redact}", "action: redact, mode: monitor}")
PATH = "/v1/realtime?model=raw/gpt-realtime"
UNHURRIED = """
from addons import policing
from realtime.policies import Limits

policing.LIMITS = Limits(budget=10.0)
"""
"""A machine that is busy with other tests is no reason to fail a policy."""
HEARD = "conversation.item.input_audio_transcription"


@dataclass
class Upstream:
    """A provider that says what the test has it say."""

    connections: list[RawSocket] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    address: str = ""

    async def serve(self, connection: RawSocket) -> None:
        await accept(connection)
        self.connections.append(connection)
        while message := await connection.read_message():
            self.messages.append(message)


@dataclass
class Conversation:
    """Both ends of a session; every turn has a tone of its own for each side."""

    client: ClientConnection
    provider: RawSocket

    async def server(self, kind: str, **fields: Any) -> None:
        await self.provider.send(TEXT, json.dumps({"type": kind, "event_id": "e", **fields}).encode())

    async def reached(self, kind: str) -> dict[str, Any]:
        """The next event of this type at the client."""
        while True:
            event: dict[str, Any] = json.loads(await asyncio.wait_for(self.client.recv(), 20))
            if event["type"] == kind:
                return event

    async def spoken(self, turn: int) -> None:
        """What the user says before a turn."""
        sound = user_tone(turn)
        for start in range(0, len(sound), 4_800):
            append = {"type": "input_audio_buffer.append", "audio": b64encode(sound[start : start + 4_800]).decode()}
            await self.client.send(json.dumps(append))
        seen = len(self.provider.received)
        await self.client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        await eventually(lambda: len(self.provider.received) > seen)
        await self.server("input_audio_buffer.committed", item_id=f"u{turn}", previous_item_id=None)
        await self.reached("input_audio_buffer.committed")

    async def transcribed(self, turn: int, *pieces: str) -> None:
        for piece in pieces:
            await self.server(f"{HEARD}.delta", item_id=f"u{turn}", content_index=0, delta=piece)
        await self.server(f"{HEARD}.completed", item_id=f"u{turn}", content_index=0, transcript="".join(pieces))
        await self.reached(f"{HEARD}.completed")

    async def answered(self, turn: int, *pieces: str, end: bool = True) -> None:
        answer = {"id": f"r{turn}", "status": "in_progress", "output": []}
        await self.server("response.created", response=answer)
        place = {"response_id": f"r{turn}", "item_id": f"m{turn}", "output_index": 0, "content_index": 0}
        first, second = model_tone(turn)[:9_600], model_tone(turn)[9_600:]
        await self.server("response.output_audio.delta", **place, delta=b64encode(first).decode())
        await self.reached("response.output_audio.delta")
        for piece in pieces:
            await self.server("response.output_audio_transcript.delta", **place, delta=piece)
        await self.server("response.output_audio.delta", **place, delta=b64encode(second).decode())
        if end:
            content = [{"type": "output_audio", "transcript": "".join(pieces)}]
            item = {"id": f"m{turn}", "type": "message", "role": "assistant", "content": content}
            await self.server("response.output_audio_transcript.done", **place, transcript="".join(pieces))
            await self.server("response.done", response={**answer, "status": "completed", "output": [item]})
            await self.reached("response.done")

    async def turn(self, number: int, said: str, *answer: str) -> None:
        await self.spoken(number)
        await self.transcribed(number, said)
        await self.answered(number, *answer)


def user_tone(turn: int) -> bytes:
    return tone(200 + 37 * turn, 0.5).tobytes()


def model_tone(turn: int) -> bytes:
    return tone(1_500 + 41 * turn, 0.6).tobytes()


def shapes(sound: bytes) -> list[bytes]:
    """A piece of a sound as files may have it: plain, and in base64 from each of its three beginnings."""
    piece = sound[2_400:3_600]
    return [piece, *(b64encode(piece[start:])[4:-8] for start in range(3))]


def on_disk(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


def is_kept(data: bytes, sound: bytes) -> bool:
    return any(shape in data for shape in shapes(sound))


def every_text(data: Path) -> list[str]:
    """All texts that were ever stored, decrypted, also those of records that others have replaced since."""
    keys, texts = KeyFile(data), []
    for path in (data / "content").rglob("*.jsonl"):
        first, *lines = [entry(line) for line in path.read_bytes().splitlines()]
        key = keys.get(first.key)
        assert key is not None
        texts += [Cipher(key).opened(line) for line in lines]
    return texts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    async with raw_upstream({"gpt-realtime": made.serve}) as running:
        made.address = running.address
        yield made


def rules(upstream: Upstream, policies: str = POLICIES, log: str = LOG) -> str:
    providers = f'providers:\n  raw: {{kind: compatible, url: "http://{upstream.address}/v1"}}\n'
    return RULES.replace("{content: full}", log) + providers + policies


def started(folder: Path, text: str) -> AbstractAsyncContextManager[Proxy]:
    script = folder / "unhurried.py"
    script.write_text(UNHURRIED)
    return started_proxy(folder, text, words=("--script", str(script)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> AsyncIterator[Proxy]:
    async with started(tmp_path_factory.mktemp("silenced"), rules(upstream)) as made:
        yield made


@asynccontextmanager
async def conversation(proxy: Proxy, upstream: Upstream, name: str) -> AsyncIterator[Conversation]:
    async with proxy.connect(PATH, headers=named(name)) as socket:
        talk = Conversation(socket, upstream.connections[-1])
        transcription = {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": None}}}
        await talk.server("session.created", session={"id": "sess_1", "type": "realtime", "model": "gpt-realtime", **transcription})
        await talk.reached("session.created")
        yield talk


async def recorded(data: Path, name: str, state: str = "ready") -> dict[str, Any]:
    """The record of a session once its recording is in this state."""

    def found() -> dict[str, Any] | None:
        rows = [row for row in LogReader(data).sessions() if row["grouping"] == name and (row["recording"] or {}).get("state") == state]
        return rows[0] if rows else None

    session: dict[str, Any] = await eventually(found)
    return session


def silenced(session: dict[str, Any]) -> list[tuple[int | None, str, list[str]]]:
    return [(part["turn"], part["side"], part["policies"]) for part in session["recording"]["silenced"]]


def files(data: Path, session: dict[str, Any]) -> set[str]:
    return {path.name for path in (data / session["recording"]["folder"]).iterdir()}


async def test_each_side_of_each_turn_by_what_was_said_in_it(proxy: Proxy, upstream: Upstream) -> None:
    async with conversation(proxy, upstream, "sides") as talk:
        await talk.turn(1, "Hello there", "Good ", "morning")
        await talk.spoken(2)
        await talk.transcribed(2, "It is 4111 1111 ", "1111 1111")
        await talk.answered(2, "Thank you")
        await talk.turn(3, "And which one?", f"Yours is {CARD[:9]}", f"{CARD[9:]}, right?")
        await talk.spoken(4)
        await talk.answered(4, "I am listening")
        await talk.transcribed(4, f"So {CARD}")
        await talk.turn(5, "Who was it?", "It was the lighthouse", " keeper, I think")
        await talk.turn(6, "Mr. Smith at smith@example.com", "Yes")
    session = await recorded(proxy.data, "sides")
    assert silenced(session) == [(2, "user", ["cards"]), (3, "model", ["cards"]), (4, "user", ["cards"]), (5, "model", ["keeper"])]
    folder = proxy.data / session["recording"]["folder"]
    gone = {"2-user.wav", "3-model.wav", "4-user.wav", "5-model.wav"}
    kept = {f"{turn}-{side}.wav" for turn in range(1, 7) for side in ("user", "model")} - gone
    assert files(proxy.data, session) == {"stereo.wav", "peaks.json", *kept}
    for turn in (1, 3, 5, 6):
        assert wav(folder / f"{turn}-user.wav").samples.tobytes() == user_tone(turn)
    for turn in (1, 2, 4, 6):
        assert wav(folder / f"{turn}-model.wav").samples.tobytes() == model_tone(turn)
    stereo = wav(folder / "stereo.wav")
    left, right = stereo.channels[0].tobytes(), stereo.channels[1].tobytes()
    assert [turn for turn in range(1, 7) if is_kept(left, user_tone(turn))] == [1, 3, 5, 6]
    assert [turn for turn in range(1, 7) if is_kept(right, model_tone(turn))] == [1, 2, 4, 6]
    assert stereo.seconds == pytest.approx(session["recording"]["seconds"], abs=0.001)
    peaks = json.loads((folder / "peaks.json").read_text())
    assert peaks["silenced"] == session["recording"]["silenced"]
    assert [turn["turn"] for turn in peaks["turns"] if turn["user"] is None] == [2, 4]
    await eventually(lambda: not list(proxy.data.rglob("*.spool")))
    data = on_disk(proxy.data)
    assert not any(is_kept(data, sound) for sound in (user_tone(2), model_tone(3), user_tone(4), model_tone(5)))
    assert is_kept(data, user_tone(1))


async def test_what_is_said_of_it(proxy: Proxy) -> None:
    session = await recorded(proxy.data, "sides")
    printed = await command("show", session["id"], "--data", str(proxy.data))
    assert "not kept: the user in turn 2 (cards), the model in turn 3 (cards), the user in turn 4 (cards), the model in turn 5" in printed
    base = f"http://{proxy.control}/api/sessions/{session['id']}"
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {proxy.token}"}, trust_env=False) as client:
        assert (await client.get(base)).json()["recording"]["silenced"] == session["recording"]["silenced"]
        assert (await client.get(f"{base}/audio/1/user.wav")).status_code == 200
        missing = await client.get(f"{base}/audio/2/user.wav")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_audio")
        assert "the user's sound of turn 2 is not kept: its words did not cross as they were said (policy cards)" in missing.text


async def test_texts_are_stored_without_what_policies_only_tagged(proxy: Proxy) -> None:
    session = await recorded(proxy.data, "sides")
    turns = LogReader(proxy.data).turns(session["id"])
    assert [turn["input"] for turn in turns] == [
        "Hello there",
        "It is [card]",
        "And which one?",
        "So [card]",
        "Who was it?",
        "Mr. [names] at <mail>",
    ]
    assert turns[2]["output"] == "Yours is [card], right?"
    found = LogReader(proxy.data).findings(session_id=session["id"], limit=None, order="asc")
    assert [row["excerpt"] for row in found if row["policy"] in ("names", "mails")] == ["Mr. [match]", "Mr. [match] at [email]"]


async def test_without_a_transcript_nothing_is_settled(proxy: Proxy, upstream: Upstream) -> None:
    async with conversation(proxy, upstream, "unheard") as talk:
        await talk.spoken(1)
        await talk.answered(1, "Yes?")
        await talk.turn(2, "Now you hear me", "I do")
        await talk.spoken(3)
        await talk.server(f"{HEARD}.delta", item_id="u3", content_index=0, delta="It is 4111 ")
        await talk.answered(3, "Go on", end=False)
    session = await recorded(proxy.data, "unheard")
    assert silenced(session) == [(1, "user", []), (3, "user", []), (3, "model", [])]
    assert session["recording"]["turns"] == [1, 2]
    assert {"1-model.wav", "2-user.wav", "2-model.wav"} < files(proxy.data, session)
    printed = await command("show", session["id"], "--data", str(proxy.data))
    assert "not kept: the user in turn 1 (words not settled)" in printed


async def test_what_was_thrown_away_unheard_is_not_kept(proxy: Proxy, upstream: Upstream) -> None:
    async with conversation(proxy, upstream, "cleared") as talk:
        await talk.client.send(json.dumps({"type": "input_audio_buffer.append", "audio": b64encode(user_tone(9)).decode()}))
        await talk.client.send(json.dumps({"type": "input_audio_buffer.clear"}))
        await eventually(lambda: b"clear" in upstream.messages[-1])
        await talk.turn(1, "Hello", "Yes")
    session = await recorded(proxy.data, "cleared")
    assert (silenced(session), session["recording"]["turns"]) == ([], [1])
    folder = proxy.data / session["recording"]["folder"]
    assert wav(folder / "1-user.wav").samples.tobytes() == user_tone(1)
    assert not is_kept(wav(folder / "stereo.wav").channels[0].tobytes(), user_tone(9))


async def test_watching_policies_leave_the_sound_alone(tmp_path: Path, upstream: Upstream) -> None:
    async with started(tmp_path, rules(upstream, MONITORED.replace("action: block", "action: block, mode: monitor"))) as proxy:
        async with conversation(proxy, upstream, "watched") as talk:
            await talk.turn(1, f"It is {CARD}", f"{CARD} by the lighthouse keeper")
            await talk.spoken(2)
        session = await recorded(proxy.data, "watched")
        assert silenced(session) == []
        assert files(proxy.data, session) == {"stereo.wav", "peaks.json", "1-user.wav", "1-model.wav"}
        (turn,) = LogReader(proxy.data).turns(session["id"])
        assert (turn["input"], turn["output"]) == ("It is [card]", "[card] by the [keeper]")


async def test_a_killed_proxy_keeps_no_sound_that_was_not_settled(tmp_path: Path, upstream: Upstream) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(started(tmp_path, rules(upstream)))
        talk = await stack.enter_async_context(conversation(proxy, upstream, "killed"))
        await talk.turn(1, "Hello there", "Good morning")
        await talk.turn(2, f"It is {CARD}", "Thank you")
        await talk.spoken(3)
        await talk.answered(3, f"{CARD} or smith", "@example.com")
        await talk.server(f"{HEARD}.delta", item_id="u3", content_index=0, delta="I am Smith, smith@exam")
        await talk.reached(f"{HEARD}.delta")
        await talk.spoken(4)
        await talk.answered(4, "Hm", end=False)
        await eventually(lambda: is_kept(on_disk(proxy.data), model_tone(4)) and "[card] or <mail>" in every_text(proxy.data))
        await proxy.stop(signal.SIGKILL)
    texts = every_text(tmp_path / "data")
    assert {"Hello there", "It is [card]", "[card] or <mail>"} <= set(texts)
    assert not any(found in text for text in texts for found in ("1111", "smith", "Smith"))
    async with started(tmp_path, rules(upstream)) as proxy:
        session = await recorded(proxy.data, "killed")
        gone = [(2, "user", ["cards"]), (3, "user", []), (3, "model", ["cards"]), (4, "user", []), (4, "model", [])]
        assert silenced(session) == gone
        assert session["recording"]["turns"] == [1, 2]
        await eventually(lambda: not list(proxy.data.rglob("*.spool")))
        data = on_disk(proxy.data)
        assert not any(is_kept(data, sound) for sound in (user_tone(2), user_tone(3), model_tone(3), user_tone(4), model_tone(4)))
        assert all(is_kept(data, sound) for sound in (user_tone(1), model_tone(1), model_tone(2)))
        turns = LogReader(proxy.data).turns(session["id"])
        assert [turn["input"] for turn in turns][:2] == ["Hello there", "It is [card]"]
