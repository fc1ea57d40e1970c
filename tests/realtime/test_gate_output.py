"""The output gate without a program around it: what sound waits for, in every dialect that has some, and that nothing is lost or moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.frame import Frame
from realtime.framing import TEXT
from realtime.framing import FrameReader
from realtime.framing import encode
from realtime.gates.delays import Delays
from realtime.gates.output import OutputGate
from realtime.gates.output import Sound
from realtime.gates.settings import Bounds
from realtime.gates.sound import without_sound
from realtime.policies import Window
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

BOUNDS = Bounds(sound=10.0, bytes=10_000, window=Window(characters=20, seconds=0.5))


def openai(kind: str, answer: str = "r1", item: str = "i1", **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response_id": answer, "item_id": item, "content_index": 0, **fields}


def sound(data: str = "AAAA", answer: str = "r1", item: str = "i1") -> dict[str, Any]:
    return openai("output_audio.delta", answer, item, delta=data)


def words(text: str, answer: str = "r1", item: str = "i1") -> dict[str, Any]:
    return openai("output_audio_transcript.delta", answer, item, delta=text)


class Stage:
    """A gate, and what it let go so far, by the payload."""

    def __init__(self, dialect: str = "openai") -> None:
        self.delays = Delays()
        self.gate = OutputGate(dialect, self.delays, BOUNDS)
        self.gone: list[bytes] = []

    def take(self, event: dict[str, Any], now: float, held_since: float | None = None) -> str:
        """`waits`, `goes` or `stops`."""
        frame = Frame(False, json.dumps(event).encode(), at=now)
        found = self.gate.take(frame, frame, now)
        freed = self.pass_on(now, held_since)
        if found in freed:
            return "goes"
        return "waits" if isinstance(found, Sound) else "goes" if found else "stops"

    def pass_on(self, now: float, held_since: float | None = None) -> list[Sound]:
        freed = list(self.gate.freed(now, held_since))
        self.gone += [one.frame.payload for one in freed]
        return freed


def test_sound_waits_until_later_words_have_left_the_window() -> None:
    stage = Stage()
    assert stage.take(words("Good "), 0.0) == "goes"
    assert stage.take(sound(), 0.1) == "waits"
    assert stage.pass_on(1.0) == []
    assert stage.take(words("morning"), 1.2) == "goes"
    assert stage.pass_on(1.69) == []
    assert stage.gate.deadline == pytest.approx(1.7)
    assert len(stage.pass_on(1.7)) == 1
    assert (stage.delays.answers, stage.delays.longest) == (1, pytest.approx(1.6))


def test_much_that_comes_behind_frees_as_well() -> None:
    stage = Stage()
    stage.take(sound(), 0.0)
    stage.take(words("one"), 0.1)
    assert stage.gone == []
    stage.take(words("two, and twenty characters"), 0.1)
    assert len(stage.gone) == 1


def test_words_that_the_policies_still_hold_free_nothing() -> None:
    stage = Stage()
    stage.take(sound(), 0.0)
    stage.take(words("one"), 0.1, held_since=0.1)
    assert stage.pass_on(5.0, held_since=0.1) == []
    assert len(stage.pass_on(5.0, held_since=None)) == 1


def test_the_end_of_the_words_of_an_item_frees_its_sound_and_no_other() -> None:
    stage = Stage()
    stage.take(sound(item="i1"), 0.0)
    stage.take(sound(item="i2", answer="r2"), 0.0)
    stage.take(openai("output_audio_transcript.done", transcript="Hi"), 0.1)
    assert len(stage.gone) == 1
    assert stage.take(sound(item="i1"), 0.2) == "goes"
    assert stage.take(sound(item="i3"), 0.2) == "waits"
    stage.take({"type": "response.done", "response": {"id": "r1", "status": "completed", "output": []}}, 0.3)
    assert len(stage.gone) == 2
    stage.take({"type": "response.done", "response": {"id": "r2", "status": "cancelled", "output": []}}, 0.4)
    assert len(stage.gone) == 3
    assert stage.gate.deadline is None


def test_parts_that_are_only_announced_free_nothing() -> None:
    stage = Stage()
    stage.take(openai("content_part.added", part={"type": "audio", "transcript": ""}), 0.0)
    assert stage.take(sound(), 0.1) == "waits"


def test_of_a_muted_answer_nothing_goes_on() -> None:
    stage = Stage()
    stage.take(words("Good"), 0.0)
    stage.take(sound(), 0.1)
    assert len(stage.gate.mute(stage.gate.answer("r1"))) == 1
    assert stage.take(sound(), 0.2) == "stops"
    assert stage.take(sound(answer="r2"), 0.2) == "waits"
    assert (stage.delays.dropped, stage.gate.bytes) == (2, len(json.dumps(sound(answer="r2"))))


def test_what_waits_for_too_long_or_is_too_much_is_told() -> None:
    stage = Stage()
    stage.take(sound(), 0.0)
    assert (stage.gate.deadline, stage.gate.expired(9.9)) == (10.0, [])
    [answer] = stage.gate.expired(10.0)
    stage.gate.open(answer)
    assert len(stage.pass_on(10.0)) == 1
    assert stage.take(sound(), 10.1) == "goes"
    stage.take(sound("A" * 12_000, answer="r2"), 10.2)
    assert [one.key for one in stage.gate.expired(10.3)] == ["r2"]
    assert stage.gate.deadline == 0.0


def spoken(text: str | None = None, *, data: str | None = None, **content: Any) -> dict[str, Any]:
    made = dict(content)
    if data is not None:
        made["modelTurn"] = {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]}
    if text is not None:
        made["outputTranscription"] = {"text": text}
    return {"serverContent": made}


def test_gemini_has_no_ids_and_says_several_things_at_once() -> None:
    stage = Stage("gemini")
    assert stage.take(spoken(data="AAAA"), 0.0) == "waits"
    assert stage.take(spoken("Good morning", data="BBBB"), 0.1) == "waits"
    assert len(stage.pass_on(0.6)) == 2
    assert stage.take(spoken(data="CCCC"), 0.7) == "waits"
    assert stage.take(spoken(generationComplete=True), 0.8) == "goes"
    assert len(stage.gone) == 2
    assert stage.take(spoken(turnComplete=True), 0.9) == "goes"
    assert len(stage.gone) == 3
    assert stage.take(spoken(data="DDDD"), 1.0) == "waits"


def test_elevenlabs_says_an_utterance_in_one_piece() -> None:
    stage = Stage("elevenlabs")
    heard = {"type": "audio", "audio_event": {"audio_base_64": "AAAA", "event_id": 1}}
    assert stage.take(heard, 0.0) == "waits"
    assert stage.take({"type": "agent_response", "agent_response_event": {"agent_response": "Good morning"}}, 0.1) == "goes"
    assert len(stage.gone) == 1
    assert stage.take(heard, 0.2) == "goes"
    stage.take({"type": "user_transcript", "user_transcription_event": {"user_transcript": "Hi"}}, 0.3)
    assert stage.take({**heard, "audio_event": {"audio_base_64": "BBBB", "event_id": 2}}, 0.4) == "waits"
    stage.take({"type": "interruption", "interruption_event": {"event_id": 2}}, 0.5)
    assert len(stage.gone) == 2


def test_binary_sound_waits_too() -> None:
    stage = Stage()
    frame = Frame(False, b"\x01\x02\x03", text=False, at=0.0)
    assert isinstance(stage.gate.take(frame, frame, 0.0), Sound)


@pytest.mark.parametrize("kept", [{"usageMetadata": {"totalTokenCount": 3}}, {}])
def test_what_stands_beside_the_sound_is_kept(kept: dict[str, Any]) -> None:
    event = {**spoken(data="AAAA"), **kept}
    made = without_sound("gemini", Frame(False, json.dumps(event).encode()))
    assert made is None if not kept else json.loads(made or b"") == {"serverContent": {"modelTurn": {"parts": []}}, **kept}


EVENTS = st.lists(
    st.one_of(
        st.builds(sound, st.text("ABCD", min_size=4, max_size=12), st.sampled_from(["r1", "r2"]), st.sampled_from(["i1", "i2"])),
        st.builds(words, st.text("ab ", min_size=1, max_size=30), st.sampled_from(["r1", "r2"]), st.sampled_from(["i1", "i2"])),
        st.builds(lambda answer: openai("output_audio_transcript.done", answer, transcript="x"), st.sampled_from(["r1", "r2"])),
        st.just({"type": "rate_limits.updated"}),
        st.just(None),
    ),
    max_size=40,
)


@given(EVENTS, st.data())
def test_everything_goes_on_in_its_order_byte_for_byte(events: list[dict[str, Any] | None], data: st.DataObject) -> None:
    """Through a tunnel, in pieces of any size; at the end both answers are over. None stands for half a second in which nothing comes."""
    gate = OutputGate("openai", Delays(), BOUNDS)
    now, tickets = 0.0, set[int]()

    def inspect(frame: Frame) -> Verdict | None:
        found = gate.take(frame, frame, now)
        freed = let_go()
        if isinstance(found, Sound) and found not in freed:
            tickets.add(id(found))
            return Verdict("hold", ticket=found)
        return None

    def let_go() -> list[Sound]:
        freed = list(gate.freed(now, None))
        for one in freed:
            tunnel.redeem(False, one, None, now)
        return freed

    tunnel = Tunnel(inspect, now=0.0)
    done = [{"type": "response.done", "response": {"id": name, "status": "completed", "output": []}} for name in ("r1", "r2")]
    sent = b""
    out = b""
    for event in [*events, *done]:
        if event is None:
            now += 0.5
            let_go()
            continue
        wire = encode(TEXT, json.dumps(event).encode())
        sent += wire
        cut = data.draw(st.integers(0, len(wire)))
        for piece in (wire[:cut], wire[cut:]):
            tunnel.receive(False, piece, now)
        out += b"".join(tunnel.client.out)
        tunnel.client.out.clear()
        assert sent.startswith(out)
        assert len(tunnel.upstream.held) >= len([one for answer in gate._holding for one in answer.waiting])
    assert out == sent
    assert [message.payload for message in FrameReader(masked=False, limit=1 << 20).feed(out)] == [
        json.dumps(event).encode() for event in [*events, *done] if event is not None
    ]
    assert (gate.bytes, gate.deadline) == (0, None)
