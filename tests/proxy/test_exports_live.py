"""Every export of real sessions: none has a credential in it, redacted words stay so, and what was recorded comes out of it whole."""

from __future__ import annotations

import json
import re
import wave
from base64 import b64decode
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
import pytest_asyncio
from exportlog import run
from otelreceiver import receiver
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from recorded import named
from talking import Talk
from waiting import eventually

from simulator import Simulator
from simulator.audio import speak
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
PROVIDER = "sk-proj-canary-of-the-provider-0123456789abcdef"
COLLECTOR = "Bearer canary-of-the-collector-0123456789"
CARD = "4111 1111 1111 1111"
KEPT = "{content: full, frames: all, audio: wav, retention: {content: 1d, audio: 1d}}"
REST = """policies:
  - {id: cards, when: {from: client, text: [user_text], detect: [card]}, action: redact}
"""
SIM = "/v1/realtime?model=sim/gpt-realtime"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The log of a proxy that runs, with a session in which every secret was about to be kept."""
    async with Simulator(pace=0.05, require_key=PROVIDER) as simulator:
        provider = f'providers:\n  sim: {{kind: simulator, url: "http://{simulator.address}", credential: env:PROVIDER_KEY}}\n'
        folder = tmp_path_factory.mktemp("exports")
        environment = {"PROVIDER_KEY": PROVIDER, "OTEL_TOKEN": COLLECTOR}
        async with started_proxy(folder, RULES.replace("{content: full}", KEPT) + provider + REST, env=environment) as proxy:
            await talk_of(proxy)
            yield proxy.data


async def talk_of(proxy: Proxy) -> None:
    path = f"{SIM}&key={KEY}&access_token={quote(PROVIDER)}"
    async with proxy.connect(path, key=None, headers={**named("secrets"), "user-agent": f"app {KEY}"}) as socket:
        talk = Talk(socket)
        await talk.until("session.created")
        await talk.update(instructions=f"use {KEY}", audio={"input": {"turn_detection": None}})
        await talk.text(f"my card is {CARD} and my key is {KEY} or {b64encode(KEY.encode()).decode()}")
        await talk.ask()
        sound = speak("hello")
        for start in range(0, len(sound), 9_600):
            await talk.say("input_audio_buffer.append", audio=b64encode(sound[start : start + 9_600]).decode())
        await talk.say("input_audio_buffer.commit")
        await talk.ask()

    def ready() -> bool:
        found = LogReader(proxy.data).sessions()
        record = found[0] if found else {}
        frames = LogReader(proxy.data).frames(record["id"]) if found else None
        made = (record.get("recording") or {}).get("state") == "ready"
        return made and frames is not None and frames.count == record["events"]["count"] > 0

    await eventually(ready)


@pytest.fixture(scope="module")
def exported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Each export by its name."""
    folder, tables = tmp_path_factory.mktemp("out"), ("sessions", "turns", "findings", "bills", "frames")
    session = str(LogReader(data).sessions()[0]["id"])
    commands: dict[str, list[str]] = {
        "jsonl": ["jsonl", *(f"--table={table}" for table in tables)],
        **{f"{table}.csv": ["csv", "--table", table] for table in tables},
        "har": ["har", "--with-audio"],
        "html": ["html", session, "--with-audio"],
    }
    for name, words in commands.items():
        result = run(data, "export", *words, "-o", str(folder / name))
        assert result.exit_code == 0, result.output
    assert run(data, "export", "wav", session, "-o", str(folder)).exit_code == 0
    found = {name: (folder / name).read_bytes() for name in commands}
    found |= {path.name: path.read_bytes() for path in (folder / session).iterdir()}
    with receiver() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TOKEN", COLLECTOR)
        words = ["otlp", "--endpoint", collector.url, "--header", "authorization=env:OTEL_TOKEN", "--content"]
        assert run(data, "export", *words).exit_code == 0
        found["otlp"] = b"".join(collector.bodies)
    return found


def spellings(secret: str) -> set[bytes]:
    plain = secret.encode()
    return {plain, b64encode(plain), quote(secret).encode(), plain[:24], plain[-16:], plain.hex().encode()}


async def test_no_export_has_a_credential_in_it(exported: dict[str, bytes]) -> None:
    assert len(exported) >= 12
    for name, content in exported.items():
        carried = content
        for found in re.findall(rb"[A-Za-z0-9+/]{200,}={0,2}", content):
            carried += b64decode(found + b"=" * (-len(found) % 4))
        for secret in (KEY, PROVIDER, COLLECTOR):
            assert not [spelling for spelling in spellings(secret) if spelling in carried], name


async def test_redacted_words_stay_redacted(exported: dict[str, bytes]) -> None:
    for name, content in exported.items():
        assert CARD.encode() not in content, name
    assert b"[card]" in exported["jsonl"]
    assert b"[card]" in exported["har"]
    assert b"[card]" in exported["html"]
    assert b"[card]" in exported["otlp"]


async def test_real_records_fit_the_schema(exported: dict[str, bytes]) -> None:
    valid = jsonschema.Draft202012Validator(json.loads((ROOT / "data" / "export.schema.json").read_text()))
    lines: list[dict[str, Any]] = [json.loads(line) for line in exported["jsonl"].splitlines()]
    for line in lines:
        valid.validate(line)
    assert {line["record"] for line in lines} == {"export", "session", "turn", "finding", "bill", "frame"}
    (session,) = (line for line in lines if line["record"] == "session")
    assert sum(line["record"] == "frame" for line in lines) == session["events"]["count"]
    assert sum(line["record"] == "turn" for line in lines) == session["turns"] == 2


async def test_nothing_of_a_record_is_left_out(data: Path, exported: dict[str, bytes]) -> None:
    """Fields that the log has and an export lacks would go unnoticed."""
    reader = LogReader(data)
    (session,) = reader.sessions()
    rows = {"session": [session], "turn": reader.turns(session["id"]), "finding": reader.findings(), "bill": reader.billing()}
    lines = [json.loads(line) for line in exported["jsonl"].splitlines()]
    for kind, found in rows.items():
        written = next(line for line in lines if line["record"] == kind)
        assert found
        assert {name for row in found for name in row} - written.keys() == set(), kind


async def test_the_archive_has_the_sound_of_its_messages(exported: dict[str, bytes]) -> None:
    (entry,) = json.loads(exported["har"])["log"]["entries"]
    appended = [one for one in entry["_webSocketMessages"] if one["_voicetap"]["event"] == "input_audio_buffer.append"]
    assert b"".join(b64decode(json.loads(one["data"])["audio"]) for one in appended) == speak("hello")
    assert all(one["type"] == "send" for one in appended)


async def test_the_sound_is_that_of_the_session(exported: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(exported["stereo.wav"])
    with wave.open(str(tmp_path / "s.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        assert file.getnframes() > 0
    assert b64encode(exported["stereo.wav"]) in exported["html"]
