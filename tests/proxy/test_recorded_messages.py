"""`log.frames` in the running program: what is on record is what crossed, without what must not be, until it is erased."""

from __future__ import annotations

import json
import os
import signal
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import command
from proxying import started_proxy
from rawsocket import BINARY
from rawsocket import CLOSE
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import close
from rawsocket import raw_upstream
from recorded import ended
from recorded import named
from reloading import reloaded
from talking import Talk
from waiting import eventually

from simulator import Simulator
from store.framereader import Frames
from store.frames import Event
from store.frames import row
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
RAW = "/v1/realtime?model=raw/hostile"
CARD = "4111 1111 1111 1111"
MAIL = "bob@example.com"
LOG = "{content: full, frames: all}"
REDACTED = "{content: redacted, frames: events}"
POLICIES = """policies:
  - {id: cards, when: {text: [user_text], detect: [card]}, action: redact}
  - {id: mails, when: {detect: [email]}, action: tag, tag: mail}
  - {id: never, when: {from: client, text: [user_text], regex: "forbidden fruit"}, action: block}
"""
LARGE = json.dumps({"type": "note", "text": "words, " * 2_200_000})
STRANGE = (b'{"type":"\\ud800","a":"\\udfff","a":NaN}', b"no JSON at all \xf0\x9f\x98\x80", LARGE.encode())


async def hostile(connection: RawSocket) -> None:
    """A provider that says strange things."""
    await accept(connection)
    for payload in STRANGE:
        await connection.send(TEXT, payload)
    await connection.send(BINARY, b"\x00\xff" * 50)
    await connection.send(CLOSE, close(1000, "enough"))
    await connection.read_close()


class Stage:
    def __init__(self, proxy: Proxy, simulator: Simulator) -> None:
        self.proxy = proxy
        self.simulator = simulator

    async def frames(self, name: str) -> tuple[dict[str, Any], Frames]:
        """The record of a session that is over, and its messages once all of them are written."""
        record = await ended(self.proxy.data, name)

        def found() -> Frames | None:
            frames = LogReader(self.proxy.data).frames(record["id"])
            return frames if frames is not None and frames.count >= record["events"]["count"] else None

        return record, await eventually(found)

    async def events(self, name: str) -> list[Event]:
        return list((await self.frames(name))[1].events())

    async def api(self, path: str) -> tuple[int, Any]:
        async with httpx.AsyncClient(base_url=f"http://{self.proxy.control}", trust_env=False) as client:
            found = await client.get(path, headers={"authorization": f"Bearer {self.proxy.token}"})
        return found.status_code, found.json()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with Simulator(pace=0) as simulator, raw_upstream({"hostile": hostile}) as raw:
        providers = f'  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n  raw: {{kind: openai, url: "http://{raw.address}"}}\n'
        rules = RULES.replace("{content: full}", LOG) + f"providers:\n{providers}{POLICIES}"
        async with started_proxy(tmp_path_factory.mktemp("recorded"), rules) as proxy:
            yield Stage(proxy, simulator)


async def conversation(stage: Stage, name: str) -> tuple[list[str], list[str]]:
    """Some words, some sound and an answer; what the provider got and what the app got."""
    heard: list[str] = []
    async with stage.proxy.connect(SIM, headers=named(name)) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.update(audio={"input": {"turn_detection": None}})
        for words in ("Good morning", f"{MAIL} has {CARD}", "forbidden fruit"):
            await talk.text(words)
        await talk.voice("hello", kind="input_audio_buffer.append")
        await socket.send(b"\x00\x01 sound")
        await talk.ask()
        heard = [json.dumps(event) for event in talk.heard]
    sent = [message if isinstance(message, str) else message.hex() for message in stage.simulator.connections[-1].messages]
    return sent, heard


def kept(events: list[Event], side: str) -> list[str]:
    """What one side got, by the record."""
    sent = [event for event in events if event.from_ == side and event.outcome != "dropped"]
    return [event.payload if event.payload is not None else b64decode(event.data or "").hex() for event in sent]


async def test_what_is_on_record_is_what_crossed(stage: Stage) -> None:
    sent, heard = await conversation(stage, "full")
    events = await stage.events("full")
    assert kept(events, "client") == sent
    assert [json.loads(payload) for payload in kept(events, "server")] == [json.loads(payload) for payload in heard]
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert all(0 <= event.at < 60_000_000 for event in events)
    assert {event.turn for event in events if event.type.startswith("response.")} == {1, None}
    assert [event.turn for event in events if event.type == "response.done"] == [1]


