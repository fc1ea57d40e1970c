"""The model that was authorised is the one that runs, however a message spells it."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from realtime.frame import Frame
from realtime.framing import Close
from realtime.pin import WAIT_FRAMES
from realtime.pin import WAIT_SECONDS
from realtime.pin import ModelPin
from realtime.verdict import Verdict

CLIENT_DATA = "conversation_initiation_client_data"
DEPLOYED = {"gpt-realtime": "rt-prod-eu"}


def pin(*, allowed: str | None = None, asr: bool = False, model: str | None = "gpt-realtime", dialect: str = "openai") -> ModelPin:
    return ModelPin(
        dialect=dialect,
        allowed=lambda name: allowed is None or fnmatchcase(name, allowed),
        resolve=lambda name: (name, DEPLOYED.get(name, name)),
        restricted=allowed is not None,
        asr=asr,
        model=model,
        opened=0.0,
    )


def said(event: dict[str, Any] | str, *, client: bool = True) -> Frame:
    return Frame(client, event.encode() if isinstance(event, str) else json.dumps(event).encode())


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": "e1", "session": session}


def replaced(verdict: Verdict | None) -> Any:
    assert verdict is not None
    assert verdict.action == "replace"
    return json.loads(verdict.payload)


def reply(verdict: Verdict | None) -> Any:
    assert verdict is not None
    assert verdict.action == "drop"
    return json.loads(verdict.reply[0])


def test_messages_that_name_no_model_pass() -> None:
    for event in (update(voice="marin"), {"type": "input_audio_buffer.append", "audio": "AAAA"}, {"type": "made.up", "model": 1}):
        assert pin(allowed="gpt-*").check(said(event)) is None


def test_the_alias_is_applied_in_place() -> None:
    event = '{"type":"session.update", "session":{"x":1.10,"model":"gpt-realtime"}}'
    verdict = pin().check(said(event))
    assert verdict == Verdict("replace", payload=event.replace("gpt-realtime", "rt-prod-eu").encode())


@pytest.mark.parametrize(
    "event",
    [
        update(model="other"),
        update(audio={"input": {"transcription": {"model": "other"}}}),
        update(input_audio_transcription={"model": "other"}),
        {"type": "transcription_session.update", "session": {"input_audio_transcription": {"model": "other"}}},
        {"type": "response.create", "response": {"model": "other"}},
        {"type": "session.start", "session": {"model": "other"}},
        '{"type":"session\\u002eupdate","session":{"model":"other"}}',
        '{"session":{"mod\\u0065l":"other"},"type":"session.update"}',
    ],
)
def test_a_model_outside_the_allow_list_is_refused_with_the_cause(event: dict[str, Any] | str) -> None:
    error = reply(pin(allowed="gpt-*").check(said(event)))
    assert error["error"]["code"] == "model_not_allowed"
    assert pin().check(said(event)) is None


def test_the_error_names_the_event_that_caused_it() -> None:
    assert reply(pin(allowed="gpt-*").check(said(update(model="other"))))["error"]["event_id"] == "e1"


@pytest.mark.parametrize(
    "event",
    [
        '{"type":"response.cancel","type":"session.update","session":{"model":"other"}}',
        '{"type":"session.update","session":{"model":"other"},"session":{"model":"gpt-realtime"}}',
        '{"type":"session.update","session":' + '{"a":' * 80 + '{"model":"other"}' + "}" * 81,
        '{"type":"session.update","session":{"model":"other"},}',
    ],
)
def test_what_two_parsers_could_read_differently_is_refused_for_a_restricted_key(event: str) -> None:
    assert reply(pin(allowed="gpt-*").check(said(event)))["error"]["code"] == "ambiguous_event"


def test_invalid_json_that_cannot_name_a_model_passes() -> None:
    assert pin(allowed="gpt-*").check(said("{nonsense")) is None


def test_a_transcription_session_runs_its_model() -> None:
    asr = pin(asr=True, model="whisper-1")
    ga = replaced(asr.check(said(update(type="transcription"))))
    assert ga["session"]["audio"]["input"]["transcription"] == {"model": "whisper-1"}
    legacy = replaced(asr.check(said(update(input_audio_transcription={"model": None, "language": "en"}))))
    assert legacy["session"] == {"input_audio_transcription": {"model": "whisper-1", "language": "en"}}
    other = replaced(asr.check(said(update(audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}}))))
    assert other["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"
    assert asr.check(said(update(audio="wrong type"))) is None


def test_a_model_that_the_url_names_is_not_repeated_in_messages() -> None:
    asr = pin(asr=True, model="qwen3-asr-flash-realtime")
    asr.model_in_url = True
    assert asr.check(said(update(input_audio_transcription={"language": "en"}))) is None
    other = replaced(asr.check(said(update(input_audio_transcription={"model": "other"}))))
    assert other["session"]["input_audio_transcription"] == {"model": "qwen3-asr-flash-realtime"}


def test_messages_wait_until_the_model_is_known() -> None:
    asr = pin(asr=True, model=None)
    audio = said({"type": "input_audio_buffer.append", "audio": "AAAA"})
    assert asr.check(audio) == Verdict("hold")
    named = asr.check(said(update(audio={"input": {"transcription": {"model": "gpt-realtime-whisper"}}})))
    assert named == Verdict("pass", release=True)
    assert asr.model == "gpt-realtime-whisper"
    assert asr.check(audio) is None


def test_waiting_is_bounded_in_messages_bytes_and_time() -> None:
    audio = said({"type": "input_audio_buffer.append", "audio": "AAAA"})
    many = pin(asr=True, model=None)
    assert [many.check(audio) for _ in range(WAIT_FRAMES)] == [Verdict("hold")] * WAIT_FRAMES
    last = many.check(audio)
    assert last is not None
    assert last.action == "close"
    large = pin(asr=True, model=None).check(said({"type": "input_audio_buffer.append", "audio": "A" * (1 << 20)}))
    assert large is not None
    assert large.action == "close"
    late = pin(asr=True, model=None)
    assert late.overdue(WAIT_SECONDS - 0.1) is None
    assert late.overdue(WAIT_SECONDS) == Close(1008, "no model was named within 15 s")


def test_gemini_names_its_model_in_setup() -> None:
    gemini = pin(dialect="gemini", allowed="models/gemini-3*", model=None)
    refused = gemini.check(said({"setup": {"model": "models/other"}}))
    assert refused is not None
    assert refused.action == "close"
    assert gemini.check(said({"setup": {"model": "models/gemini-3.8-live"}})) == Verdict("pass", release=True)


def test_server_messages_are_none_of_its_business() -> None:
    assert pin(allowed="gpt-*").check(said(update(model="other"), client=False)) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize(
    "event", ['{"type":"session.update","session":{"model":"other"}}', '{"type":"session.update","session":{"m\\u006fdel":"other"}}']
)
def test_json_in_another_encoding_is_refused_for_a_restricted_key(encoding: str, event: str) -> None:
    frame = Frame(True, event.encode(encoding), text=False)
    assert reply(pin(allowed="gpt-*").check(frame))["error"]["code"] == "ambiguous_event"


@pytest.mark.parametrize("sound", [bytes(3200), b"\\u{}" * 800, b"{model" + bytes(3194), b"\xff\xfemodel\xfe"])
def test_sound_in_binary_messages_is_no_doubtful_json(sound: bytes) -> None:
    assert pin(allowed="gpt-*").check(Frame(True, sound, text=False)) is None


OTHER = {"model": "other"}


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("openai", update(input_audio_transcription=OTHER)),
        ("openai", update(interim_response={"type": "llm_interim_response", **OTHER})),
        ("openai", {"type": "transcription_session.update", "session": OTHER}),
        ("openai", {"type": "transcription_session.update", "input_audio_transcription": OTHER}),
        ("openai", {"type": "transcription_session.update", "session": {"audio": {"input": {"transcription": OTHER}}}}),
        ("openai-live", {"type": "session.start", "session": OTHER}),
        ("openai-live", {"type": "session.start", "session": {"delegation": {"type": "responses", "responses": OTHER}}}),
        ("openai-live", update(delegation={"type": "responses", "responses": OTHER})),
        ("openai-live", update(delegation={"type": "decisions", "decisions": OTHER})),
        ("openai-live", {"type": "decision.create", "decision": OTHER}),
        ("openai-translation", update(audio={"input": {"transcription": OTHER}})),
        ("vllm", {"type": "session.update", **OTHER}),
        ("gemini", {"setup": OTHER}),
        ("gemini", {"type": "hello", "setup": OTHER}),
        ("elevenlabs", {"type": CLIENT_DATA, "conversation_config_override": {"agent": {"prompt": {"llm": "other"}}}}),
        ("elevenlabs", {"type": CLIENT_DATA, "conversation_config_override": {"tts": {"model_id": "other"}}}),
        ("elevenlabs", {"type": CLIENT_DATA, "custom_llm_extra_body": OTHER}),
    ],
)
def test_every_frame_of_every_dialect_that_can_name_a_model(dialect: str, event: dict[str, Any]) -> None:
    verdict = pin(allowed="gpt-*", dialect=dialect).check(said(event))
    assert verdict is not None
    assert verdict.action == ("close" if dialect in ("gemini", "elevenlabs") else "drop")
    assert pin(allowed="other", dialect=dialect).check(said(event)) is None


def test_a_helper_is_not_the_model_of_the_session() -> None:
    waiting = pin(allowed="*", model=None, dialect="openai-live")
    held = waiting.check(said(update(delegation={"responses": {"model": "gpt-helper"}})))
    assert held is not None
    assert (held.action, waiting.model) == ("hold", None)
    deployed = pin(dialect="openai-live").check(said(update(delegation={"responses": {"model": "gpt-realtime"}})))
    assert replaced(deployed)["session"]["delegation"]["responses"]["model"] == "rt-prod-eu"


@pytest.mark.parametrize(
    "event",
    [
        {"Type": "session.update", "session": {"model": "other"}},
        {"type": "conversation.item.create", "TYPE": "session.update", "session": {"model": "other"}},
        {"type": "session.update", "Session": {"model": "other"}},
        {"type": "session.update", "session": {"model": "gpt-mini", "Model": "other"}},
        {"type": "session.update", "session": {"audio": {"input": {"Transcription": {"model": "other"}}}}},
        {"type": "\u017fession.update", "\u017fession": {"model": "other"}, "TYPE": "session.update"},
    ],
)
def test_names_that_only_some_servers_read_are_refused_where_models_are(event: dict[str, Any]) -> None:
    error = reply(pin(allowed="gpt-*").check(said(event)))["error"]
    assert error["code"] == "ambiguous_event"
    assert "may be read as" in error["message"]
    assert pin().check(said(event)) is None
