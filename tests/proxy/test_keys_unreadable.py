"""The file of the keys cannot be read for a while: nobody new comes in, nobody stays whom nothing could end, and then all is well again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from proxying import RULES
from proxying import StartProxy
from proxying import close_of
from proxying import command
from reloading import reloaded
from reloading import said
from talking import Talk
from waiting import eventually
from websockets.exceptions import InvalidStatus

PROVIDER = "providers: {sim: {kind: simulator}}\n"
PATH = "/v1/realtime?model=sim/gpt-realtime"


def hide(data: Path) -> None:
    """What stands in the place of the file is no file."""
    (data / "state.jsonl").rename(data / "elsewhere")
    (data / "state.jsonl").mkdir()


def show(data: Path) -> None:
    (data / "state.jsonl").rmdir()
    (data / "elsewhere").rename(data / "state.jsonl")


async def test_keys_that_cannot_be_read(start_proxy: StartProxy) -> None:
    proxy = await start_proxy(PROVIDER, rules=RULES)
    key = (await command("keys", "new", "made", "--data", str(proxy.data), "--rules", str(proxy.rules))).strip()
    async with proxy.connect(PATH, key=key) as socket:
        await Talk(socket).until("session.created")
        hide(proxy.data)
        assert await close_of(socket) == (1011, "the keys cannot be read")
    with pytest.raises(InvalidStatus) as refused:
        await proxy.connect(PATH, key=key)
    assert refused.value.response.status_code == 503
    assert json.loads(refused.value.response.body)["error"]["code"] == "keys_unavailable"
    show(proxy.data)
    await said(proxy, "the keys can be read again")
    async with proxy.connect(PATH, key=key) as socket:
        await Talk(socket).until("session.created")
        await command("keys", "revoke", "made", "--data", str(proxy.data), "--rules", str(proxy.rules))
        assert await close_of(socket) == (1008, "key revoked")


async def test_where_faults_pass_sessions_stay(start_proxy: StartProxy) -> None:
    proxy = await start_proxy(f"{PROVIDER}on_error: pass\n", rules=RULES)
    key = (await command("keys", "new", "made", "--data", str(proxy.data), "--rules", str(proxy.rules))).strip()
    async with proxy.connect(PATH, key=key) as socket:
        await Talk(socket).until("session.created")
        hide(proxy.data)
        await said(proxy, "the keys cannot be read, so that none can be revoked")
        reloads = len(proxy.output)
        proxy.rules.write_text(proxy.rules.read_text() + "\n")
        await said(proxy, "rules generation 1 stays active", reloads)
        show(proxy.data)
        await said(proxy, "the keys can be read again")
        async with reloaded(proxy, "on_error: pass", "on_error: block"):
            await command("keys", "revoke", "made", "--data", str(proxy.data), "--rules", str(proxy.rules))
            assert await close_of(socket) == (1008, "key revoked")
    await eventually(lambda: not [line for line in proxy.output if "the session watch failed" in line])
