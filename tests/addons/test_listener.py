"""What is gathered of a session: whole conversations of every dialect, formats, turns, limits. Files are real."""

from __future__ import annotations

import json
from base64 import b64decode
from base64 import b64encode
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from soundtools import tone
from soundtools import wav

from addons.listener import Listener
from realtime.delay import Delay
from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.g711 import LAWS
from realtime.pin import ModelPin
from realtime.prices import PriceBook
from realtime.session import Client
from realtime.session import Session
from store import soundmaker
from store.soundfolder import relative
from store.spool import MODEL
from store.spool import USER
from store.spool import Spool
from store.spool import SpoolWriter
from store.spool import read

ROOT = Path(__file__).parents[2]
CASSETTES = sorted(ROOT.joinpath("simulator/cassettes").glob("*.jsonl"))
FOLDER = relative("2026-11-21T10:00:00.000Z", "ses_1")
OPENED = 100.0


class Recorded:
    """A session that is listened to; `close` ends it and makes the products."""

    def __init__(self, data: Path, dialect: str = "openai", limit: int = 1 << 30) -> None:
        self.data = data
        self.session = Session(
            id="ses_1",
            door="gateway",
            principal="tester",
            route=None,
            provider="openai",
            kind="openai",
            model=None,
            upstream_model=None,
            upstream_host="api.openai.com",
            family="realtime",
            dialect=make(dialect),
            pin=ModelPin("openai", lambda model: True, lambda model: (model, model), False, False, None, OPENED),
            opened=OPENED,
            offset=1_000_000.0,
            text_limit=1_024,
            prices=PriceBook(now=lambda: datetime(2026, 11, 21, tzinfo=UTC)),
            aliases={},
            grouping=None,
            client=Client("127.0.0.1", "test", None, "/v1/realtime"),
        )
        self.writer = SpoolWriter()
        self.listener = Listener(self.session, Spool(data, FOLDER), self.writer, limit)
        self.session.listener = self.listener
        self.at = 0.0

    def message(self, from_client: bool, event: dict[str, Any] | bytes, after: float = 0.05, *, text: bool = True) -> None:
        self.at += after
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.session.observe(Frame(from_client, payload, text=text, at=OPENED + self.at))

    def client(self, kind: str, after: float = 0.05, **fields: Any) -> None:
        self.message(True, {"type": kind, **fields}, after)

    def server(self, kind: str, after: float = 0.05, **fields: Any) -> None:
        self.message(False, {"type": kind, **fields}, after)

    def speak(self, sound: bytes, chunk: int = 4_800) -> None:
        for start in range(0, len(sound), chunk):
            self.client("input_audio_buffer.append", 0.1, audio=b64encode(sound[start : start + chunk]).decode())

    def answer(self, sound: bytes, response: str = "r1", item: str = "i1") -> None:
        for start in range(0, len(sound), 4_800):
            delta = b64encode(sound[start : start + 4_800]).decode()
            self.server("response.output_audio.delta", 0.01, response_id=response, item_id=item, delta=delta)

    def close(self) -> dict[str, Any]:
        self.session.end(None, OPENED + self.at, Delay())
        self.listener.hand_over()
        self.writer.stop()
        return soundmaker.make(self.data, FOLDER)

    def product(self, name: str) -> bytes:
        return wav(self.data / FOLDER / name).samples.tobytes()


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_all_sound_of_every_dialect_is_gathered(path: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    messages = [(line, _payload(line)) for line in lines if "event" in line or "bytes" in line]
    first = next(payload for line, payload in messages if line["from"] == "server")
    recorded = Recorded(tmp_path, detect(Frame(False, first)) or "openai")
    for line, payload in messages:
        recorded.message(line["from"] == "client", payload, text="event" in line and not line.get("binary"))
    recording = recorded.close()
    audio = recorded.session.audio
    gathered = {USER: 0, MODEL: 0}
    for entry, data in read(tmp_path / FOLDER / "sound.spool"):
        if entry.kind in gathered:
            gathered[entry.kind] += len(b64decode(data) if entry.base64 else data)
    assert gathered == {USER: audio.bytes_in, MODEL: audio.bytes_out}
    assert recording["state"] == ("ready" if audio.bytes_in + audio.bytes_out else "empty")
    assert (recording["failed"], recording["truncated"], recording["skipped"]) == (None, False, [])
    if audio.bytes_in:
        stereo = wav(tmp_path / FOLDER / "stereo.wav")
        sounding = sum(value != 0 for value in stereo.channels[0])
        assert sounding <= round(audio.seconds_in * stereo.rate) + 50


def _payload(line: dict[str, Any]) -> bytes:
    return json.dumps(line["event"]).encode() if "event" in line else b64decode(line["bytes"])


def test_there_is_sound_in_the_cassettes() -> None:
    """Else the test above says nothing."""
    spoken = [path.stem for path in CASSETTES if any(name in path.read_text() for name in ("audio.delta", "inlineData", "audio_base_64"))]
    assert len(spoken) >= 10


def test_turns_take_what_was_said_before_them(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    first, second = tone(440, 1.0).tobytes(), tone(660, 0.7).tobytes()
    for number, sound in enumerate((first, second), 1):
        recorded.speak(sound)
        recorded.client("input_audio_buffer.commit", 0.01)
        recorded.server("input_audio_buffer.committed", 0.01, item_id=f"u{number}")
        recorded.client("response.create")
        recorded.server("response.created", 0.05, response={"id": f"r{number}"})
        recorded.answer(sound[::-1][: len(sound) // 2], f"r{number}", f"i{number}")
        recorded.server("response.done", response={"id": f"r{number}", "status": "completed"})
        recorded.at += 2.0
    assert recorded.close()["turns"] == [1, 2]
    assert recorded.product("1-user.wav") == first
    assert recorded.product("2-user.wav") == second
    assert recorded.product("1-model.wav") == first[::-1][: len(first) // 2]
    assert recorded.product("2-model.wav") == second[::-1][: len(second) // 2]


def test_an_open_microphone_is_cut_to_what_was_said(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.speak(bytes(48_000 * 5))
    recorded.server("input_audio_buffer.speech_started", 0.0, item_id="u1")
    recorded.speak(tone(440, 2.0).tobytes())
    recorded.server("input_audio_buffer.speech_stopped", 0.0, item_id="u1")
    recorded.server("input_audio_buffer.committed", 0.0, item_id="u1")
    recorded.server("response.created", 0.0, response={"id": "r1"})
    recorded.speak(bytes(48_000))
    recorded.close()
    said = wav(tmp_path / FOLDER / "1-user.wav")
    assert said.seconds == pytest.approx(3.0, abs=0.11)
    assert said.sounding(0)[1] == pytest.approx(said.seconds, abs=0.01)


def test_a_change_of_format_counts_from_the_next_message(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    pcm, codes = tone(440, 0.5).tobytes(), LAWS["pcmu"].encode(tone(880, 0.5, 8_000))
    recorded.speak(pcm)
    ulaw = {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}
    recorded.client("session.update", 0.01, session=ulaw)
    recorded.speak(codes[:2_000], 800)
    recorded.server("session.updated", 0.01, session=ulaw)
    recorded.speak(codes[2_000:], 800)
    recorded.close()
    stereo = wav(tmp_path / FOLDER / "stereo.wav")
    assert stereo.part(0, 0.0, 0.5).tobytes() == pcm
    begin, end = stereo.sounding(0)
    assert (begin, end) == pytest.approx((0.0, 1.0), abs=0.1)
    assert stereo.pitch(0, 0.6, 0.9) == pytest.approx(880, rel=0.02)


def test_barge_in_with_and_without_truncation(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    sound = tone(440, 4.0).tobytes()
    for number in (1, 2):
        recorded.server("response.created", 0.0, response={"id": f"r{number}"})
        recorded.answer(sound, f"r{number}", f"i{number}")
        recorded.at = 1.0 + 10 * (number - 1)
        recorded.server(
            "response.done", 0.0, response={"id": f"r{number}", "status": "cancelled", "status_details": {"reason": "turn_detected"}}
        )
        if number == 1:
            recorded.client("conversation.item.truncate", item_id="i1", content_index=0, audio_end_ms=650)
        recorded.answer(sound[:48_000], f"r{number}", f"i{number}")
        recorded.at = 10.0
    recorded.close()
    assert recorded.product("1-model.wav") == sound[: 48 * 650]
    second = recorded.product("2-model.wav")
    assert second == sound[: len(second)]
    assert len(second) / 48_000 == pytest.approx(1.0, abs=0.02)


def test_the_limit_ends_the_recording_and_says_so(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, limit=100_000)
    sound = tone(440, 3.0).tobytes()
    recorded.speak(sound)
    assert recorded.listener.truncated
    recording = recorded.close()
    assert (recording["truncated"], recording["seconds"]) == (True, 2.0)
    assert wav(tmp_path / FOLDER / "stereo.wav").channels[0].tobytes() == sound[:96_000]


def test_what_cannot_be_stored_is_named(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.server("session.created", session={"output_audio_format": "mp3", "input_audio_format": "pcm16"})
    recorded.answer(b"ID3 not a sample" * 100)
    recorded.speak(tone(440, 0.2).tobytes())
    recording = recorded.close()
    assert (recording["skipped"], recording["seconds"]) == (["other"], 0.26)


def test_numbers_from_the_wire_break_nothing(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path)
    recorded.server("response.created", response={"id": "r1"})
    recorded.answer(tone(440, 0.3).tobytes())
    for number in (-5, 10**30, 10**10):
        recorded.client("conversation.item.truncate", item_id="i1", audio_end_ms=number)
    recorded.client("input_audio_buffer.append", audio="!")
    recorded.client("input_audio_buffer.append", audio="%%%%%%%")
    assert recorded.close()["seconds"] == pytest.approx(0.36, abs=0.05)


def test_a_writer_that_does_not_keep_up_ends_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.spool._MOST_WAITING", 100_000)
    recorded = Recorded(tmp_path)
    monkeypatch.setattr(Spool, "append", lambda self, entries: None)
    recorded.message(True, tone(440, 5.0).tobytes(), text=False)
    recorded.listener.hand_over()
    assert recorded.listener.truncated
    recorded.writer.stop()
