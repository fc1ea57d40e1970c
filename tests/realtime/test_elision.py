"""Sound leaves a message and comes back as silence; everything else stays as it came."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.elision import Elided
from realtime.elision import filled
from realtime.elision import without_sound
from realtime.frame import Frame
from realtime.jsonpath import value_at

SOUND = base64.b64encode(bytes(range(256)) * 3).decode()


def frame(from_client: bool, event: object) -> Frame:
    return Frame(from_client, json.dumps(event).encode())


@pytest.mark.parametrize(
    ("from_client", "event", "keys"),
    [
        (True, {"type": "input_audio_buffer.append", "audio": SOUND}, ("audio",)),
        (True, {"type": "input_audio_buffer.append", "audio": "AAAA"}, ("audio",)),
        (False, {"type": "response.output_audio.delta", "response_id": "r", "delta": SOUND}, ("delta",)),
        (False, {"serverContent": {"parts": [{"inlineData": {"data": SOUND}}]}}, ("serverContent", "parts", 0, "inlineData", "data")),
        (False, {"type": "audio", "audio_event": {"audio_base_64": SOUND}}, ("audio_event", "audio_base_64")),
    ],
)
def test_sound_is_taken_out_and_filled_with_silence(from_client: bool, event: dict[str, object], keys: tuple[str | int, ...]) -> None:
    made = frame(from_client, event)
    payload, elided = without_sound(made)
    assert [one.keys for one in elided] == [keys]
    assert SOUND.encode() not in payload
    assert len(payload) + elided[0].size == len(made.payload)
    again = filled(payload, elided)
    assert len(again) == len(made.payload)
    assert base64.b64decode(value_at(json.loads(again), keys)) == bytes(elided[0].size * 3 // 4)


@pytest.mark.parametrize("size", [478, 479, 480])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.append", "audio": None},
        {"type": "audio", "audio_event": {"audio_base_64": None}},
    ],
    ids=["quickly", "carefully"],
)
def test_silence_has_as_many_bytes_as_the_sound_had(event: dict[str, Any], size: int) -> None:
    sound = base64.b64encode((bytes(range(256)) * 2)[:size]).decode()
    made = frame(False, json.loads(json.dumps(event).replace("null", json.dumps(sound))))
    payload, elided = without_sound(made)
    [place] = elided
    silent = value_at(json.loads(filled(payload, elided)), place.keys)
    assert (len(silent), base64.b64decode(silent), place.padding) == (len(sound), bytes(size), sound.count("="))


def test_words_stay_every_byte_of_them() -> None:
    for payload in (
        b'{ "type":"response.output_text.delta" ,"delta":"caf\\u00e9"}',
        b'{"type":"session.update","session":{"instructions":"' + b"long words, " * 100 + b'"}}',
        b'{"audio":"' + b"not base64: " * 40 + b'"}',
        b"not JSON " * 100,
        b'{"type":"input_audio_buffer.append","audio":',
    ):
        assert without_sound(Frame(True, payload)) == (payload, ())


def test_the_same_letters_elsewhere_are_not_taken_for_the_sound() -> None:
    made = frame(True, {"type": "input_audio_buffer.append", "event_id": "abcd", "audio": "abcd"})
    payload, elided = without_sound(made)
    assert json.loads(payload) == {"type": "input_audio_buffer.append", "event_id": "abcd", "audio": ""}
    assert filled(payload, elided) == made.payload.replace(b'"audio": "abcd"', b'"audio": "AAAA"')


def test_bytes_are_left_out_unless_they_are_an_event() -> None:
    assert without_sound(Frame(True, b"\x00\x01" * 500, text=False)) == (b"", (Elided((), 1000),))
    assert filled(b"", [Elided((), 3)]) == bytes(3)
    event = Frame(False, b'{"setupComplete":{}}', text=False)
    assert without_sound(event) == (event.payload, ())


@given(st.text(max_size=600), st.booleans())
def test_what_was_taken_out_fits_where_it_was(text: str, from_client: bool) -> None:
    for name in ("audio", "delta"):
        made = frame(from_client, {"type": "input_audio_buffer.append", name: text, "other": [text]})
        payload, elided = without_sound(made)
        again = json.loads(filled(payload, elided))
        assert again["other"] == [text]
        assert again.keys() == {"type", name, "other"}