async def test_sound_is_left_out_where_a_policy_can_stop_its_words(stage: Stage) -> None:
    async with reloaded(stage.proxy, "{text: [user_text], detect: [card]}", "{detect: [card]}"):
        sent, _ = await conversation(stage, "soundless")
    record, frames = await stage.frames("soundless")
    events = list(frames.events())
    assert record["events"]["keeps"] == "events"
    sounding = [event for event in events if event.elided]
    assert {event.type for event in sounding} >= {"input_audio_buffer.append", "response.output_audio.delta"}
    assert [json.loads(payload)["audio"] for payload in kept(events, "client") if "input_audio_buffer.append" in payload] == [""] * sum(
        "input_audio_buffer.append" in message for message in sent
    )


async def test_findings_stand_at_their_messages(stage: Stage) -> None:
    await conversation(stage, "found")
    record, frames = await stage.frames("found")
    found = {finding.id: (finding.policy, finding.action, event) for event in frames.events() for finding in event.findings}
    logged = LogReader(stage.proxy.data).findings(session_id=record["id"], limit=None)
    assert {finding["id"] for finding in logged} == found.keys()
    marks = {(policy, action, event.outcome) for policy, action, event in found.values()}
    assert marks >= {("cards", "redact", "changed"), ("mails", "tag", "changed"), ("never", "block", "dropped")}
    [stopped] = [event for event in frames.events() if event.outcome == "dropped"]
    assert "forbidden fruit" in (stopped.payload or "")
    [told] = [event for event in frames.events() if event.outcome == "told"]
    assert (told.from_, told.by, told.type) == ("server", "proxy", "error")
    shown = " ".join(event.payload or "" for event in frames.events())
    assert CARD not in shown
    assert "has [card]" in shown
    assert MAIL in shown


async def test_redacted_content_has_nothing_that_a_policy_found(stage: Stage) -> None:
    async with reloaded(stage.proxy, LOG, REDACTED):
        sent, _ = await conversation(stage, "redacted")
        record, frames = await stage.frames("redacted")
    assert record["events"] == {"keeps": "events", "count": frames.count, "lost": 0, "cut": None}
    text = json.dumps([row(event) for event in frames.events()])
    assert not any(secret in text for secret in (CARD, MAIL, "forbidden fruit", "4111"))
    assert "[email] has [card]" in text
    assert "Good morning" in text
    sound = [event for event in frames.events() if event.type == "input_audio_buffer.append"]
    assert len(sound) > 5
    assert {(event.payload and json.loads(event.payload)["audio"], event.elided[0].format) for event in sound} == {("", "pcm16/24000")}
    assert [event.size for event in sound] == [len(message) for message in sent if "input_audio_buffer.append" in message]
    [bare] = [event for event in frames.events() if event.opcode == "binary"]
    assert (bare.payload, bare.data, bare.size, bare.elided[0].size) == (None, None, 8, 8)


async def test_metadata_alone_and_nothing_at_all(stage: Stage) -> None:
    async with reloaded(stage.proxy, LOG, "{content: metadata, frames: all}"):
        await conversation(stage, "bare")
        events = await stage.events("bare")
    assert len(events) > 20
    assert [event for event in events if event.payload is not None or event.data is not None] == []
    async with reloaded(stage.proxy, LOG, "{content: full, frames: off}"):
        await conversation(stage, "off")
    record = await ended(stage.proxy.data, "off")
    assert record["events"] is None
    status, answer = await stage.api(f"/api/sessions/{record['id']}/events")
    assert (status, answer["error"]["code"]) == (404, "no_events")
    said = await command("check", "--replay", record["id"], str(stage.proxy.rules), "--data", str(stage.proxy.data), code=1)
    assert said == ""


