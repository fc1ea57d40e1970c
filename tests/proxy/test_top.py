"""`top` on a terminal, in front of a proxy that runs: what it shows, what its keys do, and how it leaves the terminal."""

from __future__ import annotations

import json
import signal
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import command
from proxying import started_proxy
from ptys import on_a_terminal
from talking import Talk
from waiting import eventually

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"


class Stage:
    def __init__(self, proxy: Proxy, simulator: Simulator) -> None:
        self.proxy = proxy
        self.simulator = simulator

    @property
    def words(self) -> tuple[str, ...]:
        return "top", "--data", str(self.proxy.data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("top")
    async with Simulator(pace=0) as simulator:
        rules = RULES + f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'
        async with started_proxy(folder, rules) as proxy:
            yield Stage(proxy, simulator)


async def _talked(talk: Talk) -> None:
    """Ask once, and hear the answer."""
    await talk.text("hello")
    await talk.ask()


async def _live(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await command("top", "--json", "status=live", "--data", str(stage.proxy.data)))
    return found


async def test_a_session_comes_is_shown_and_is_ended(stage: Stage) -> None:
    with on_a_terminal(*stage.words) as terminal:
        before = terminal.mode
        await terminal.shows("0 open", "q quit")
        assert not terminal.mode[3] & termios.ICANON
        async with stage.proxy.connect(SIM) as socket:
            await _talked(Talk(socket))
            lines = await terminal.shows("1 open", "sim/gpt-realtime", "tester", " ms / ")
            assert next(line for line in lines if "tester" in line).split()[0].startswith("ses_")
            [session] = [found for found in (await _live(stage))["sessions"] if found["live"]]
            terminal.press("\r")
            await terminal.shows(session["id"], "caller", "“hello”")
            terminal.press("\x1b")
            await terminal.shows("first audio p50 / last")
            terminal.press("x")
            await terminal.shows(f"end {session['id']}? y/n")
            terminal.press("n")
            await terminal.shows("q quit")
            assert session["id"] in {found["id"] for found in (await _live(stage))["sessions"]}
            terminal.press("x")
            await terminal.shows("y/n")
            terminal.press("y")
            assert await close_of(socket) == (1008, "ended by the operator")
        await terminal.shows("0 open", f"ended {session['id']}", "1008 by proxy")
        terminal.press("q")
        assert await terminal.ends() == 0
        assert terminal.mode == before
        assert terminal.written.index("\x1b[?1049h") < terminal.written.index("\x1b[?1049l")
        assert terminal.written.rindex("\x1b[?25h") > terminal.written.rindex("\x1b[?25l")


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
async def test_the_terminal_is_as_before_however_it_ends(stage: Stage, ending: signal.Signals, code: int) -> None:
    with on_a_terminal(*stage.words) as terminal:
        before = terminal.mode
        await terminal.shows("open,")
        terminal.child.send_signal(ending)
        assert await terminal.ends() == code
        assert terminal.mode == before
        assert terminal.written.rindex("\x1b[?1049l") > terminal.written.rindex("\x1b[?1049h")
        assert "Traceback" not in terminal.written


async def test_it_follows_the_size_and_ends_by_ctrl_c(stage: Stage) -> None:
    with on_a_terminal(*stage.words, columns=160) as terminal:
        await terminal.shows("sim/gpt-realtime", "findings")
        terminal.resize(10, 50)
        lines = await eventually(lambda: lines if "findings" not in "\n".join(lines := terminal.screen()) and len(lines) == 10 else None)
        assert max(map(len, lines)) <= 50
        assert any("tester" in line for line in lines)
        terminal.press("\x03")
        assert await terminal.ends() == 0


async def test_once(stage: Stage) -> None:
    async with stage.proxy.connect(SIM) as socket:
        await _talked(Talk(socket))
        [found] = await eventually(lambda: _with_a_turn(stage))
        assert (found["principal"], found["live"], found["state"]) == ("tester", True, None)
        head, row, *_, last = (await command("top", "--data", str(stage.proxy.data))).splitlines()
        assert head.split()[:4] == ["session", "age", "key", "provider/model"]
        assert row.split()[0] == found["id"]
        assert row.rstrip().endswith("open")
        assert last.startswith("1 open, today ")
        assert found["id"] not in await command("top", "--once", "key=nobody", "--data", str(stage.proxy.data))


async def _with_a_turn(stage: Stage) -> list[dict[str, Any]]:
    return [found for found in (await _live(stage))["sessions"] if found["turns"]]


async def test_without_a_proxy_the_log_tells(stage: Stage, tmp_path: Path) -> None:
    rules = stage.proxy.rules.read_text()
    async with started_proxy(tmp_path, rules) as proxy:
        with on_a_terminal("top", "--data", str(proxy.data)) as terminal:
            async with proxy.connect(SIM) as socket:
                await _talked(Talk(socket))
                await terminal.shows("1 open", "tester")
            await proxy.stop()
            await terminal.shows("0 open", "no proxy runs", "tester")
            async with started_proxy(tmp_path, rules) as again, again.connect(SIM):
                await terminal.shows("1 open, today")
            terminal.press("q")
            assert await terminal.ends() == 0
