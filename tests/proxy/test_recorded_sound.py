"""Sound recorded by the real program: every sample that was sent and heard, at its place, through crashes and full disks."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import time
from array import array
from base64 import b64decode
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from proxying import RULES
from proxying import Proxy
from proxying import command
from proxying import started_proxy
from recorded import named
from reloading import reload
from reloading import reloaded
from reloading import said
from soundtools import Recorded
from soundtools import tone
from soundtools import wav
from talking import Talk
from websockets.asyncio.client import ClientConnection

from realtime.audio import AudioFormat
from realtime.g711 import LAWS
from simulator import Simulator
from simulator.audio import silence
from simulator.audio import speak
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
WAV = RULES.replace("{content: full}", "{content: full, audio: wav, retention: {audio: 1d, content: 1d}}") + "on_error: pass\n"
MANUAL = {"audio": {"input": {"turn_detection": None}}}
SMALL = """
from addons import sounds

sounds.LIMIT_BYTES = 100_000
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(pace=0.05) as running:
        yield running


def rules(simulator: Simulator, text: str = WAV) -> str:
    return f'{text}providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}"}}\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> AsyncIterator[Proxy]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("sound"), rules(simulator)))


async def kept(data: Path, name: str, *states: str) -> tuple[dict[str, Any], Path]:
    """The session of this name once its recording is in one of these states, and the folder of its sound."""
    reader, deadline, found = LogReader(data), time.monotonic() + 20, []
    while time.monotonic() < deadline:
        found = [session for session in reader.sessions() if session["grouping"] == name]
        if found and (found[0].get("recording") or {}).get("state") in (states or ("ready",)):
            return found[0], data / found[0]["recording"]["folder"]
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} is not as wanted: {found}")


def heard_by(talk: Talk, response: str | None = None) -> bytes:
    """All audio that the client was sent."""
    deltas = [event for event in talk.all("response.output_audio.delta") if response in (None, event["response_id"])]
    return b"".join(b64decode(event["delta"]) for event in deltas)


async def say(talk: Talk, sound: bytes, chunk: int = 4_800) -> None:
    for start in range(0, len(sound), chunk):
        await talk.say("input_audio_buffer.append", audio=b64encode(sound[start : start + chunk]).decode())


async def spoken_turn(talk: Talk, sound: bytes) -> None:
    """One turn by hand."""
    await say(talk, sound)
    await talk.say("input_audio_buffer.commit")
    await talk.until("input_audio_buffer.committed")
    await talk.ask()


async def greeted(socket: ClientConnection, **session: Any) -> Talk:
    talk = Talk(socket)
    await talk.until("session.created")
    if session:
        await talk.update(**session)
    return talk


def samples(data: bytes) -> array[int]:
    return array("h", data)


async def test_a_conversation_sample_by_sample(proxy: Proxy) -> None:
    question = tone(440, 1.0).tobytes()
    async with proxy.connect(SIM, headers=named("whole")) as socket:
        talk = await greeted(socket, **MANUAL)
        await asyncio.sleep(1.5)
        await spoken_turn(talk, question)
        live = (await kept(proxy.data, "whole", "recording"))[0]
        assert live["ended_at"] is None
        await spoken_turn(talk, question)
    session, folder = await kept(proxy.data, "whole")
    answers = [heard_by(talk, event["response"]["id"]) for event in talk.all("response.done")]
    assert session["recording"]["turns"] == [1, 2]
    assert wav(folder / "1-user.wav").samples.tobytes() == question
    assert [wav(folder / f"{turn}-model.wav").samples.tobytes() for turn in (1, 2)] == answers
    stereo = wav(folder / "stereo.wav")
    begin, end = stereo.sounding(0)
    spans = json.loads((folder / "peaks.json").read_text())["turns"]
    assert (begin, end - begin) == pytest.approx((spans[0]["user"][0], spans[1]["user"][1] - spans[0]["user"][0]), abs=0.01)
    assert spans[0]["user"][1] >= 1.5
    assert stereo.pitch(0, spans[0]["user"][0] + 0.1, spans[0]["user"][1] - 0.1) == pytest.approx(440, rel=0.02)
    for span, answer in zip(spans, answers, strict=True):
        assert span["model"][0] >= span["user"][1]
        assert stereo.part(1, *span["model"]).tobytes() == answer
    printed = await command("show", session["id"], "--data", str(proxy.data))
    assert f"{session['recording']['seconds']:.1f} s in {session['recording']['stereo']}, turns 1, 2" in printed


