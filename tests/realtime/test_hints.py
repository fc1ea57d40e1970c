"""Hints for developers: each on its fault, and none on what ordinary sessions do."""

from __future__ import annotations

import json
from base64 import b64decode
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.hints import Hint
from realtime.hints import Hints
from realtime.hints import replaced
from realtime.hints.hints import MOST_SOUND
from realtime.signals import AudioIn
from realtime.signals import AudioOut
from realtime.signals import TextOut

CASSETTES = sorted(Path(__file__).parents[2].joinpath("simulator/cassettes").glob("*.jsonl"))

PCM: dict[str, Any] = {"type": "audio/pcm", "rate": 24000}
GA: dict[str, Any] = {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": {"format": PCM}}}
BETA: dict[str, Any] = {"modalities": ["text", "audio"], "input_audio_format": "pcm16", "voice": "alloy", "turn_detection": None}
MIXED: dict[str, Any] = {**GA, "turn_detection": None}
STEREO = {**PCM, "channels": 2}


class Talk:
    """What one session is told, message by message; the names of providers are those of the rules."""

    def __init__(self, kind: str = "openai", dialect: str = "openai") -> None:
        self.hints = Hints(kind)
        self.dialect = make(dialect)
        self.told: list[Hint] = []
        self.at = 100.0

    def frame(self, frame: Frame) -> None:
        for signal in self.dialect.signals(frame):
            if isinstance(signal, AudioIn):
                if frame.from_client and self.hints.hears:
                    self.hints.sound(signal, frame.at)
            elif not isinstance(signal, AudioOut | TextOut):
                self.hints.see(self.dialect.name, signal, frame.at)
        if self.dialect.name == "openai":
            self.hints.message(frame)
        self.told += self.hints.take()

    def say(self, kind: str, **fields: Any) -> None:
        self.frame(Frame(True, json.dumps({"type": kind, **fields}).encode(), at=self.at))

    def hear(self, kind: str, **fields: Any) -> None:
        self.frame(Frame(False, json.dumps({"type": kind, **fields}).encode(), at=self.at))

    def created(self, session: dict[str, Any] = GA) -> None:
        self.hear("session.created", session=session)

    def append(self, sound: bytes) -> None:
        self.say("input_audio_buffer.append", audio=b64encode(sound).decode())

    def stream(self, rate: float, seconds: float = 25.0, every: float = 0.1) -> None:
        """Live sound, at so many bytes a second."""
        size = int(rate * every) // 2 * 2
        for _ in range(round(seconds / every)):
            self.append(bytes(size))
            self.at += size / rate

    def answer(self, lasting: float = 0.5, *, asks: bool = False, status: str = "completed", usage: bool = True, **response: Any) -> None:
        """One answer of the conversation; `asks` for another one while it is given."""
        self.hear("response.created", response={"id": "r1"})
        if asks:
            self.say("response.create", response=response)
        self.at += lasting
        counted = {"usage": {"input_tokens": 1, "output_tokens": 1}} if usage else {}
        self.hear("response.done", response={"id": "r1", "status": status, **counted})

    def codes(self) -> list[str]:
        return [hint.code for hint in self.told]


def started(session: dict[str, Any] = GA, kind: str = "openai") -> Talk:
    talk = Talk(kind)
    talk.created(session)
    return talk


@pytest.mark.parametrize(
    ("session", "kind", "fields", "path"),
    [
        (GA, "session.update", {"session": {"modalities": ["text"]}}, ("session", "modalities")),
        (GA, "session.update", {"session": {"type": "realtime", "input_audio_format": "pcm16"}}, ("session", "input_audio_format")),
        (GA, "session.update", {"session": {"turn_detection": None}}, ("session", "turn_detection")),
        (GA, "response.create", {"response": {"modalities": ["text"]}}, ("response", "modalities")),
        (GA, "transcription_session.update", {"session": {}}, ("type",)),
        (BETA, "session.update", {"session": {"type": "realtime", "output_modalities": ["text"]}}, ("session", "output_modalities")),
        (BETA, "session.update", {"session": {"audio": {"output": {"voice": "alloy"}}}}, ("session", "audio")),
        (BETA, "response.create", {"response": {"output_modalities": ["text"]}}, ("response", "output_modalities")),
    ],
)
@pytest.mark.parametrize("early", [False, True], ids=["after session.created", "before it"])
def test_names_of_the_other_shape(session: dict[str, Any], kind: str, fields: dict[str, Any], path: tuple[str, ...], early: bool) -> None:
    talk = Talk() if early else started(session)
    talk.say(kind, **fields)
    talk.say(kind, **fields)
    if early:
        assert talk.codes() == []
        talk.created(session)
    assert [(hint.code, hint.path) for hint in talk.told] == [("beta_name" if session is GA else "ga_name", path)]
    assert (path[-1] in talk.told[0].reason, "response." in talk.told[0].advice) == (path != ("type",), True)


@pytest.mark.parametrize(
    ("session", "sent"),
    [(GA, GA), (BETA, BETA), (MIXED, BETA), (MIXED, GA), ({"id": "s"}, BETA), ({}, GA), (GA, {"instructions": "modalities"})],
)
def test_names_that_fit_or_that_nobody_can_tell(session: dict[str, Any], sent: dict[str, Any]) -> None:
    talk = started(session)
    talk.say("session.update", session=sent)
    talk.say("session.update", session=None)
    talk.say("response.create", response={"metadata": {"modalities": "x"}})
    assert talk.codes() == []


@pytest.mark.parametrize(
    ("sound", "what"),
    [(b"RIFF\x24\x08\0\0WAVEfmt ", "WAV"), (b"OggS" + bytes(20), "Ogg"), (b"\x1aE\xdf\xa3" + bytes(20), "WebM")],
)
def test_files_in_place_of_samples(sound: bytes, what: str) -> None:
    talk = started()
    talk.append(bytes(4_800))
    talk.append(sound)
    talk.append(sound)
    assert talk.codes() == ["audio_header"]
    assert what in talk.told[0].reason


def test_a_file_within_an_item() -> None:
    talk = started()
    audio = b64encode(b"RIFF\x24\x08\0\0WAVEfmt ").decode()
    talk.say("conversation.item.create", item={"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]})
    assert talk.codes() == ["audio_header"]


def test_half_a_sample() -> None:
    talk = started()
    talk.append(bytes(4_801))
    talk.append(bytes(4_801))
    assert talk.codes() == ["audio_odd_bytes"]


@pytest.mark.parametrize("text", ["AA\\/\\/AAAA", "AAAA\\nAAAA", "AA-_AAAAAA==", "AAA", "?"])
def test_escapes_and_line_ends_are_no_samples(text: str) -> None:
    talk = started()
    talk.frame(Frame(True, f'{{"type":"input_audio_buffer.append","audio":"{text}"}}'.encode(), at=talk.at))
    assert talk.codes() == []


def test_sound_of_which_the_format_is_not_known() -> None:
    """Nothing was declared, or something without samples, or a wish is not confirmed yet."""
    wav = b"RIFF\x24\x08\0\0WAVEfmt \0"
    plain, other, asked = started({"id": "s"}), started({"input_audio_format": "mp3"}), started()
    asked.say("session.update", session={"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}})
    for talk in (plain, other, asked):
        talk.append(wav)
        assert talk.codes() == []
    asked.hear("session.updated", session={**GA, "audio": {"input": {"format": {"type": "audio/pcmu"}}}})
    asked.append(bytes(161))
    assert asked.codes() == []
    asked.append(wav)
    assert asked.codes() == ["audio_header"]


@pytest.mark.parametrize(
    ("declared", "pace", "said"),
    [
        (PCM, 32_000, "16-bit PCM at 16 kHz"),
        (PCM, 8_000, "G.711"),
        (PCM, 96_000, "48 kHz"),
        ({"type": "audio/pcmu"}, 48_000, "16-bit PCM at 24 kHz"),
        ({"type": "audio/pcma"}, 16_000, "16-bit PCM at 8 kHz"),
    ],
)
def test_the_steady_pace_of_another_format(declared: dict[str, Any], pace: float, said: str) -> None:
    talk = started({**GA, "audio": {"input": {"format": declared}}})
    talk.stream(pace * 1.002)
    assert talk.codes() == ["audio_pace"]
    assert said in talk.told[0].reason


@pytest.mark.parametrize(
    ("declared", "pace"),
    [
        (PCM, 48_000),
        (PCM, 47_700),
        (PCM, 40_000),  # slowed down by the one who sends
        (PCM, 30_000),
        (PCM, 72_000),
        ({"type": "audio/pcmu"}, 8_000),
        (STEREO, 96_000),
    ],
)
def test_other_paces_say_nothing(declared: dict[str, Any], pace: float) -> None:
    talk = started({**GA, "audio": {"input": {"format": declared}}})
    talk.stream(pace, 40.0)
    assert talk.codes() == []


def test_sound_with_gaps_or_in_large_pieces_has_no_pace() -> None:
    talk = started()
    for _ in range(6):
        talk.stream(32_000, 8.0)
        talk.at += 1.0
    for _ in range(40):
        talk.append(bytes(128_000))
        talk.at += 4.0
    talk.stream(32_000, 15.0)
    talk.stream(48_000, 15.0)
    assert talk.codes() == []


def test_a_second_request_that_the_provider_refuses() -> None:
    talk = started()
    talk.hear("response.created", response={"id": "r1"})
    talk.say("response.create")
    talk.hear("error", error={"type": "invalid_request_error", "code": "conversation_already_has_active_response", "message": "no"})
    assert talk.codes() == ["double_response"]


def test_a_second_request_while_the_answer_went_on() -> None:
    talk = started()
    talk.answer(1.5, asks=True)
    talk.answer(1.5, asks=True)
    assert talk.codes() == ["double_response"]


@pytest.mark.parametrize(
    "how", [{"lasting": 0.2}, {"lasting": 9.0, "conversation": "none"}, {"lasting": 9.0, "status": "cancelled"}], ids=str
)
def test_requests_that_may_be_right(how: dict[str, Any]) -> None:
    """It crossed the end of the answer, or stays outside the conversation, or the answer was broken off."""
    talk = started()
    talk.answer(asks=True, **how)
    assert talk.codes() == []


def test_requests_after_the_end_or_after_a_cancel() -> None:
    talk = started()
    talk.say("response.create")
    talk.answer(3.0)
    talk.say("response.create")
    talk.hear("response.created", response={"id": "r1"})
    talk.say("response.cancel")
    talk.say("response.create")
    talk.at += 2.0
    talk.hear("response.done", response={"id": "r1", "status": "completed", "usage": {"input_tokens": 1, "output_tokens": 1}})
    talk.hear("response.created", response={"id": "r2", "conversation_id": None})
    talk.say("response.create")
    talk.at += 2.0
    talk.hear("response.done", response={"id": "r2", "status": "completed", "usage": {"input_tokens": 1, "output_tokens": 1}})
    assert talk.codes() == []


@pytest.mark.parametrize(
    ("kind", "session", "how", "expected"),
    [
        ("openai", GA, {}, ["usage_missing"]),
        ("azure", GA, {}, ["usage_missing"]),
        ("azure", BETA, {}, []),
        ("compatible", GA, {}, []),
        ("openai", GA, {"status": "cancelled"}, []),
        ("openai", GA, {"status": "failed"}, []),
    ],
)
def test_an_answer_without_usage(kind: str, session: dict[str, Any], how: dict[str, Any], expected: list[str]) -> None:
    talk = started(session, kind)
    talk.answer()
    talk.answer(usage=False, **how)
    talk.answer(usage=False, **how)
    assert talk.codes() == expected


@pytest.mark.parametrize(
    ("kind", "asked", "said", "is_told"),
    [
        ("openai", "gpt-realtime", "gpt-realtime-mini", True),
        ("openai", "gpt-realtime", "gpt-realtime-1.5", True),
        ("openai", "gpt-4o-realtime-preview", "gpt-realtime", True),
        ("openai", "gpt-realtime", "gpt-realtime", False),
        ("openai", "gpt-realtime", "gpt-realtime-2025-08-28", False),
        ("openai", "gpt-realtime-2025-08-28", "gpt-realtime", False),
        ("openai", "voice-latest", "voice-3", False),
        ("openai", None, "gpt-realtime", False),
        ("openai", "gpt-realtime", None, False),
        ("azure", "my-deployment", "gpt-realtime", False),
        ("azure", "known", "gpt-realtime-2025-08-28", False),
        ("azure", "known", "gpt-realtime-mini", True),
        ("compatible", "any", "other", False),
    ],
)
def test_another_model(kind: str, asked: str | None, said: str | None, is_told: bool) -> None:
    hint = replaced(kind, asked, said, {"known": "gpt-realtime"})
    assert (hint is not None and hint.code == "model_replaced") == is_told


def test_each_code_is_told_once_and_sound_is_left_alone_when_all_of_it_was() -> None:
    talk = started()
    talk.append(b"RIFF\x24\x08\0\0WAVEfmt ")
    talk.append(bytes(3))
    assert talk.hints.hears
    talk.stream(32_000)
    assert not talk.hints.hears
    talk.append(b"OggS" + bytes(21))
    assert sorted(talk.codes()) == ["audio_header", "audio_odd_bytes", "audio_pace"]


def test_sound_is_looked_at_for_a_while_only() -> None:
    talk = started()
    for _ in range(MOST_SOUND - 1):
        talk.append(bytes(2))
    assert talk.hints.hears
    talk.append(bytes(2))
    assert not talk.hints.hears
    talk.append(b"RIFF\x24\x08\0\0WAVEfmt ")
    assert talk.codes() == []


def cassette(path: Path) -> tuple[str, list[Frame]]:
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return lines[0]["provider"], [_frame(line, number) for number, line in enumerate(lines) if "event" in line or "bytes" in line]


def _frame(line: dict[str, Any], number: int) -> Frame:
    payload = json.dumps(line["event"]).encode() if "event" in line else b64decode(line["bytes"])
    return Frame(line["from"] == "client", payload, text="event" in line and not line.get("binary"), at=0.05 * number)


def models(frames: Iterable[Frame]) -> list[str]:
    sessions = [frame.event.get("session") for frame in frames if frame.type == "session.created" and frame.event]
    return [session["model"] for session in sessions if isinstance(session, dict) and isinstance(session.get("model"), str)]


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_recorded_sessions_have_no_hints(path: Path) -> None:
    provider, frames = cassette(path)
    talk = Talk(provider, detect(next(frame for frame in frames if not frame.from_client)) or "openai")
    for frame in frames:
        talk.frame(frame)
    assert talk.told == []
    asked = json.loads(path.read_text().splitlines()[0])["query"].get("model")
    assert [replaced(provider, asked, said, {}) for said in models(frames)] == [None] * len(models(frames))


def test_messages_that_are_not_what_they_should_be() -> None:
    talk = started()
    strange: list[Any] = [None, [], "x", {"audio": 7}, {"type": {}}]
    for session in strange:
        talk.say("session.update", session=session)
        talk.created(session)
    talk.say("response.create", response=[])
    talk.hear("response.done", response=None)
    talk.frame(Frame(True, b"\xff\x00", text=False))
    assert set(talk.codes()) <= {"usage_missing"}