async def test_turning_it_off_ends_recordings_that_run(stage: Stage) -> None:
    async with stage.proxy.connect(SIM, headers=named("switched")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.text("before")
        await talk.until("conversation.item.done")
        async with reloaded(stage.proxy, LOG, "{content: full, frames: off}"):
            await talk.text("while it is off")
            await talk.until("conversation.item.done")
        await talk.text("after")
        await talk.until("conversation.item.done")
    record, frames = await stage.frames("switched")
    assert record["events"]["cut"] == "rules"
    text = json.dumps([row(event) for event in frames.events()])
    assert "before" in text
    assert "while it is off" not in text


async def test_hostile_messages_are_on_record_as_they_came(stage: Stage) -> None:
    async with reloaded(stage.proxy, POLICIES, "policies: []\n"):
        async with stage.proxy.connect(RAW, headers=named("hostile")) as socket:
            got = [await socket.recv() for _ in range(4)]
        events = await stage.events("hostile")
    assert [event.payload for event in events] == [*(payload.decode() for payload in STRANGE), None]
    assert [event.data and b64decode(event.data) for event in events] == [None, None, None, b"\x00\xff" * 50]
    assert [event.size for event in events] == [len(message.encode() if isinstance(message, str) else message) for message in got]


async def test_the_control_port_has_them_page_by_page(stage: Stage) -> None:
    await conversation(stage, "paged")
    record, frames = await stage.frames("paged")
    path = f"/api/sessions/{record['id']}/events"
    status, first = await stage.api(f"{path}?limit=10")
    assert status == 200
    assert (first["has_more"], first["limit"], first["offset"], first["order"], first["unreadable"]) == (True, 10, 0, "asc", 0)
    assert first["recorded"]["count"] == frames.count
    assert first["events"] == [row(event) for event in list(frames.events())[:10]]
    _, last = await stage.api(f"{path}?order=desc&limit=3")
    assert [event["n"] for event in last["events"]] == [frames.count, frames.count - 1, frames.count - 2]
    _, sounds = await stage.api(f"{path}?type=input_audio_buffer.*&from=client&limit=500&offset=1")
    assert {(event["type"], event["from"]) for event in sounds["events"]} == {("input_audio_buffer.append", "client")}
    for query, word in (("limit=0", "limit"), ("from=me", "from"), ("kind=x", "kind"), ("order=up", "order")):
        status, answer = await stage.api(f"{path}?{query}")
        assert (status, word in answer["error"]["message"]) == (400, True)
    assert (await stage.api("/api/sessions/nobody/events"))[0] == 404


async def test_a_live_session_can_be_read_and_erased(stage: Stage) -> None:
    async with stage.proxy.connect(SIM, headers=named("erased")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.text("marmalade")
        await talk.until("conversation.item.done")
        found = await eventually(lambda: next((one for one in LogReader(stage.proxy.data).sessions() if one["grouping"] == "erased"), None))
        path = f"/api/sessions/{found['id']}/events"

        async def recorded() -> bool:
            return "marmalade" in json.dumps((await stage.api(path))[1])

        await eventually(recorded)
        await command("erase", "--session", found["id"], "--yes", "--data", str(stage.proxy.data))
        await talk.text("more marmalade")
        await talk.until("conversation.item.done")
    record = await ended(stage.proxy.data, "erased")
    assert record["events"]["cut"] == "erased"
    status, answer = await stage.api(path)
    assert (status, answer["events"]) == (200, []) or (status, answer["error"]["code"]) == (404, "no_events")
    assert list(stage.proxy.data.rglob(f"{record['id']}.frames")) == []
    await command("verify", "--data", str(stage.proxy.data))


async def test_files_are_private(stage: Stage) -> None:
    await conversation(stage, "private")
    files = list(stage.proxy.data.rglob("*.frames"))
    assert files
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert not any(b"Good morning" in path.read_bytes() for path in files)


async def test_a_killed_proxy_leaves_what_it_had_written(tmp_path: Path, stage: Stage) -> None:
    rules = RULES.replace("{content: full}", LOG) + f'providers:\n  sim: {{kind: simulator, url: "http://{stage.simulator.address}"}}\n'
    async with started_proxy(tmp_path, rules) as proxy:
        async with proxy.connect(SIM, headers=named("killed")) as socket:
            talk = Talk(socket)
            await talk.until("session.created")
            await talk.text("before the end")
            await talk.until("conversation.item.done")

            def written() -> Frames | None:
                reader = LogReader(proxy.data)
                kept = (reader.frames(record["id"]) for record in reader.sessions())
                return next((frames for frames in kept if frames is not None and frames.count >= 4), None)

            before = await eventually(written)
            os.kill(proxy.process.pid, signal.SIGKILL)
            await proxy.process.wait()
        after = LogReader(proxy.data).frames(LogReader(proxy.data).sessions()[0]["id"])
    assert after is not None
    assert [event.payload for event in after.events()][: before.count] == [event.payload for event in before.events()]
    assert after.unreadable == 0


async def test_what_a_script_does_is_on_record_as_its_doing(tmp_path: Path, stage: Stage) -> None:
    provider = f'providers:\n  sim: {{kind: simulator, url: "http://{stage.simulator.address}"}}\n'
    rules = RULES.replace("{content: full}", LOG) + provider
    script = ROOT / "docs" / "examples" / "steer.py"
    async with started_proxy(tmp_path, rules, words=("--script", str(script))) as proxy:
        async with proxy.connect(SIM, headers=named("steered")) as socket:
            talk = Talk(socket)
            await talk.update(instructions="You run a book shop.")
            await talk.until("response.done")
            await talk.say("input_audio_buffer.clear")
            await talk.text("Thanks, goodbye!")
            assert await close_of(socket) == (1008, "killed by a script")
        events = await Stage(proxy, stage.simulator).events("steered")
    done = [(event.type, event.by, event.outcome) for event in events if event.from_ == "client"]
    assert done == [
        ("session.update", "script", "changed"),
        ("response.create", "script", "added"),
        ("input_audio_buffer.clear", "side", "dropped"),
        ("conversation.item.create", "side", "dropped"),
    ]
    assert events[-2].outcome == "told"
