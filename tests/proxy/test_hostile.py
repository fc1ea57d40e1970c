"""Words that no policy lets through, in every disguise and from both sides: none crosses unseen, nothing crashes, records are whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field

import pytest
import pytest_asyncio
from hostile import CASES
from hostile import CONTROL
from hostile import Sent
from hostile import readings
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import CLOSE
from rawsocket import PING
from rawsocket import PONG
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import raw_upstream
from rawsocket import upgraded
from recorded import ended
from recorded import named
from recorded import shown

from realtime.framing import FrameReader
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111 1111 1111 1111"
FORBIDDEN = {"redacted": CARD, "blocked": "kumquat"}
TAGGED = "platinum"
POLICIES = """on_error: block
policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: fruit, when: {regex: "kumquat"}, action: block}
  - {id: vip, when: {regex: "platinum"}, action: tag, tag: vip}
"""
SAID = {
    True: '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"say %s"}]}}',
    False: '{"type":"response.output_text.done","response_id":"r","item_id":"i","output_index":0,"content_index":0,"text":"say %s"}',
}
MARK = b'{"type":"still.here"}'


@dataclass
class Stage:
    proxy: Proxy
    frames: list[Sent] = field(default_factory=list)
    """What the provider says, when it is told to."""
    received: list[RawSocket] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        made: Stage

        async def says(connection: RawSocket) -> None:
            """Says what it is to say when the client is there, and sends every mark back."""
            made.received.append(connection)
            await accept(connection)
            for sent in made.frames:
                await connection.send(sent.opcode, sent.payload, final=sent.final)
            await marks(connection)

        raw = await stack.enter_async_context(raw_upstream({"": says, "says": says}))
        rules = f'{RULES}providers:\n  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}\n{POLICIES}'
        proxy = await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("hostile"), rules))
        made = Stage(proxy)
        yield made


async def marks(connection: RawSocket) -> None:
    """Answer marks, pings and the Close of the other side."""
    while True:
        opcode, payload = await connection.read_frame()
        if opcode == PING:
            await connection.send(PONG, payload)
        elif payload == MARK or opcode == CLOSE:
            await connection.send(opcode, payload)
        if opcode == CLOSE:
            return


async def converse(stage: Stage, name: str, from_client: bool, frames: list[Sent]) -> tuple[bytes, list[bytes]]:
    """Send these frames from one side. What the other side got: every byte, and the payloads of all frames."""
    name = name.replace(",", "")
    stage.frames = [] if from_client else frames
    async with upgraded(stage.proxy.gateway, "/v1/realtime?model=raw/says", headers=named(name)) as client:
        if from_client:
            for sent in frames:
                await client.send(sent.opcode, sent.payload, final=sent.final)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await client.send(TEXT, MARK)
            await until_mark(client)
            await client.send(CLOSE, b"\x03\xe8")
            await client.read_close()
        await client.read_to_end()
    await ended(stage.proxy.data, name)
    other = stage.received[-1] if from_client else client
    return payloads(other)


async def until_mark(client: RawSocket) -> None:
    while True:
        opcode, payload = await client.read_frame()
        if opcode == CLOSE:
            await client.send(CLOSE, payload)
        if payload == MARK:
            return


def payloads(connection: RawSocket) -> tuple[bytes, list[bytes]]:
    """Everything that came behind the head, and what is in its frames, unmasked and put together."""
    data = bytes(connection.received).partition(b"\r\n\r\n")[2]
    reader = FrameReader(masked=not connection.client, limit=1 << 24)
    return data, [message.payload for message in reader.feed(data)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("side", ["client", "server"])
async def test_it_does_not_cross(stage: Stage, case: str, side: str) -> None:
    from_client = side == "client"
    for what, word in FORBIDDEN.items():
        frames = CASES[case]((SAID[from_client] % word).encode(), word.encode())
        wire, got = await converse(stage, f"{side} {what} {case}", from_client, frames)
        for payload in (wire, *got):
            assert [text for text in readings(payload) if word in text] == [], case
    assert [line for line in stage.proxy.output if "Traceback" in line] == []


@pytest.mark.parametrize("case", [case for case in CASES if case not in CONTROL])
@pytest.mark.parametrize("side", ["client", "server"])
async def test_what_may_cross_does_so_as_it_is_or_not_at_all(stage: Stage, case: str, side: str) -> None:
    """A policy that only tags leaves the message alone; one that cannot be read with certainty is blocked."""
    from_client = side == "client"
    frames = CASES[case]((SAID[from_client] % TAGGED).encode(), TAGGED.encode())
    _, got = await converse(stage, f"{side} tagged {case}", from_client, frames)
    whole = b"".join(sent.payload for sent in frames if sent.opcode not in (PING, PONG))
    about = [payload for payload in got if payload not in (MARK, whole) and b'"error"' not in payload and len(payload) > 2]
    assert MARK in got, "the session went on"
    assert b"".join(about) in (b"", whole), "pieces of it"


async def test_records_are_whole_and_have_no_word_of_it(stage: Stage) -> None:
    reader = LogReader(stage.proxy.data)
    sessions = reader.sessions(limit=None)
    assert sessions
    assert [session for session in sessions if not session["ended_at"] or session["close"]["code"] == 1011] == []
    findings = json.dumps(reader.findings(limit=None), ensure_ascii=False)
    kept = [findings, *stage.proxy.output]
    for session in sessions[:20]:
        kept.append((await shown(stage.proxy.data, session["grouping"])).text)
    assert [text for text in kept if CARD in text] == []
