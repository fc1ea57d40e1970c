"""A proxy whose messages can be paused, and an operator who asks its control port, as a page or a command would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from operating import Operator
from operating import Record
from policed import Policed
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import named
from recorded import shown
from waiting import eventually

from simulator import Rule
from simulator import Script
from simulator import Simulator
from store.reader import LogReader

CARD = "4111 1111 1111 1111"
PLAIN = "/v1/realtime?model=plain"
HOLD = "/v1/realtime?model=hold"
GATE = "/v1/realtime?model=gate"

MORE = """
log: {content: full, frames: all}
limits: {idle: 15m}
on_error: block
breakpoints: true
policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: rude, when: {from: client, text: [user_text], regex: "blast you"}, action: block, message: mind your language}
  - {id: worse, when: {from: client, text: [user_text], regex: "hell and damnation"}, action: close, message: not here}
"""
ROUTES = "".join(
    f"  - {{name: {name}, match: {{model: {name}}}, provider: sim, model: gpt-realtime{keys}}}\n"
    for name, keys in {"plain": "", "hold": ", hold: transcript", "gate": ", gate: transcript"}.items()
)
SCRIPT = Script(rules=(Rule("my card", f"Your card {CARD} is fine. Is there more?"),), transcripts=("What is the weather like?",))


@dataclass
class Stage:
    proxy: Proxy
    simulator: Simulator
    operator: Operator

    @asynccontextmanager
    async def talk(self, name: str, path: str = PLAIN, **headers: str) -> AsyncIterator[Policed]:
        """A conversation; `session` is its id, and when it is over its record and findings are there."""
        async with self.proxy.connect(path, headers=named(name, **headers)) as socket:
            talk = Policed(socket)
            await talk.until("session.created")
            talk.upstream = self.simulator.connections[-1].messages
            talk.session = await self.session(name)
            yield talk
        talk.shown = await shown(self.proxy.data, name)
        talk.findings = self.findings(talk.session)

    async def session(self, name: str) -> str:
        """The id of a session, as soon as it is in the log."""

        def found() -> str | None:
            return next((str(one["id"]) for one in LogReader(self.proxy.data).sessions() if one["grouping"] == name), None)

        return str(await eventually(found))

    def findings(self, session: str) -> list[Record]:
        return LogReader(self.proxy.data).findings(session_id=session, limit=None, order="asc")


def codes(findings: list[Record]) -> list[tuple[str, str]]:
    """Action and code of what was done at breakpoints."""
    return [(found["action"], found["detail"]["code"]) for found in findings if found["kind"] == "breakpoint"]


@asynccontextmanager
async def breaking(folder: Path, pace: float = 0) -> AsyncIterator[Stage]:
    """The stage while the block runs."""
    async with Simulator(pace=pace, script=SCRIPT) as simulator:
        provider = f'providers:\n  sim: {{kind: openai, url: "http://{simulator.address}"}}\n'
        rules = RULES.replace("log: {content: full}\n", "") + MORE + provider + "routes:\n" + ROUTES
        async with started_proxy(folder, rules) as proxy:
            operator = Operator(proxy)
            try:
                yield Stage(proxy, simulator, operator)
            finally:
                await operator.http.aclose()
                await asyncio.sleep(0)
