"""A proxy with policies, a simulator that says what they look for, and what crossed, byte by byte."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from rawsocket import CLOSE
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import close
from rawsocket import raw_upstream
from recorded import Shown
from recorded import named
from recorded import shown
from talking import Event
from talking import Talk

from simulator import Rule
from simulator import Script
from simulator import Simulator
from simulator.script import STORY
from store.reader import LogReader

CARD = "4111 1111 1111 1111"
QUICK = "/quick/v1/realtime?model=gpt-realtime"
PACED = "/paced/v1/realtime?model=gpt-realtime"
PACE = 0.2
"""Of the simulator whose answers last long enough to be cancelled."""

POLICIES = """on_error: block
policies:
  - id: slow
    when: {event: conversation.item.create, at: "$.item.content[*].text", size: {over: 10KB}, regex: "a[ab]{900}c"}
    action: alert
  - {id: cards, when: {detect: [card]}, action: redact}
  - id: tools
    when: {from: client, event: session.update, at: "$.session.tools[*].name", not_in: [get_weather]}
    action: block
    message: this tool is not allowed
  - {id: keeper, when: {from: server, text: any, regex: "lighthouse keeper"}, action: block, message: not for these ears}
  - {id: rude, when: {from: client, text: [user_text], regex: "blast you"}, action: close, message: mind your language}
  - {id: vip, when: {text: [user_text], regex: "platinum"}, action: tag, tag: vip}
  - {id: smoke, when: {text: [user_text], regex: "fire alarm"}, action: alert, alert: critical}
  - {id: marked, when: {from: client, event: conversation.item.create, at: $.item.id, in: [marked]}, action: alert}
  - {id: rain, mode: monitor, when: {from: client, text: [user_text], regex: "umbrella"}, action: block}
"""
SCRIPT = Script(rules=(Rule("my card", f"Your card {CARD} is fine. Is there more?"), Rule("a story", STORY)))


class Policed(Talk):
    """A conversation. `upstream` is what the provider was sent; when it is over, `shown` is its record and `findings` what was found."""

    session: str
    upstream: list[str | bytes]
    shown: Shown
    findings: list[dict[str, Any]]

    def hits(self) -> list[tuple[str, str, bool]]:
        """Policy, mode and whether it was applied, of each finding."""
        return [(found["policy"], found["mode"], found["detail"]["applied"]) for found in self.findings if found["kind"] == "policy"]

    def sent(self, kind: str) -> list[Event]:
        """The events of this type that the provider was sent."""
        return [event for event in map(json.loads, self.upstream) if event["type"] == kind]


@dataclass
class Stage:
    proxy: Proxy
    simulators: dict[str, Simulator]

    @asynccontextmanager
    async def talk(self, name: str, path: str = QUICK, **headers: str) -> AsyncIterator[Policed]:
        async with self.proxy.connect(path, headers=named(name, **headers)) as socket:
            talk = Policed(socket)
            await talk.until("session.created")
            talk.upstream = self.simulators[path.split("/")[1]].connections[-1].messages
            yield talk
        talk.shown = await shown(self.proxy.data, name)
        reader = LogReader(self.proxy.data)
        talk.findings = reader.findings(session_id=talk.shown.session["id"], limit=None, order="asc")


async def ends(connection: RawSocket) -> None:
    """A provider that closes properly right behind the first half of its answer."""
    await accept(connection)
    for piece in ("So it is ", "4111 1111 ", "1111 1111"):
        await connection.send(TEXT, delta("output_text", piece))
    await connection.send(CLOSE, close(1000, "enough"))
    await connection.read_close()


async def talks(connection: RawSocket) -> None:
    """A provider in the middle of an answer, which it does not end."""
    await accept(connection)
    for piece in ("So it is ", "4111 1111 ", "1111 1111 as far as we know"):
        await connection.send(TEXT, delta("output_text", piece))
    await connection.read_close()


async def doubtful(connection: RawSocket) -> None:
    """A provider whose answer has one message that can be read in two ways, and sound before and after it."""
    await accept(connection)
    unclear = b'{"delta":"Hi",' + delta("output_audio_transcript", "Ho")[1:]
    for payload in (delta("output_audio", "AAAA"), unclear, delta("output_audio", "BBBB")):
        await connection.send(TEXT, payload)
    await connection.send(CLOSE, close(1000, "enough"))
    await connection.read_close()


async def keeper(connection: RawSocket) -> None:
    """A provider that says why it closes."""
    await accept(connection)
    await connection.send(CLOSE, close(4001, f"charge {CARD}"))
    await connection.read_close()


def delta(kind: str, piece: str) -> bytes:
    ids = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    return json.dumps({"type": f"response.{kind}.delta", "event_id": "event_1", **ids, "delta": piece}).encode()


@asynccontextmanager
async def policed(folder: Path, *words: str) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as running:
        simulators = {
            "quick": await running.enter_async_context(Simulator(pace=0, script=SCRIPT)),
            "paced": await running.enter_async_context(Simulator(pace=PACE, script=SCRIPT)),
        }
        brief = await running.enter_async_context(raw_upstream({"ends": ends, "talks": talks, "doubtful": doubtful, "keeper": keeper}))
        addresses = {name: one.address for name, one in simulators.items()} | {"brief": brief.address}
        providers = "".join(f'  {name}: {{kind: openai, url: "http://{address}"}}\n' for name, address in addresses.items())
        rules = f"{RULES}providers:\n{providers}{POLICIES}"
        yield Stage(await running.enter_async_context(started_proxy(folder, rules, words=words)), simulators)


def words_of(response: Event) -> list[str]:
    """What a response says, by its parts."""
    return [part.get("transcript") or part.get("text") or "" for item in response["output"] for part in item.get("content", [])]
