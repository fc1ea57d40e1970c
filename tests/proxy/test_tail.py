"""`tail --follow` in front of a proxy that runs, is killed and starts again: nothing twice, nothing missing, deltas in one line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from proxying import ROOT
from proxying import RULES
from proxying import command
from proxying import started_proxy
from talking import Talk
from waiting import eventually

from simulator import Simulator

SIM = "/v1/realtime?model=sim/gpt-realtime"
Line = dict[str, Any]


class Following:
    """A `tail --follow --json` that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[Line] = []

    async def read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.append(json.loads(line))

    def of(self, kind: str, session: str) -> list[Line]:
        return [line for line in self.lines if line["event"] == kind and line["session"] == session]

    def types(self, session: str) -> list[str]:
        return [line["record"]["type"] for line in self.of("message", session)]


async def test_follow_over_a_kill_and_a_start(tmp_path: Path) -> None:
    async with Simulator(pace=0) as simulator:
        logged = RULES.replace("content: full", "content: full, frames: events")
        rules = logged + f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'
        data = tmp_path / "data"
        async with started_proxy(tmp_path, rules) as proxy:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli", "tail", "-f", "-m", "-n", "999", "--json", "key=tester", "since=1h", "--data", str(data)),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
            following = Following(process)
            reading = asyncio.create_task(following.read())
            async with proxy.connect(SIM) as socket:
                talk = Talk(socket)
                await talk.text("hello")
                await talk.ask()
                pieces = len(talk.all("response.output_audio.delta"))
                first = (await eventually(lambda: [line for line in following.lines if line["event"] == "turn"]))[0]["session"]
                await eventually(lambda: "response.done" in following.types(first))
                proxy.process.send_signal(signal.SIGKILL)
                await proxy.process.wait()
        async with started_proxy(tmp_path, rules) as again:
            await eventually(lambda: following.of("close", first))
            async with again.connect(SIM) as socket:
                await Talk(socket).text("again")
                await eventually(lambda: [line for line in following.lines if line["event"] == "open" and line["session"] != first])
            await eventually(lambda: sum(line["event"] == "close" for line in following.lines) == 2)
        process.send_signal(signal.SIGINT)
        await reading
        assert await process.wait() == 0
    assert [len(following.of(kind, first)) for kind in ("open", "turn", "close")] == [1, 1, 1]
    [sound] = [line["record"] for line in following.of("message", first) if line["record"]["type"] == "response.output_audio.delta"]
    assert pieces > 1
    assert sound["count"] == pieces
    numbers = [number for line in following.of("message", first) for number in (line["record"]["n"], line["record"]["last"])]
    assert len(set(numbers)) >= len(following.of("message", first))
    shown = await command("tail", "--messages", "-n", "100", "type=*audio.delta", f"session={first}", "--data", str(data))
    assert shown == ""  # of sessions that are over only the newest one's messages are shown
    shown = await command("tail", "--messages", "-n", "100", "type=conversation.*", "until=2099-01-01", "--data", str(data))
    assert "→ conversation.item.create, " in shown
    assert "turn" not in {line.split()[2] for line in shown.splitlines()}