async def test_the_control_port_serves_it_in_parts(proxy: Proxy) -> None:
    session, folder = await kept(proxy.data, "whole")
    whole = (folder / "stereo.wav").read_bytes()
    base = f"http://{proxy.control}/api/sessions/{session['id']}"
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {proxy.token}"}, trust_env=False) as client:
        found = await client.get(f"{base}/audio.wav")
        assert (found.status_code, found.content) == (200, whole)
        assert (found.headers["content-type"], found.headers["accept-ranges"]) == ("audio/wav", "bytes")
        part = await client.get(f"{base}/audio.wav", headers={"range": "bytes=44-1043"})
        assert (part.status_code, part.content) == (206, whole[44:1044])
        assert part.headers["content-range"] == f"bytes 44-1043/{len(whole)}"
        assert (await client.get(f"{base}/audio/1/user.wav")).content == (folder / "1-user.wav").read_bytes()
        assert (await client.get(f"{base}/audio/2/model.wav")).content == (folder / "2-model.wav").read_bytes()
        assert (await client.get(f"{base}/peaks.json")).json()["seconds"] == session["recording"]["seconds"]
        missing = await client.get(f"{base}/audio/9/user.wav")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_audio")
        assert "turn 9 has no sound of its own; those with sound: 1, 2" in missing.json()["error"]["message"]
        assert (await client.get(f"{base}/audio.wav", headers={"authorization": ""})).status_code == 401


async def test_g711_both_ways(proxy: Proxy) -> None:
    ulaw = {"format": {"type": "audio/pcmu"}}
    codes = speak("Hello, can you hear me?", AudioFormat("pcmu", 8_000)) + silence(100, AudioFormat("pcmu", 8_000))
    async with proxy.connect(SIM, headers=named("g711")) as socket:
        talk = await greeted(socket, audio={"input": {"turn_detection": None, **ulaw}, "output": ulaw})
        await say(talk, codes, 800)
        await talk.say("input_audio_buffer.commit")
        await talk.ask()
    _, folder = await kept(proxy.data, "g711")
    assert wav(folder / "1-user.wav") == Recorded(8_000, [samples(LAWS["pcmu"].decode(codes))])
    assert wav(folder / "1-model.wav") == Recorded(8_000, [samples(LAWS["pcmu"].decode(heard_by(talk)))])
    assert wav(folder / "stereo.wav").rate == 8_000


