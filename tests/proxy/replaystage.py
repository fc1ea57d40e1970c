"""Sessions recorded through a real proxy, and the same apps held against their replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from waiting import eventually

from cli.player import Manner
from cli.playscript import script_of
from cli.playserver import Played
from cli.playserver import PlayServer
from cli.playtls import tls_context
from cli.recording import load
from simulator import Script
from simulator import Simulator
from simulator import load_cassette
from store.reader import LogReader

FAST = Manner(pace=0, strict=True)
LOG = "{content: full, frames: events, audio: wav, retention: {audio: 1d, content: 1d}}"
POLICIES = """policies:
  - {id: cards, when: {text: [user_text], detect: [card]}, action: redact}
  - {id: never, when: {from: client, text: [user_text], regex: "forbidden fruit"}, action: block}
  - {id: rude, when: {from: client, text: [user_text], regex: "blast you"}, action: close, message: mind your language}
"""


@dataclass
class Served:
    """A replay that runs."""

    address: str
    played: list[Played] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def url(self) -> str:
        return f"ws://{self.address}/v1/realtime"

    async def one(self, count: int = 1) -> Played:
        """The newest connection, once so many are over."""
        await eventually(lambda: len(self.played) >= count)
        return self.played[-1]


@dataclass
class Stage:
    proxy: Proxy
    upstreams: dict[str, Simulator]
    known: set[str] = field(default_factory=set)

    @property
    def data(self) -> Path:
        return self.proxy.data

    async def recorded(self) -> dict[str, Any]:
        """The session that was recorded since this was last asked, once all of it is on the disk."""

        def found() -> dict[str, Any] | None:
            reader = LogReader(self.data)
            fresh = [record for record in reader.sessions() if record["id"] not in self.known]
            assert len(fresh) <= 1
            for record in fresh:
                frames = reader.frames(record["id"]) if record["ended_at"] else None
                written = frames is not None and frames.count >= (record["events"] or {}).get("count", 1)
                if written and (record["recording"] or {}).get("state") not in ("recording", "making"):
                    return record
            return None

        record: dict[str, Any] = await eventually(found)
        self.known.add(record["id"])
        return record

    @asynccontextmanager
    async def served(self, *sessions: str, manner: Manner = FAST, times: int | None = None, tls: bool = False) -> AsyncIterator[Served]:
        scripts = [script_of(load(self.data, session)) for session in sessions]
        made = Served("")
        server = PlayServer(scripts, manner, times, made.played.append)
        async with server.serving(0, tls_context(self.data) if tls else None) as port:
            made.address = f"127.0.0.1:{port}"
            yield made


@asynccontextmanager
async def stage_in(folder: Path) -> AsyncIterator[Stage]:
    cassette = load_cassette(ROOT / "simulator" / "cassettes" / "gemini-aistudio.jsonl")
    upstreams = {
        "ga": Simulator(pace=0, script=Script(transcripts=("Hello there.", "What is the weather in Paris?"))),
        "slow": Simulator(pace=0.2),
        "google": Simulator(pace=0, cassette=cassette),
    }
    async with AsyncExitStack() as stack:
        for simulator in upstreams.values():
            await stack.enter_async_context(simulator)
        providers = f"""providers:
  ga: {{kind: openai, url: "http://{upstreams["ga"].address}"}}
  slow: {{kind: openai, url: "http://{upstreams["slow"].address}"}}
  google: {{kind: gemini, url: "http://{upstreams["google"].address}"}}
routes:
  - {{name: slow, match: {{model: "slow/*"}}, provider: slow}}
  - {{name: gemini, match: {{model: "gemini-*"}}, provider: google}}
  - {{name: others, match: {{model: "gpt-*"}}, provider: ga}}
"""
        rules = RULES.replace("{content: full}", LOG) + providers + POLICIES
        yield Stage(await stack.enter_async_context(started_proxy(folder, rules)), upstreams)
