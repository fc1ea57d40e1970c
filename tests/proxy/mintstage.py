"""A proxy in front of a provider that makes ephemeral keys, or answers whatever else a model's name asks for."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from mintserver import LIFE
from mintserver import Asked
from mintserver import MintServer
from mintserver import Reply
from mintserver import mint_server
from mintserver import minted
from mintserver import reply
from proxying import KEY
from proxying import OTHER_KEY
from proxying import Proxy
from proxying import hash_of
from proxying import started_proxy

from simulator import Simulator

UPSTREAM = "cnry-UPSTREAM-0123456789abcdefghij"
CLIENT = "vt_cnryCLIENT0123456789abcdefghijklmnopqrstuv"
SHORT = "vt_" + "s" * 43
BUSY = "vt_" + "b" * 43
SHORT_LIFE = timedelta(seconds=60)

RULES = """
version: 1
listen: {{gateway: "127.0.0.1:0", control: "127.0.0.1:0"}}
limits: {{handshake: 2s}}
client_secrets: {{expires: 1h}}
keys:
  - {{id: tester, hash: "{tester}"}}
  - {{id: narrow, hash: "{narrow}", models: ["gpt-realtime*", "*/gpt-transcribe"]}}
  - {{id: canary, hash: "{canary}"}}
  - {{id: short, hash: "{short}", expires: "{expires}"}}
  - {{id: busy, hash: "{busy}"}}
providers:
  up: {{kind: openai, url: "http://{up}", credential: env:CANARY, headers: [x-tenant]}}
  azure: {{kind: azure, url: "http://{up}", credential: env:CANARY, models: {{dep-rt: gpt-realtime, dep-asr: gpt-transcribe}}}}
  preview: {{kind: azure, url: "http://{up}", credential: env:CANARY, api_version: 2025-04-01-preview}}
  grok: {{kind: xai, url: "http://{up}", credential: env:CANARY}}
  eleven: {{kind: elevenlabs, url: "http://{up}", credential: env:CANARY}}
  comp: {{kind: compatible, url: "http://{up}/api", credential: env:CANARY}}
  gem: {{kind: gemini, url: "http://{up}", credential: env:CANARY}}
  here: {{kind: gemini, url: "http://{up}", credential: env:CANARY, mint: local}}
  sim: {{kind: simulator, url: "http://{sim}"}}
  dead: {{kind: openai, url: "http://127.0.0.1:1", credential: env:CANARY}}
  unset: {{kind: openai, url: "http://{up}", credential: env:NOT_SET_ANYWHERE}}
"""


def echo(asked: Asked, key: str) -> Reply:
    """A provider that repeats what it was sent, and its new key, wherever it can."""
    secret = asked.headers["authorization"]
    body = {"value": key, "expires_at": int(time.time()) + LIFE, "again": key, "debug": [secret, asked.body.decode()], key: 1}
    return reply(body, 200, f"X-Debug: {secret}", f"X-RateLimit-Debug: {secret}", f"Set-Cookie: k={secret}", f"X-Key: {key}")


LIMITED = ("Retry-After: 17", "X-RateLimit-Remaining-Requests: 0", "x-ratelimit-reset-tokens: 6m0s", "X-Other: 1")
ANSWERS = {
    "say-limits": lambda asked, key: Reply(200, minted(asked, key).body, LIMITED),
    "say-created": lambda asked, key: Reply(201, minted(asked, key).body),
    "say-echo": echo,
    "say-400": lambda asked, key: reply(
        {"error": {"message": "bad voice", "type": "x", "code": "bad_voice", "param": "session.audio"}}, 400
    ),
    "say-401": lambda asked, key: reply({"error": {"message": f"Incorrect API key provided: {asked.headers['authorization']}"}}, 401),
    "say-403": lambda asked, key: reply({"error": {"message": "no access"}}, 403),
    "say-429": lambda asked, key: reply({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429, *LIMITED),
    "say-500": lambda asked, key: reply({"error": {"message": f"trace {asked.headers['authorization']}"}}, 500),
    "say-503": lambda asked, key: Reply(503, b"<html>busy</html>", ("Retry-After: 3",)),
    "say-redirect": lambda asked, key: Reply(302, b"", ("Location: http://127.0.0.1:1/evil",)),
    "say-html": lambda asked, key: Reply(200, b"<html>hello</html>"),
    "say-empty": lambda asked, key: reply({"session": {}}),
    "say-nothing": lambda asked, key: None,
    "say-past": lambda asked, key: reply({"value": key, "expires_at": int(time.time()) - 5}),
    "say-no-expiry": lambda asked, key: reply({"value": key}),
    "say-never": lambda asked, key: reply({"value": key, "expires_at": 10**30}),
}


@dataclass
class Stage:
    proxy: Proxy
    up: MintServer
    simulator: Simulator
    http: httpx2.AsyncClient
    seen: bytearray = field(default_factory=bytearray)
    """Everything that apps were sent."""

    async def post(self, path: str, body: Any = None, *, key: str | None = KEY, headers: dict[str, str] | None = None) -> httpx2.Response:
        fields = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self.http.post(self.proxy.url(path, "http"), content=content, headers=fields)
        self.seen += b"".join(name + value for name, value in answer.headers.raw) + answer.content
        return answer

    async def refused(self, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and code of a request that must not reach the provider."""
        before = len(self.up.seen)
        answer = await self.post(path, body, **more)
        assert len(self.up.seen) == before, "the provider was asked"
        return answer.status_code, answer.json()["error"]["code"]


@asynccontextmanager
async def minting(folder: Path) -> AsyncIterator[Stage]:
    """It stands while the block lasts, with its files in `folder`."""
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(mint_server(ANSWERS))
        sim = await stack.enter_async_context(Simulator(pace=0))
        rules = RULES.format(
            tester=hash_of(KEY),
            narrow=hash_of(OTHER_KEY),
            canary=hash_of(CLIENT),
            short=hash_of(SHORT),
            busy=hash_of(BUSY),
            expires=(datetime.now(UTC) + SHORT_LIFE).isoformat(),
            up=up.address,
            sim=sim.address,
        )
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"CANARY": UPSTREAM}))
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=20))
        yield Stage(proxy, up, sim, http)
