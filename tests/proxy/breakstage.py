"""A proxy whose messages can be paused, and an operator who asks its control port, as a page or a command would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
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
OPERATOR = "breakstage/1"

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

Record = dict[str, Any]


class Operator:
    """Asks the control port."""

    def __init__(self, proxy: Proxy) -> None:
        headers = {"Authorization": f"Bearer {proxy.token}", "User-Agent": OPERATOR}
        self.http = httpx2.AsyncClient(base_url=f"http://{proxy.control}", headers=headers, trust_env=False)

    async def ask(self, method: str, path: str, body: Record | None = None, *, code: int = 200) -> Record:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == code, answer.text
        found: Record = answer.json()
        return found

    async def stop_at(self, q: str, *, timeout: float = 60, once: bool = False) -> str:
        """Set a breakpoint; returns its id."""
        made = await self.ask("POST", "/api/breakpoints", {"q": q, "timeout": timeout, "once": once}, code=201)
        return str(made["id"])

    async def remove(self, point: str) -> None:
        await self.ask("DELETE", f"/api/breakpoints/{point}")

    async def all(self) -> Record:
        return await self.ask("GET", "/api/breakpoints")

    async def paused(self, point: str, count: int = 1) -> list[Record]:
        """What this breakpoint has paused, once it is so much."""

        async def found() -> list[Record] | None:
            listed = [one for one in (await self.all())["paused"] if one["breakpoint"] == point]
            return listed if len(listed) >= count else None

        listed: list[Record] = await eventually(found)
        return listed

    async def one(self, point: str) -> Record:
        """The message that it has paused, with what is in it."""
        (listed,) = await self.paused(point)
        return await self.ask("GET", f"/api/paused/{listed['id']}")

    async def resume(self, paused: str, body: Record | None = None, *, code: int = 200) -> Record:
        return await self.ask("POST", f"/api/paused/{paused}/resume", body or {}, code=code)

    async def drop(self, paused: str, *, code: int = 200) -> Record:
        return await self.ask("POST", f"/api/paused/{paused}/drop", code=code)

    async def inject(self, session: str, side: str, payload: str, *, code: int = 202) -> Record:
        return await self.ask("POST", f"/api/sessions/{session}/inject", {"from": side, "payload": payload}, code=code)


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
