"""The real program with a simulator behind it, pages of an app on an origin of their own, and what was recorded of calls."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator
from collections.abc import Iterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from typing import Final

from openai import AsyncOpenAI
from proxying import KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy

from simulator import Simulator
from store.reader import LogReader

PAGES: Final = Path(__file__).parent / "pages"
BUNDLES: Final = ROOT / "tests" / "node" / "node_modules" / "@openai" / "agents-realtime" / "dist" / "bundle"
MODEL: Final = "gpt-realtime"
SECRET: Final = "upstream-credential-0123456789"
SESSION: Final[dict[str, Any]] = {
    "type": "realtime",
    "model": MODEL,
    "instructions": "Answer in one sentence.",
    "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad", "silence_duration_ms": 1_000}}},
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "The weather of a city, now.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }
    ],
}
"""The fake microphone beeps twice a second: the gap between two beeps must not end what is said, however busy the machine."""

_RULES: Final = """
providers:
  openai: {{kind: openai, url: "http://{simulator}", credential: "env:UPSTREAM_KEY"}}
routes:
  - {{name: calls, match: {{door: gateway}}, provider: openai}}
prices:
  gpt-realtime: {{text_in: 4, text_out: 16, audio_in: 32, audio_out: 64, cached_text: 0.4, cached_audio: 0.4, source: test}}
"""

Recorded = tuple[dict[str, Any], list[dict[str, Any]]]
"""A session of the log and its turns."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The proxy, the simulator behind it, and the origin that serves the app's pages."""

    proxy: Proxy
    simulator: Simulator
    origin: str

    async def secret(self, **more: Any) -> str:
        """A client secret, minted through the proxy by the app's own server."""
        async with AsyncOpenAI(base_url=self.proxy.base_url, api_key=KEY) as client:
            minted = await client.realtime.client_secrets.create(session={**SESSION, **more})  # type: ignore[arg-type]
        return minted.value

    def known(self) -> set[str]:
        """The ids of all sessions in the log."""
        return {row["id"] for row in LogReader(self.proxy.data).sessions(limit=None)}

    async def recorded(self, before: set[str]) -> Recorded:
        """The only session since `before`, once it has ended."""
        reader = LogReader(self.proxy.data)
        for _ in range(150):
            found = [row for row in reader.sessions(limit=None) if row["id"] not in before]
            if found and all(row["ended_at"] for row in found):
                break
            await asyncio.sleep(0.1)
        assert len(found) == 1, (found, self.proxy.output)
        assert found[0]["ended_at"], (found, self.proxy.output)
        return found[0], reader.turns(found[0]["id"])


@asynccontextmanager
async def built(folder: Path, log: str = "{content: full}") -> AsyncIterator[Stage]:
    """All of it, for as long as the block lasts; `log` says what is kept."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0.5))
        origin = stack.enter_context(_served())
        listen = RULES.replace("{content: full}", log).replace('control: "127.0.0.1:0"', f'control: "127.0.0.1:0", origins: ["{origin}"]')
        rules = listen + _RULES.format(simulator=simulator.address)
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"UPSTREAM_KEY": SECRET}))
        yield Stage(proxy, simulator, origin)


class _Pages(SimpleHTTPRequestHandler):
    """The pages of this folder, and the bundle that the Agents SDK brings for browsers."""

    def translate_path(self, path: str) -> str:
        own = super().translate_path(path)
        return own if Path(own).exists() else str(BUNDLES / Path(own).name)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@contextmanager
def _served() -> Iterator[str]:
    """The origin of the pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Pages, directory=str(PAGES))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
