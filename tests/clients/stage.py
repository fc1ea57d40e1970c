"""One running proxy with every kind of provider behind it, and what it recorded, for tests that bring real clients."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Final

from proxying import KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy

from simulator import Simulator
from simulator import load_cassette
from simulator.audio import silence
from simulator.audio import speak
from simulator.record import Connection
from store.reader import LogReader

SECRET: Final = "upstream-credential-0123456789"
CASSETTES: Final = ROOT / "simulator" / "cassettes"

ORIGIN: Final = "http://localhost:3000"
_LISTEN: Final = RULES.replace('control: "127.0.0.1:0"', f'control: "127.0.0.1:0", origins: ["{ORIGIN}"]')

PROVIDERS: Final = """
providers:
  openai: {{kind: openai, url: "http://{ga}", credential: "env:UPSTREAM_KEY", models: ["gpt-realtime*", "gpt-4o-*"]}}
  azure: {{kind: azure, url: "http://{ga}", credential: "env:UPSTREAM_KEY", models: {{rt-deployment: gpt-realtime}}}}
  google: {{kind: gemini, url: "http://{gemini}", credential: "env:UPSTREAM_KEY"}}
  bailian: {{kind: bailian, url: "http://{bailian}", credential: "env:UPSTREAM_KEY"}}
  slow: {{kind: openai, url: "http://{slow}", credential: "env:UPSTREAM_KEY"}}
  elevenlabs: {{kind: elevenlabs, url: "http://{ga}", credential: "env:UPSTREAM_KEY"}}
  agents: {{kind: elevenlabs, url: "http://{elevenlabs}", credential: "env:UPSTREAM_KEY"}}
routes:
  - {{name: openai-path, match: {{door: gateway, path: /v1/realtime}}, provider: openai}}
  - {{name: openai-apps, match: {{door: intercept, host: api.openai.com}}, provider: openai}}
  - {{name: elevenlabs-apps, match: {{door: intercept, host: api.elevenlabs.io}}, provider: agents, credential: inject}}
"""

PLAYED: Final = {"gemini": "gemini-aistudio", "bailian": "bailian-omni", "elevenlabs": "elevenlabs-agents"}
"""Providers whose side is a cassette."""

PACES: Final = {"ga": 0.0, "slow": 0.2}
"""Those that hold a conversation of their own, and how much slower than at once; answers of the slow one can be interrupted."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One session of the log, with its turns."""

    session: dict[str, Any]
    turns: list[dict[str, Any]]

    @property
    def usage(self) -> dict[str, Any]:
        found: dict[str, Any] = self.session["usage"]
        return found


@dataclass(frozen=True, slots=True)
class Stage:
    """The proxy, and the providers behind it by name."""

    proxy: Proxy
    upstreams: dict[str, Simulator]

    @property
    def ca(self) -> Path:
        """The certificate authority of the proxy."""
        return self.proxy.data / "ca" / "mitmproxy-ca-cert.pem"

    def upstream(self, name: str = "ga") -> Connection:
        """The newest connection that a provider saw."""
        return self.upstreams[name].connections[-1]

    def recorded(self) -> list[Recorded]:
        """Everything in the log, oldest first."""
        reader = LogReader(self.proxy.data)
        return [Recorded(row, reader.turns(row["id"])) for row in reader.sessions(limit=None, order="asc")]


@dataclass(frozen=True, slots=True)
class Log:
    """What was recorded since the test began."""

    stage: Stage
    before: int

    async def sessions(self, count: int) -> list[Recorded]:
        """The sessions of this test, all ended, oldest first; fails when they are not exactly `count`."""
        for _ in range(100):
            found = self.stage.recorded()[self.before :]
            if len(found) >= count and all(one.session["ended_at"] for one in found):
                break
            await asyncio.sleep(0.1)
        assert len(found) == count, (found, self.stage.proxy.output)
        return found

    async def session(self) -> Recorded:
        """The only session of this test."""
        (found,) = await self.sessions(1)
        return found


@asynccontextmanager
async def built(folder: Path) -> AsyncIterator[Stage]:
    """All of it, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        upstreams = {name: Simulator(pace=0, cassette=load_cassette(CASSETTES / f"{cassette}.jsonl")) for name, cassette in PLAYED.items()}
        upstreams |= {name: Simulator(pace=pace) for name, pace in PACES.items()}
        for simulator in upstreams.values():
            await stack.enter_async_context(simulator)
        rules = _LISTEN + PROVIDERS.format(**{name: simulator.address for name, simulator in upstreams.items()})
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"UPSTREAM_KEY": SECRET}))
        yield Stage(proxy, upstreams)


def assert_credentials_kept(seen: Connection, key: str = KEY) -> None:
    """The upstream saw the provider's credential, and nowhere the client's key."""
    carried = [*seen.headers.values(), *seen.subprotocols, seen.target]
    assert any(SECRET in value for value in carried)
    assert not [text for text in (*carried, *map(str, seen.messages)) if key in text]


def utterance(words: str) -> list[str]:
    """Somebody says something and falls silent: base64 of PCM16 at 24 kHz, 100 ms a piece."""
    audio = speak(words) + silence(800)
    return [b64encode(audio[start : start + 4_800]).decode() for start in range(0, len(audio), 4_800)]


def run(stage: Stage) -> tuple[str, ...]:
    """The words that start a program behind the intercept door of the stage."""
    return (sys.executable, "-m", "cli", "run", "--rules", str(stage.proxy.rules), "--data", str(stage.proxy.data), "--")


async def ran(*words: str, **environment: str) -> dict[str, Any]:
    """What a program reported: the one line of JSON on its standard output."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 40)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, err.decode()
    found: dict[str, Any] = json.loads(out)
    return found
