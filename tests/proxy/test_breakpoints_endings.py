"""What is paused when a session ends, too much waits or nothing is allowed any more: it never hangs, and is on record."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from breakstage import Stage
from breakstage import breaking
from breakstage import codes
from operating import Record
from policed import Policed
from proxying import OTHER_KEY
from proxying import close_of
from recorded import named
from recorded import shown
from reloading import reloaded
from talking import message
from waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEBIBYTE = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with breaking(tmp_path_factory.mktemp("breaking")) as made:
        yield made


async def pause(stage: Stage, talk: Policed, **options: float) -> Record:
    """Pause what the app says first."""
    point = await stage.operator.stop_at(f"type=conversation.item.create session={talk.session}", **options)
    await talk.text("paused")
    return await stage.operator.one(point)


def last(stage: Stage, session: str) -> tuple[str, str, str]:
    """Of the last finding about a breakpoint: action, code and outcome."""
    found = [one for one in stage.findings(session) if one["kind"] == "breakpoint"][-1]
    return found["action"], found["detail"]["code"], found["detail"]["outcome"]


async def test_what_waits_goes_on_when_the_app_closes(stage: Stage) -> None:
    async with stage.talk("closed") as talk:
        found = await pause(stage, talk)
        await talk.text("behind")
    assert [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")] == ["paused", "behind"]
    assert talk.shown.close == (1000, "", "client")
    assert last(stage, talk.session) == ("release", "session_ended", "passed")
    await stage.operator.resume(found["id"], code=409)


async def test_what_waits_goes_on_when_the_app_is_lost(stage: Stage) -> None:
    async with stage.talk("lost") as talk:
        await pause(stage, talk)
        talk.socket.transport.abort()
        await eventually(lambda: talk.sent("conversation.item.create"))
    assert talk.shown.close[0] == 1006
    assert last(stage, talk.session) == ("release", "session_ended", "passed")


async def test_nothing_that_waits_crosses_when_the_operator_ends_the_session(stage: Stage) -> None:
    async with stage.talk("killed") as talk:
        found = await pause(stage, talk)
        await talk.text("behind")
        await stage.operator.ask("POST", f"/api/sessions/{talk.session}/kill", code=202)
        assert await close_of(talk.socket) == (1008, "ended by the operator")
        await stage.operator.resume(found["id"], code=409)
    assert talk.sent("conversation.item.create") == []
    assert talk.shown.close == (1008, "ended by the operator", "proxy")
    assert last(stage, talk.session) == ("drop", "session_ended", "dropped")
    assert (await stage.operator.all())["paused"] == []


async def test_a_key_that_is_removed_ends_what_it_paused(stage: Stage) -> None:
    async with stage.proxy.connect("/v1/realtime?model=plain", key=OTHER_KEY, headers=named("revoked")) as socket:
        talk = Policed(socket)
        await talk.until("session.created")
        talk.session = await stage.session("revoked")
        await pause(stage, talk)
        narrow = next(line for line in stage.proxy.rules.read_text().splitlines() if "id: narrow" in line)
        async with reloaded(stage.proxy, narrow + "\n", ""):
            assert (await close_of(socket))[0] == 1008
    assert (await shown(stage.proxy.data, "revoked")).session["close"]["side"] == "proxy"
    assert last(stage, talk.session) == ("drop", "session_ended", "dropped")


async def test_an_edit_that_ends_the_session_ends_it(stage: Stage) -> None:
    async with stage.talk("edited to death") as talk:
        found = await pause(stage, talk)
        await talk.text("behind")
        edited = found["payload"].replace("paused", "hell and damnation")
        assert (await stage.operator.resume(found["id"], {"payload": edited}))["outcome"] == "dropped"
        assert (await close_of(talk.socket))[0] == 1008
    assert talk.sent("conversation.item.create") == []
    assert last(stage, talk.session) == ("edit", "edited", "dropped")


async def test_too_much_goes_on_at_once(stage: Stage) -> None:
    async with stage.talk("full") as talk:
        await pause(stage, talk, once=True)
        for _ in range(9):
            await talk.say("conversation.item.create", item=message("x" * MEBIBYTE))
        await eventually(lambda: len(talk.sent("conversation.item.create")) == 10)
        await talk.ask()
    assert last(stage, talk.session) == ("release", "full", "passed")
    assert [len(item["item"]["content"][0]["text"]) for item in talk.sent("conversation.item.create")] == [6, *[MEBIBYTE] * 9]
    assert talk.shown.close == (1000, "", "client")


async def test_a_message_that_is_too_large_to_wait_passes(stage: Stage) -> None:
    async with stage.talk("large") as talk:
        await stage.operator.stop_at(f"type=conversation.item.create session={talk.session}")
        await talk.say("conversation.item.create", item=message("x" * 9 * MEBIBYTE))
        await eventually(lambda: talk.sent("conversation.item.create"))
    assert codes(talk.findings) == [("release", "too_large")]


async def test_a_paused_session_is_not_idle_and_answers_pings(stage: Stage) -> None:
    async with stage.talk("patient") as talk:
        found = await pause(stage, talk)
        async with reloaded(stage.proxy, "limits: {idle: 15m}", "limits: {idle: 1s}"):
            for _ in range(4):
                await asyncio.wait_for(await talk.socket.ping(), 20)
                await asyncio.sleep(0.5)  # longer than the limit, in all
        await stage.operator.resume(found["id"])
        await talk.until("conversation.item.done")
    assert talk.shown.close[1] != "idle for 1 s"


async def test_rules_that_allow_none_let_go_what_is_paused(stage: Stage) -> None:
    async with stage.talk("allowed no more") as talk:
        found = await pause(stage, talk)
        async with reloaded(stage.proxy, "breakpoints: true", "breakpoints: false"):
            await talk.until("conversation.item.done")
            for method, path in (
                ("GET", "/api/breakpoints"),
                ("POST", "/api/breakpoints"),
                ("DELETE", f"/api/breakpoints/{found['breakpoint']}"),
                ("GET", f"/api/paused/{found['id']}"),
                ("POST", f"/api/paused/{found['id']}/resume"),
                ("POST", f"/api/paused/{found['id']}/drop"),
                ("POST", f"/api/sessions/{talk.session}/inject"),
            ):
                assert (await stage.operator.ask(method, path, code=403))["error"]["code"] == "breakpoints_off"
        assert (await stage.operator.all()) == {"breakpoints": [], "paused": []}
    assert last(stage, talk.session) == ("release", "removed", "passed")


async def test_the_proxy_stops_at_once_with_something_paused(tmp_path: Path) -> None:
    async with breaking(tmp_path) as own:
        async with own.proxy.connect("/v1/realtime?model=plain", headers=named("stopped")) as socket:
            talk = Policed(socket)
            await talk.until("session.created")
            talk.session = await own.session("stopped")
            await pause(own, talk)
            own.proxy.process.send_signal(signal.SIGTERM)
            assert await close_of(socket) == (1001, "the proxy is shutting down")
        assert await own.proxy.stop() == 0
        assert (await shown(own.proxy.data, "stopped")).close == (1001, "the proxy is shutting down", "proxy")
        assert last(own, talk.session) == ("drop", "session_ended", "dropped")
