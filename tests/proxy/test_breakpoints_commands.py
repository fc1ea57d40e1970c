"""`break` and `inject` in front of a proxy that runs: on a terminal with a person, and with programs that read lines."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from breakstage import Stage
from breakstage import breaking
from breakstage import codes
from proxying import ROOT
from proxying import command
from ptys import Terminal
from ptys import on_a_terminal
from talking import message
from typer.testing import CliRunner
from waiting import eventually

from cli.__main__ import app

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "\x1b[31mred\u202e\x07"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with breaking(tmp_path_factory.mktemp("breaking")) as made:
        yield made


def run(stage: Stage, *words: str, code: int = 0, given: str | None = None) -> str:
    """What a command prints, run in this process."""
    result = CliRunner().invoke(app, [*words, "--data", str(stage.proxy.data)], input=given)
    assert result.exit_code == code, result.output
    return result.stdout


def failure(stage: Stage, *words: str) -> tuple[str, str]:
    """Code and message of a command that fails."""
    found = CliRunner().invoke(app, [*words, "--data", str(stage.proxy.data)]).exception
    assert found is not None
    return found.code, found.message  # type: ignore[attr-defined]


async def written(terminal: Terminal, words: str, times: int = 1) -> None:
    await eventually(lambda: (terminal.screen(), terminal.written.count(words) >= times)[1])


def editor(folder: Path, old: str, new: str) -> str:
    """A program that changes one word of the file that it is given."""
    path = folder / "editor.sh"
    path.write_text(f"#!/bin/sh\nsed -i 's/{old}/{new}/' \"$1\"\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_a_person_decides_message_by_message(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor(tmp_path, "third", "changed"))
    monkeypatch.delenv("VISUAL", raising=False)
    async with stage.talk("asked") as talk:
        condition = f"type=conversation.item.create session={talk.session}"
        with on_a_terminal("break", condition, "--data", str(stage.proxy.data)) as terminal:
            await written(terminal, "is set; Ctrl-C removes it")
            for words in ("first " + HOSTILE, "second", "third"):
                await talk.text(words)
            await written(terminal, "first")
            await written(terminal, "r)esume  e)dit  d)rop", 1)
            assert "\x1b[31mred" not in terminal.written
            assert "\\u001b[31mred\\u202e\\u0007" in terminal.written
            terminal.press("r")
            await written(terminal, "second")
            await written(terminal, "r)esume  e)dit  d)rop", 2)
            terminal.press("d")
            await written(terminal, "third")
            await written(terminal, "r)esume  e)dit  d)rop", 3)
            terminal.press("e")
            await written(terminal, "edited")
            before = terminal.mode
            terminal.press("\x03")
            assert await terminal.ends() == 0
            assert terminal.mode == before
        assert (await stage.operator.all())["breakpoints"] == []
        await talk.ask()
    said = [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")]
    assert said == ["first " + HOSTILE, "changed"]
    assert [code for _, code in codes(talk.findings)] == ["paused", "resumed", "paused", "dropped", "paused", "edited"]
    assert "run.sh (" in next(found["detail"]["by"] for found in talk.findings if found["action"] == "edit")


async def test_nothing_stays_paused_when_the_command_is_ended(stage: Stage) -> None:
    async with stage.talk("ended") as talk:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "break", f"type=session.update session={talk.session}"),
            *("--json", "--timeout", "60", "--data", str(stage.proxy.data)),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        await eventually(lambda: points(stage))
        await talk.say("session.update", session={"type": "realtime"})
        shown = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        assert shown["session"] == talk.session
        assert json.loads(shown["payload"])["type"] == "session.update"
        process.send_signal(signal.SIGTERM)
        await talk.until("session.updated")
        assert await asyncio.wait_for(process.wait(), 20) == 128 + signal.SIGTERM
    assert codes(talk.findings) == [("hold", "paused"), ("release", "removed")]


async def points(stage: Stage) -> int:
    return len((await stage.operator.all())["breakpoints"])


async def test_a_script_takes_one_message_and_decides(stage: Stage, tmp_path: Path) -> None:
    async with stage.talk("script") as talk:
        words = (f"type=conversation.item.create session={talk.session}", "--once", "--json", "--timeout", "60")
        watching = asyncio.create_task(command("break", *words, "--data", str(stage.proxy.data)))
        await eventually(lambda: points(stage))
        await talk.text("as it was")
        found = json.loads(await watching)
        assert (await stage.operator.all())["breakpoints"] == []
        listed = json.loads(await asyncio.to_thread(run, stage, "break", "list", "--json"))
        assert [one["id"] for one in listed["paused"]] == [found["id"]]
        table = await asyncio.to_thread(run, stage, "break", "list")
        assert found["id"] in table
        assert "as it was" in await asyncio.to_thread(run, stage, "break", "show", found["id"])
        file = tmp_path / "message.json"
        file.write_text(found["payload"].replace("as it was", "as it is"))
        done = json.loads(await asyncio.to_thread(run, stage, "break", "resume", found["id"], "--file", str(file), "--json"))
        assert done == {"id": found["id"], "reason": "edited", "outcome": "passed"}
        await talk.ask()
    assert [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")] == ["as it is"]


async def test_breakpoints_are_set_listed_and_removed(stage: Stage) -> None:
    name = (await asyncio.to_thread(run, stage, "break", "add", "type=session.update", "key=kiosk*", "--timeout", "5")).strip()
    [listed] = (await stage.operator.all())["breakpoints"]
    assert (listed["id"], listed["q"], listed["timeout"]) == (name, "type=session.update key=kiosk*", 5.0)
    assert name in await asyncio.to_thread(run, stage, "break", "list")
    await asyncio.to_thread(run, stage, "break", "remove", name)
    assert await points(stage) == 0


async def test_a_message_is_made(stage: Stage) -> None:
    async with stage.talk("made by hand") as talk:
        made = json.dumps({"type": "conversation.item.create", "item": message("made by hand")})
        told = json.loads(await asyncio.to_thread(run, stage, "inject", talk.session, "-", "--from", "client", "--json", given=made))
        assert (told["from"], told["size"]) == ("client", len(made))
        await talk.until("conversation.item.done")
    assert len(talk.sent("conversation.item.create")) == 1


async def test_what_cannot_be_is_said(stage: Stage) -> None:
    names = "write name=value with one of type, from, key, provider, model, route, session"
    wrong = {
        ("break", "remove", "bp_none"): ("VT116", "there is no breakpoint 'bp_none'"),
        ("break", "resume", "ps_none"): ("VT116", "no message is paused as 'ps_none'"),
        ("break", "drop", "ps_none"): ("VT116", "no message is paused as 'ps_none'"),
        ("break", "add", "since=2h"): ("VT105", f"a breakpoint has no times; {names}"),
        ("break", "add", "form=client"): ("VT105", f"'form=client' is no condition; {names}; * and ? fit anything"),
        ("break", "add", "from=app"): ("VT105", "from is client or server, not 'app'; the client is the app, the server the provider"),
        ("break", "add", "x", "--timeout", "61"): ("VT105", "timeout is 1 to 60 seconds, not 61.0"),
        ("inject", "ses_none", "-", "--from", "client"): ("VT103", f"no session 'ses_none' in {stage.proxy.data}"),
    }
    for words, expected in wrong.items():
        assert await asyncio.to_thread(failure, stage, *words) == expected
