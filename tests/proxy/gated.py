"""A proxy whose routes hold and gate, simulators behind it, and what was heard, sent and found in each conversation."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from policed import CARD
from policed import Policed
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import named
from recorded import shown

from simulator import Rule
from simulator import Script
from simulator import Simulator
from simulator.script import STORY
from store.reader import LogReader

PACE = 0.2
"""Of the simulators: sound comes five times as fast as it is spoken."""
HOLD = "/v1/realtime?model=hold"
PLAIN = "/v1/realtime?model=plain"
GATE = "/v1/realtime?model=gate"
BOTH = "/v1/realtime?model=both"

POLICIES = """on_error: block
policies:
  - {id: cards, when: {from: server, detect: [card]}, action: redact}
  - {id: keeper, when: {from: server, text: [model_transcript], regex: "lighthouse keeper"}, action: block, message: not for these ears}
  - {id: bomb, when: {text: [user_transcript], regex: "bomb"}, action: block, message: not to be answered}
"""
ROUTES = "".join(
    f"  - {{name: {name}, match: {{model: {name}}}, provider: sim, model: gpt-realtime{keys}}}\n"
    for name, keys in {
        "hold": ", hold: transcript",
        "gate": ", gate: transcript",
        "both": ", hold: transcript, gate: transcript",
        "plain": "",
    }.items()
)
SCRIPT = Script(
    rules=(Rule("my card", f"Well. Your card {CARD} is fine, I think. Is there more?"), Rule("a story", STORY)),
    transcripts=("What is the weather like?", "Are you there?", "Tell me about a bomb."),
)


@dataclass
class Stage:
    proxy: Proxy
    simulator: Simulator

    @asynccontextmanager
    async def talk(self, name: str, path: str, **headers: str) -> AsyncIterator[Policed]:
        async with self.proxy.connect(path, headers=named(name, **headers)) as socket:
            talk = Policed(socket)
            await talk.until("session.created")
            talk.upstream = self.simulator.connections[-1].messages
            yield talk
        talk.shown = await shown(self.proxy.data, name)
        reader = LogReader(self.proxy.data)
        talk.findings = reader.findings(session_id=talk.shown.session["id"], limit=None, order="asc")


def gates(talk: Policed) -> list[tuple[str, str]]:
    """Action and code of what the gates decided."""
    return [(found["action"], found["detail"]["code"]) for found in talk.findings if found["kind"] == "gate"]


def sound(talk: Policed) -> list[bytes]:
    """The sound of all answers, as it came."""
    return [json.dumps(event).encode() for event in talk.heard if event["type"].endswith("audio.delta")]


@asynccontextmanager
async def gated(folder: Path, *words: str, policies: str = POLICIES) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as running:
        simulator = await running.enter_async_context(Simulator(pace=PACE, script=SCRIPT))
        rules = f'{RULES}providers:\n  sim: {{kind: openai, url: "http://{simulator.address}"}}\nroutes:\n{ROUTES}{policies}'
        yield Stage(await running.enter_async_context(started_proxy(folder, rules, words=words)), simulator)
