"""The load against its own upstream, without and with a relay between: what is asked for is what is counted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from bench import events
from bench.clock import Line
from bench.load import Refused
from bench.load import Session
from bench.load import Stuck
from bench.parts.paced import rung
from bench.parts.profile import place
from bench.parts.profile import shares
from bench.parts.profile import written
from bench.peers import ROOT
from bench.peers import Absent
from bench.peers import Target
from bench.peers import start
from bench.process import Meter
from bench.process import free_port
from bench.process import listening
from bench.process import running
from bench.run import Run
from bench.run import Scale
from bench.settings import voicetap_rules
from bench.talk import APPENDS
from bench.talk import TURN_FRAMES
from bench.talk import conversation
from bench.talk import sessions
from bench.talk import turn
from bench.upstream import Server
from bench.upstream import serving
from bench.wire import client_frame

TINY = Scale(rounds=2, seconds=0.05, pace=0.2, frames=1_000, idle=5, records=10, stride=3, calls=(1,), recoded=(1,), placed=1, soak=1.0)


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


async def test_a_turn_crosses_whole(upstream: Server) -> None:
    async with sessions(Target(upstream.port), 2) as opened:
        for name, session in opened.items():
            before = session.received
            frames = await turn(session)
            assert upstream.named[name].appends == APPENDS
            assert frames == TURN_FRAMES == APPENDS + 2 + session.received - before
    assert await upstream.emptied()


async def test_a_long_answer_is_delivered_in_full_to_a_reader_that_pauses(upstream: Server) -> None:
    async with sessions(Target(upstream.port), 1) as opened:
        (session,) = opened.values()
        session.transport.pause_reading()
        await session.write(client_frame(events.response_create(3_000, 8_192, transcript=False)))
        await asyncio.sleep(0)
        session.transport.resume_reading()
        await session.until(2 + 3_000 + 2)


async def test_an_echo_comes_back_for_every_append(upstream: Server) -> None:
    async with sessions(Target(upstream.port), 1, echo=True) as opened:
        (session,) = opened.values()
        session.line = line = Line(array("d"))
        for _ in range(3):
            line.leave()
        await session.ask(client_frame(events.append()) * 3, 3)
        assert len(line.seconds) == 3


async def test_a_refused_upgrade_and_a_lost_session_are_told_apart(upstream: Server) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        with pytest.raises(Refused, match="401 Unauthorized"):
            await Session.open(Target(server.sockets[0].getsockname()[1]))
    session = await Session.open(Target(upstream.port))
    await session.named("gone")
    upstream.named["gone"].transport.abort()
    with pytest.raises(Stuck, match="connection lost"):
        await session.until(10)
    await session.close()


async def test_paced_sessions_lose_nothing(upstream: Server) -> None:
    run = Run(upstream, TINY, ("direct",))
    sample = await rung(run, Target(upstream.port), 8)
    assert sample["frames"] > 0
    assert 0 < sample["p50_ms"] <= sample["p99_ms"]


async def test_rounds_give_a_row_per_peer_and_a_missing_peer_its_reason(upstream: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITELLM_PYTHON", raising=False)
    run = Run(upstream, TINY, ("direct", "websockets", "litellm"))
    rows = await run.interleaved(lambda target: conversation(target, run.scale.seconds, 1))
    assert [row["peer"] for row in rows] == ["direct", "websockets"]
    assert "us_per_frame" not in rows[0]
    assert rows[1]["us_per_frame"] > 0
    assert "LITELLM_PYTHON" in run.skipped["litellm"]


async def test_a_peer_that_fails_gets_a_row_with_its_error(upstream: Server) -> None:
    run = Run(upstream, TINY, ("direct",))

    async def fails(_: Target) -> dict[str, float]:
        raise Stuck("no answer")

    assert await run.interleaved(fails) == [{"peer": "direct", "error": "no answer"}]


async def test_a_peer_is_gone_when_its_block_ends(upstream: Server) -> None:
    async with start("websockets", upstream.port) as target:
        assert target.pid
        assert Meter(target.pid).rss() > 1_000_000
    assert not psutil.pid_exists(target.pid)


async def test_a_peer_that_cannot_start_says_what_it_printed(tmp_path: Path) -> None:
    async with running(["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log") as process:
        with pytest.raises(RuntimeError, match="no such thing"):
            await listening(free_port(), process, tmp_path / "log")


async def test_an_absent_interpreter_is_named(monkeypatch: pytest.MonkeyPatch, upstream: Server) -> None:
    monkeypatch.setenv("LITELLM_PYTHON", "false")
    with pytest.raises(Absent, match="cannot import"):
        async with start("litellm", upstream.port):
            pass


async def test_the_sampler_counts_stacks_of_the_module_it_runs(upstream: Server, tmp_path: Path) -> None:
    out, port = tmp_path / "samples.json", free_port()
    command = ["-m", "bench.sampler", str(out), "-m", "bench.relay_websockets", str(port), f"ws://127.0.0.1:{upstream.port}"]
    async with running([sys.executable, *command], tmp_path / "log", {"PYTHONPATH": str(ROOT)}) as process:
        await listening(port, process, tmp_path / "log")
        meter = Meter(process.pid)
        async with sessions(Target(port, process.pid), 1) as opened:
            os.kill(process.pid, signal.SIGUSR1)
            began = meter.cpu()
            while meter.cpu() - began < 0.15:
                await turn(*opened.values())
            os.kill(process.pid, signal.SIGUSR2)
    stacks = written(out)
    assert sum(count for _, count in stacks) > 5
    assert any("relay_websockets.py:_pump" in function for stack, _ in stacks for function in stack)


def test_a_sample_belongs_to_the_innermost_place() -> None:
    loop, turns = "python3/asyncio/base_events.py:_run_once", "voicetap/addons/turns.py:frame"
    assert place(["python3/json/decoder.py:decode", "voicetap/realtime/frame.py:_parse", turns, loop]) == "reading heads"
    assert place(["python3/asyncio/selector_events.py:write", "voicetap/realtime/tunnel.py:feed", loop]) == "socket writes"
    assert place(["python3/codecs.py:decode"]) == "everything else"
    assert shares([([loop], 3), (["voicetap/store/log.py:insert", loop], 1)]) == {"event loop": 0.75, "record": 0.25}


def test_the_rules_of_the_benchmark_name_its_upstream() -> None:
    rules = json.loads(voicetap_rules(4_711))
    assert rules["providers"]["bench"]["url"].endswith(":4711")
    assert "policies" not in rules
    assert len(json.loads(voicetap_rules(4_711, parsed=True))["policies"]) == 20