async def test_barge_in_is_cut_where_the_client_truncated(proxy: Proxy) -> None:
    async with proxy.connect(SIM, headers=named("barge")) as socket:
        talk = await greeted(socket)
        await talk.text("Please tell me a story")
        await talk.say("response.create")
        await talk.until("response.output_audio.delta", 6)
        await say(talk, speak("Stop, that is enough now, thank you"))
        await talk.until("input_audio_buffer.speech_started")
        done = await talk.done()
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        item = done["output"][0]["id"]
        await talk.say("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=333)
        await talk.until("conversation.item.truncated")
    session, folder = await kept(proxy.data, "barge")
    sent = heard_by(talk, done["id"])
    assert len(sent) > 48 * 333
    assert wav(folder / "1-model.wav").samples.tobytes() == sent[: 48 * 333]
    (turn,) = json.loads((folder / "peaks.json").read_text())["turns"][:1]
    assert turn["cut"] is True
    stereo = wav(folder / "stereo.wav")
    assert stereo.loudness(1, turn["model"][1], session["recording"]["seconds"]) == 0


async def test_sessions_at_the_same_time_are_kept_apart(proxy: Proxy) -> None:
    async def one(name: str, hertz: float) -> tuple[str, bytes, bytes]:
        sound = tone(hertz, 1.0).tobytes()
        async with proxy.connect(SIM, headers=named(name)) as socket:
            talk = await greeted(socket, **MANUAL)
            for start in range(0, len(sound), 9_600):
                await say(talk, sound[start : start + 9_600])
                await asyncio.sleep(0.01)
            await talk.say("input_audio_buffer.commit")
            await talk.ask()
            return name, sound, heard_by(talk)

    for name, sound, answer in await asyncio.gather(one("first", 440), one("second", 660), one("third", 880)):
        _, folder = await kept(proxy.data, name)
        assert wav(folder / "1-user.wav").samples.tobytes() == sound
        assert wav(folder / "1-model.wav").samples.tobytes() == answer


async def test_translation_has_no_turns_but_both_sides(proxy: Proxy) -> None:
    sound = speak("Where is the station?") + silence(800)
    path = "/v1/realtime/translations?model=sim/gpt-realtime-translate"
    async with proxy.connect(path, headers=named("translation")) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        for start in range(0, len(sound), 4_800):
            await talk.say("session.input_audio_buffer.append", audio=b64encode(sound[start : start + 4_800]).decode())
        await talk.until("session.output_audio.delta", 3)
    session, folder = await kept(proxy.data, "translation")
    spoken = b"".join(b64decode(event["delta"]) for event in talk.all("session.output_audio.delta"))
    stereo = wav(folder / "stereo.wav")
    assert session["recording"]["turns"] == []
    assert sound in stereo.channels[0].tobytes()
    assert spoken in stereo.channels[1].tobytes()


async def test_a_full_disk_ends_the_recording_and_not_the_session(proxy: Proxy) -> None:
    before = len(proxy.output)
    pid, (soft, hard) = proxy.process.pid, resource.prlimit(proxy.process.pid, resource.RLIMIT_FSIZE)
    sound = tone(440, 2.0).tobytes()
    async with proxy.connect(SIM, headers=named("full")) as socket:
        talk = await greeted(socket, **MANUAL)
        await spoken_turn(talk, sound)
        await asyncio.sleep(0.7)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        try:
            await spoken_turn(talk, sound)
            line = await said(proxy, "the sound in audio/.* is not recorded any more", before)
            assert os.strerror(27) in line
            assert (await talk.ask())["status"] == "completed"
        finally:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        await said(proxy, "the log can be written again", before)
        await talk.ask()
    session, folder = await kept(proxy.data, "full")
    assert session["close"]["code"] == 1000
    assert session["recording"]["failed"] == os.strerror(27)
    assert wav(folder / "1-user.wav").samples.tobytes() == sound
    assert "not complete" in await command("show", session["id"], "--data", str(proxy.data))


async def test_switched_off_while_it_runs_ends_it(proxy: Proxy) -> None:
    async with proxy.connect(SIM, headers=named("switched")) as socket:
        talk = await greeted(socket, **MANUAL)
        await say(talk, tone(440, 0.5).tobytes())
        await asyncio.sleep(0.2)
        async with reloaded(proxy, "audio: wav", "audio: off"):
            await asyncio.sleep(0.8)
            await say(talk, tone(880, 0.5).tobytes())
            async with proxy.connect(SIM, headers=named("unheard")) as other:
                await greeted(other)
        await say(talk, tone(880, 0.5).tobytes())
    session, folder = await kept(proxy.data, "switched")
    assert session["recording"]["truncated"] is True
    assert wav(folder / "stereo.wav").sounding(0)[1] <= session["recording"]["seconds"] <= 0.5 + 0.3
    unheard = next(session for session in LogReader(proxy.data).sessions() if session["grouping"] == "unheard")
    assert unheard["recording"] is None


def children_of(proxy: Proxy) -> str:
    """The ids of the processes that the proxy has started."""
    return Path(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children").read_text()


async def test_off_nothing_is_made_and_on_a_shutdown_loses_nothing(tmp_path: Path, simulator: Simulator) -> None:
    question = tone(440, 1.0).tobytes()
    async with started_proxy(tmp_path, rules(simulator, RULES)) as proxy:
        async with proxy.connect(SIM, headers=named("off")) as socket:
            await spoken_turn(await greeted(socket, **MANUAL), question)
        session = await proxy.session()
        assert session["recording"] is None
        assert not (proxy.data / "audio").exists()
        assert children_of(proxy) == ""
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {proxy.token}"}, trust_env=False) as client:
            found = await client.get(f"http://{proxy.control}/api/sessions/{session['id']}/audio.wav")
        assert (found.status_code, found.json()["error"]["code"]) == (404, "no_audio")
        assert "log.audio" in found.json()["error"]["message"]
        await reload(proxy, rules(simulator))
        async with proxy.connect(SIM, headers=named("stopped")) as socket:
            await spoken_turn(await greeted(socket, **MANUAL), question)
            assert await proxy.stop() == 0
        session, folder = await kept(proxy.data, "stopped")
        assert session["close"]["code"] == 1001
        assert wav(folder / "1-user.wav").samples.tobytes() == question


async def test_a_killed_proxy_is_finished_by_the_next_one_and_old_sound_goes(tmp_path: Path, simulator: Simulator) -> None:
    question = tone(440, 1.0).tobytes()
    script = tmp_path / "small.py"
    script.write_text(SMALL)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(started_proxy(tmp_path, rules(simulator)))
        socket = await stack.enter_async_context(proxy.connect(SIM, headers=named("killed")))
        talk = await greeted(socket, **MANUAL)
        await spoken_turn(talk, question)
        await asyncio.sleep(0.8)
        await proxy.stop(signal.SIGKILL)
    old = proxy.data / "audio" / "2026-01-01" / "ses_old"
    old.mkdir(parents=True)
    (old / "stereo.wav").write_bytes(b"RIFF")
    os.utime(old / "stereo.wav", (1_000_000, 1_000_000))
    async with started_proxy(tmp_path, rules(simulator), words=("--script", str(script))) as proxy:
        session, folder = await kept(proxy.data, "killed")
        assert session["close"]["code"] == 1006
        assert wav(folder / "1-user.wav").samples.tobytes() == question
        assert wav(folder / "1-model.wav").samples.tobytes() == heard_by(talk)
        await said(proxy, "log.retention: removed .* the sound of 1,")
        assert not old.parent.exists()
        async with proxy.connect(SIM, headers=named("bounded")) as socket:
            await say(await greeted(socket, **MANUAL), tone(440, 3.0).tobytes())
        session, folder = await kept(proxy.data, "bounded")
        assert (session["recording"]["truncated"], session["recording"]["seconds"]) == (True, 2.0)
        assert "cut short" in await command("show", session["id"], "--data", str(proxy.data))
        assert await proxy.stop() == 0
    assert [path.name for path in proxy.data.rglob("*.spool")] == []
    assert [path.name for path in proxy.data.rglob("*.part")] == []
