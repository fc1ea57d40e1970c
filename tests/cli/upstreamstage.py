"""Sessions recorded through a real proxy, and the command that sends them to another provider of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from click.testing import Result
from proxying import KEY
from proxying import Proxy
from typer.testing import CliRunner
from waiting import eventually

from cli.__main__ import app
from cli.errors import Failure
from simulator import Simulator
from simulator.record import Connection
from store.reader import LogReader


@dataclass
class Stage:
    """A proxy with the provider that was recorded, and others that stand in for it."""

    proxy: Proxy
    providers: dict[str, Simulator]
    sessions: dict[str, str] = field(default_factory=dict)

    async def recorded(self, name: str, hold: Callable[[], Awaitable[Any]]) -> str:
        """The session of a conversation, once all of it is on the disk; each is held once."""
        if name not in self.sessions:
            known = {record["id"] for record in LogReader(self.proxy.data).sessions()}
            await hold()
            self.sessions[name] = await eventually(lambda: self._whole(known))
        return self.sessions[name]

    def _whole(self, known: set[str]) -> str | None:
        reader = LogReader(self.proxy.data)
        for record in reader.sessions():
            frames = reader.frames(record["id"]) if record["id"] not in known and record["ended_at"] else None
            making = (record["recording"] or {}).get("state") in ("recording", "making")
            if frames is not None and frames.count >= record["events"]["count"] and not making:
                return str(record["id"])
        return None

    async def replay(self, session: str, model: str, *options: str, key: str = KEY) -> Result:
        """The command as it is typed."""
        words = ["replay", session, "--to", "upstream", model, "--rules", str(self.proxy.rules), "--data", str(self.proxy.data)]
        return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--key", key, *options])

    async def sent(self, session: str, model: str, *options: str) -> tuple[dict[str, Any], Connection]:
        """What `--yes --json` printed, and what the provider got."""
        found = await self.replay(session, model, "--yes", "--json", *options)
        assert not isinstance(found.exception, Failure), found.exception
        return json.loads(found.stdout), self.providers[model.partition("/")[0]].connections[-1]

    def record(self, session: str) -> dict[str, Any]:
        found = LogReader(self.proxy.data).session(session)
        assert found is not None
        return found
