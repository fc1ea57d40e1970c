"""The voice, the detector, the companding, the script file and the timeline, each by itself."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.g711 import LAWS
from simulator import Rule
from simulator import Script
from simulator import ToolCall
from simulator import load_script
from simulator.audio import CHUNK_MS
from simulator.audio import beats
from simulator.audio import silence
from simulator.audio import speak
from simulator.replies import Call
from simulator.replies import Say
from simulator.replies import Turn
from simulator.replies import reply
from simulator.script import parse_script
from simulator.timeline import Sent
from simulator.timeline import Timeline
from simulator.vad import Started
from simulator.vad import Stopped
from simulator.vad import Tuning
from simulator.vad import VoiceDetector

FORMATS = [PCM16_24K, PCM16_16K, AudioFormat("pcm16", 8_000), AudioFormat("pcmu", 8_000), AudioFormat("pcma", 8_000)]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_voice_has_the_length_of_its_syllables_and_is_the_same_every_time(form: AudioFormat):
    audio = speak("Good morning.", form)
    assert form.seconds(len(audio)) == pytest.approx(4 * CHUNK_MS / 1000)
    assert audio == speak("Good morning.", form)


def test_voice_is_loud_but_never_clips():
    samples = array("h", speak("Once upon a time"))
    assert 8_000 < max(map(abs, samples)) <= 12_000


@given(st.text(max_size=60))
def test_beats_give_the_text_back(text: str):
    assert "".join(beat.text for beat in beats(text)) == text.rstrip()


@pytest.mark.parametrize("form", FORMATS, ids=str)
@pytest.mark.parametrize("piece", [37, 960, 10**6])
def test_detector_finds_speech_at_its_place_however_it_is_cut(form: AudioFormat, piece: int):
    audio = silence(1_000, form) + speak("Hello there", form) + silence(1_000, form)
    detector = VoiceDetector(form, Tuning(prefix_ms=300, silence_ms=500))
    edges = [edge for start in range(0, len(audio), piece) for edge in detector.feed(audio[start : start + piece])]
    started, stopped = edges
    assert isinstance(started, Started)
    assert isinstance(stopped, Stopped)
    assert started.at_ms == pytest.approx(700, abs=40)
    assert stopped.at_ms == pytest.approx(1_000 + 4 * CHUNK_MS + 500, abs=60)
    assert stopped.start_ms == started.at_ms


def test_pauses_between_words_do_not_end_a_turn():
    detector = VoiceDetector(PCM16_24K, Tuning())
    edges = list(detector.feed(speak("Well, you see, it is so") + silence(800)))
    assert [type(edge) for edge in edges] == [Started, Stopped]


@pytest.mark.parametrize(("law", "zero", "loud"), [("pcmu", 0xFF, 0x80), ("pcma", 0xD5, 0xAA)])
def test_g711_of_known_samples(law: str, zero: int, loud: int):
    assert LAWS[law].encode([0])[0] in (zero, zero & 0x7F)
    assert LAWS[law].encode([32_767]) == bytes([loud])
    assert LAWS[law].encode([-32_768]) == bytes([loud & 0x7F])


def test_script_from_yaml_and_json(tmp_path: Path):
    data = {
        "transcripts": ["Where is my order?"],
        "rules": [{"when": "order", "call": [{"name": "lookup_order", "arguments": {"id": 7}}], "then": "It is {result}."}],
        "misbehave": "stall",
    }
    (tmp_path / "script.json").write_text(json.dumps(data))
    (tmp_path / "script.yaml").write_text(
        "transcripts: ['Where is my order?']\n"
        "rules: [{when: order, call: [{name: lookup_order, arguments: {id: 7}}], then: 'It is {result}.'}]\nmisbehave: stall\n"
    )
    script = load_script(tmp_path / "script.json")
    assert script == load_script(tmp_path / "script.yaml")
    assert script.rules == (Rule("order", call=(ToolCall("lookup_order", {"id": 7}),), then="It is {result}."),)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the script is not a mapping"),
        ({"transcript": ["x"]}, "has no field 'transcript'"),
        ({"transcripts": "x"}, "transcripts is not a list"),
        ({"answers": []}, "answers is empty"),
        ({"lines": [[]]}, "lines wants a text"),
        ({"lines": [[{"say": "x"}]]}, "a call has no field 'say'"),
        ({"answers": [5]}, "answers wants a text"),
        ({"rules": [{"say": "x"}]}, "when wants a text"),
        ({"rules": [{"when": "x", "call": [{"arguments": {}}]}]}, "name wants a text"),
        ({"rules": [{"when": "x", "wait": -1}]}, "wait wants 0 to 60 seconds, not -1"),
        ({"rules": [{"when": "x", "wait": "long"}]}, "wait wants 0 to 60 seconds, not 'long'"),
    ],
)
def test_scripts_with_faults(data: object, message: str):
    with pytest.raises(ValueError, match=message):
        parse_script(data)


def test_lines_go_before_everything_else():
    script = parse_script({"lines": ["One moment.", [{"name": "find", "arguments": {"id": 7}}]]})
    said = [reply(script, Turn("Tell me a story", number=number)) for number in range(3)]
    assert said[:2] == [(Say("One moment."),), (Call("find", '{"id":7}'),)]
    assert said[2] == reply(Script(), Turn("Tell me a story"))


def test_a_rule_lets_its_answers_wait():
    script = parse_script({"rules": [{"when": "rain", "say": "No.", "then": "It says {result}.", "wait": 2.5}]})
    assert reply(script, Turn("Will it rain?")) == (Say("No.", 2.5),)
    assert reply(script, Turn("Will it rain?", results=("no",))) == (Say("It says no.", 2.5),)
    assert reply(script, Turn("Hello?")) == (Say("I heard you say: Hello?"),)


def test_script_that_is_no_yaml(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"bad\.yaml: not YAML"):
        load_script(tmp_path / "bad.yaml")


def test_timeline_keeps_order_and_forgets_what_is_stopped():
    def steps(name: str) -> Iterator[tuple[float, Sent]]:
        for number in range(3):
            yield 1.0, {"type": f"{name}{number}"}

    timeline, kept, stopped = Timeline(), steps("kept"), steps("stopped")
    timeline.play(0.0, stopped)
    timeline.play(0.0, kept)
    timeline.put(1.5, {"type": "between"})
    assert timeline.pop(0.9) is None
    assert timeline.pop(1.0) == {"type": "stopped0"}
    timeline.stop(stopped)
    assert [timeline.pop(9.0) for _ in range(4)] == [{"type": name} for name in ("kept0", "between", "kept1", "kept2")]
    assert timeline.next_at() is None
