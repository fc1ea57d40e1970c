"""From a command to the end of the sessions that it concerns: both legs of a hundred sessions that talk, by what ended them.

Each figure is of one session: from before the command was given until both the client and the provider had been told, or cut off.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final

from tinydb import where

from bench import events
from bench.calls.ask import ask
from bench.clock import quantile
from bench.load import Refused
from bench.load import Session
from bench.load import Stuck
from bench.peers import ROOT
from bench.peers import Target
from bench.peers import announced
from bench.process import running
from bench.run import Row
from bench.run import Run
from bench.settings import KEY
from bench.settings import voicetap_rules
from bench.talk import sessions
from bench.upstream import Upstream
from bench.wire import client_frame
from store.state import State

PEER: Final = "voicetap"
SESSIONS: Final = 100
_TOKENS: Final = 10
_TIMES: Final = 2
"""How often each is done in a round: the proxy looks at its keys twice a second, and when it does is a matter of chance."""

_PATIENCE: Final = 15.0
_APPEND: Final = client_frame(events.append())
_names = count(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """A proxy, and what commands work on."""

    run: Run
    target: Target
    control: int
    token: str
    rules: Path
    data: Path

    def made_key(self) -> tuple[str, Target]:
        """The id of a fresh key of the data folder, as `keys new` keeps it, and where its sessions are opened."""
        name = f"key-{next(_names)}"
        secret = f"vt_{name}_{'0' * 32}"
        with closing(State(self.data)) as state:
            state.keys.insert({"id": name, "hash": f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}"})
        return name, replace(self.target, headers={"Authorization": f"Bearer {secret}"})

    def write_rules(self, *, forbidden: bool) -> None:
        """In one step, so that nobody reads half of them."""
        rules = json.loads(voicetap_rules(self.run.upstream.port))
        rules["providers"]["bench"]["mint"] = "local"
        rules["keys"][0] |= {"models": []} if forbidden else {}
        part = self.rules.with_suffix(".part")
        part.write_text(json.dumps(rules))
        os.replace(part, self.rules)

    async def minted(self, target: Target) -> list[Target]:
        """As many ephemeral keys of a key, each with where its sessions are opened. Raises Refused."""
        body = json.dumps({"session": {"type": "realtime", "model": "bench"}})
        made = []
        for _ in range(_TOKENS):
            fields = {**target.headers, "Content-Type": "application/json"}
            reply = await ask(target.port, "POST", "/v1/realtime/client_secrets", fields, body)
            if reply.status != 200:
                raise Refused(f"{reply.status} {reply.body[:300]}")
            made.append(replace(target, headers={"Authorization": f"Bearer {json.loads(reply.body)['value']}"}))
        return made

    async def kill(self, key: str) -> None:
        """As `kill --key` does it. Raises Refused."""
        reply = await ask(self.control, "POST", f"/api/keys/{key}/kill", {"Authorization": f"Bearer {self.token}"})
        if reply.status != 202:
            raise Refused(f"{reply.status} {reply.body[:300]}")


@dataclass(frozen=True, slots=True)
class Ending:
    """Where sessions are opened, and the command that ends them."""

    targets: list[Target]
    command: Callable[[], Awaitable[None]]


async def _revoked(stage: Stage) -> Ending:
    name, target = stage.made_key()
    return Ending([target], lambda: asyncio.to_thread(_revoke, stage.data, name))


async def _revoked_ephemeral(stage: Stage) -> Ending:
    name, target = stage.made_key()
    return Ending(await stage.minted(target), lambda: asyncio.to_thread(_revoke, stage.data, name))


async def _killed(stage: Stage) -> Ending:
    name, target = stage.made_key()
    return Ending([target], lambda: stage.kill(name))


async def _forbidden(stage: Stage) -> Ending:
    stage.write_rules(forbidden=False)
    await _served(stage.target)
    return Ending([stage.target], lambda: asyncio.to_thread(stage.write_rules, forbidden=True))


ENDINGS: Final[dict[str, Callable[[Stage], Awaitable[Ending]]]] = {
    "revoked": _revoked,
    "revoked ephemeral": _revoked_ephemeral,
    "killed": _killed,
    "forbidden": _forbidden,
}


def _revoke(data: Path, name: str) -> None:
    """As `keys revoke` does it. Raises Refused."""
    with closing(State(data)) as state:
        if not state.keys.update({"revoked": True}, where("id") == name):
            raise Refused(f"there is no key {name}")


async def _served(target: Target) -> None:
    """Wait until the rules let a session in. Raises Refused."""
    for _ in range(100):
        try:
            await (await Session.open(target)).close()
        except Refused:
            await asyncio.sleep(0.05)
        else:
            return
    raise Refused("the rules are not in force")


async def _once(stage: Stage, about: str, chance: Random) -> list[float]:
    """Seconds to the end of each session. Raises Refused, Stuck."""
    ending = await ENDINGS[about](stage)
    async with AsyncExitStack() as entered:
        opened: dict[str, Session] = {}
        for target in ending.targets:
            opened |= await entered.enter_async_context(sessions(target, SESSIONS // len(ending.targets)))
        legs = [(client, await _provider(stage.run, name)) for name, client in opened.items()]
        async with _talking([client for client, _ in legs]):
            await asyncio.sleep(0.5 + chance.random() / 2)
            began = perf_counter()
            await ending.command()
            return await _ended(legs, began)


async def _provider(run: Run, name: str) -> Upstream:
    """The other leg of a session, once it has heard its name: where ephemeral keys bring settings, that takes a message more."""
    for _ in range(200):
        if name in run.upstream.named:
            return run.upstream.named.pop(name)
        await asyncio.sleep(0.01)
    raise Stuck(f"the provider has not heard of session {name}")


@asynccontextmanager
async def _talking(clients: list[Session]) -> AsyncIterator[None]:
    task = asyncio.create_task(_talk(clients))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _talk(clients: list[Session]) -> None:
    """Ten appends a second from each, spread over the time."""
    while True:
        for number, client in enumerate(clients):
            if client.ended is None:
                client.transport.write(_APPEND)
            if number % 10 == 9:
                await asyncio.sleep(0.1 * 10 / len(clients))
        await asyncio.sleep(0)


async def _ended(legs: list[tuple[Session, Upstream]], began: float) -> list[float]:
    for _ in range(int(_PATIENCE / 0.01)):
        times = [(client.ended, provider.ended) for client, provider in legs]
        if all(None not in pair for pair in times):
            return [max(at for at in pair if at is not None) - began for pair in times]
        await asyncio.sleep(0.01)
    raise Stuck(f"{sum(None in pair for pair in times)} of {len(legs)} sessions were still open after {_PATIENCE:.0f} s")


@asynccontextmanager
async def _staged(run: Run) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as home:
        folder = Path(home)
        stage = Stage(run, Target(0), 0, "", folder / "rules.yaml", folder / "data")
        stage.write_rules(forbidden=False)
        command = (sys.executable, "-m", "cli", "start", "--rules", str(stage.rules), "--data", str(stage.data))
        async with running(command, folder / "log", {"PYTHONPATH": str(ROOT)}) as process:
            gateway, control, token = await announced(process, folder / "log")
            target = Target(gateway, process.pid, headers={"Authorization": f"Bearer {KEY}"})
            yield replace(stage, target=target, control=control, token=token)


async def measure(run: Run) -> list[Row]:
    """A row for each way to end sessions: `p50_ms`, `p99_ms` and `max_ms` of `sessions` that were ended `times` times."""
    if PEER not in run.peers:
        return []
    rows, chance, times = [], Random(7), _TIMES * run.scale.rounds
    async with _staged(run) as stage:
        for about in ENDINGS:
            row: Row = {"peer": PEER, "about": about, "sessions": SESSIONS, "times": times}
            try:
                took = [seconds for _ in range(times) for seconds in await _once(stage, about, chance)]
                row |= {"p50_ms": quantile(took, 0.5), "p99_ms": quantile(took, 0.99), "max_ms": max(took) * 1_000}
            except (Refused, Stuck, OSError) as error:
                row |= {"error": str(error) or type(error).__name__}
            run.say(f"  {row}")
            rows.append(row)
    return rows
