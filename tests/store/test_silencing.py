"""Sound that is not to be kept becomes silence of the same length, in the spool itself, before anything is made of it."""

from __future__ import annotations

import os
from base64 import b64encode
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from soundtools import Recorded
from soundtools import tone
from soundtools import wav

from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.audio import Sound
from realtime.g711 import LAWS
from store import soundmaker
from store.soundfolder import SPOOL
from store.soundfolder import relative
from store.spool import MODEL
from store.spool import USER
from store.spool import Entry
from store.spool import Spool
from store.spool import mark

FOLDER = relative("2026-11-21T10:00:00.000Z", "ses_1")
HEAD = mark(0.0, opened=1_000.0, session="ses_1")
GUARDED = (mark(0.0, guarded="user"), mark(0.0, guarded="model"))
ULAW, ALAW = AudioFormat("pcmu", 8_000), AudioFormat("pcma", 8_000)


def gathered(data: Path, *entries: Entry) -> Path:
    spool = Spool(data, FOLDER)
    spool.append([HEAD, *entries])
    spool.close()
    assert spool.failed is None
    return data / FOLDER / SPOOL


def made(data: Path, *entries: Entry) -> tuple[dict[str, Any], Recorded]:
    """The `recording` of a session of these entries, and what is heard of it."""
    gathered(data, *entries)
    recording = soundmaker.make(data, FOLDER)
    return recording, wav(data / FOLDER / "stereo.wav")


def said(sound: Sound, at: float, form: AudioFormat = PCM16_24K) -> Entry:
    return USER, at, sound, form, 0, 0


def answered(sound: Sound, at: float, turn: int) -> Entry:
    return MODEL, at, sound, PCM16_24K, turn, turn


def began(turn: int, at: float, user: tuple[float, float] | None) -> Entry:
    return mark(at, turn=turn, began=at, user=user)


def settled(turn: int, side: str) -> Entry:
    return mark(0.0, settled=turn, side=side)


PCM = tone(440, 0.5).tobytes()
SHORT = tone(440, 0.5, 8_000)


@pytest.mark.parametrize("beyond", [0, 1, 2])
@pytest.mark.parametrize(("form", "sound"), [(PCM16_24K, PCM), (ULAW, LAWS["pcmu"].encode(SHORT)), (ALAW, LAWS["pcma"].encode(SHORT))])
@pytest.mark.parametrize("wrap", [bytes, lambda data: b64encode(data).decode(), lambda data: urlsafe_b64encode(data).decode().rstrip("=")])
def test_as_long_and_silent_in_every_form(tmp_path: Path, beyond: int, form: AudioFormat, sound: bytes, wrap: Any) -> None:
    wrapped = wrap(sound[: len(sound) - beyond])
    data: Sound = memoryview(f'"{wrapped}"'.encode()) if isinstance(wrapped, str) else wrapped
    _, heard = made(tmp_path / "heard", said(data, 1.0, form))
    recording, silent = made(tmp_path / "silent", *GUARDED, said(data, 1.0, form))
    assert heard.sounding(0)[1] > 0.9
    assert (silent.rate, len(silent.channels[0])) == (heard.rate, len(heard.channels[0]))
    assert max(map(abs, silent.channels[0])) <= 8, "A-law has no zero"
    assert recording["silenced"] == [{"turn": None, "side": "user", "policies": []}, {"turn": None, "side": "model", "policies": []}]


def test_what_is_settled_stays_and_all_around_it_goes(tmp_path: Path) -> None:
    entries = [said(tone(200 + 50 * number, 0.5).tobytes(), 1.0 + number) for number in range(6)]
    turns = [began(1, 1.6, (0.0, 1.5)), began(2, 3.6, (2.5, 3.5)), began(3, 4.6, (3.5, 4.5))]
    answers = [answered(tone(900 + 50 * turn, 0.3).tobytes(), 1.0 + 1.5 * turn, turn) for turn in range(4)]
    marks = [
        settled(1, "user"),
        settled(3, "user"),
        settled(1, "model"),
        settled(2, "model"),
        mark(0, silenced=2, side="model", policy="p"),
    ]
    recording, stereo = made(tmp_path, *GUARDED, *entries, *turns, *answers, *marks)
    assert [number for number in range(6) if tone(200 + 50 * number, 0.5).tobytes() in stereo.channels[0].tobytes()] == [0, 3]
    assert [turn for turn in range(4) if tone(900 + 50 * turn, 0.3).tobytes() in stereo.channels[1].tobytes()] == [1]
    assert recording["silenced"] == [
        {"turn": 2, "side": "user", "policies": []},
        {"turn": 2, "side": "model", "policies": ["p"]},
        {"turn": 3, "side": "model", "policies": []},
    ]
    assert recording["turns"] == [1, 3]
    assert sorted(path.name for path in (tmp_path / FOLDER).glob("*-*.wav")) == ["1-model.wav", "1-user.wav", "3-user.wav"]


def test_without_turns_a_side_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    entries = (*GUARDED, said(PCM, 1.0), answered(PCM, 2.0, 0), settled(0, "model"))
    recording, stereo = made(tmp_path, *entries)
    assert (stereo.loudness(0, 0, 3), PCM in stereo.channels[1].tobytes()) == (0, True)
    assert recording["silenced"] == [{"turn": None, "side": "user", "policies": []}]


def test_a_side_in_which_no_policy_has_a_say_is_left_alone(tmp_path: Path) -> None:
    recording, stereo = made(tmp_path, GUARDED[1], said(PCM, 1.0), began(1, 1.1, (0.0, 1.0)), answered(PCM, 2.0, 1))
    assert (PCM in stereo.channels[0].tobytes(), stereo.loudness(1, 0, 3)) == (True, 0)
    assert recording["silenced"] == [{"turn": 1, "side": "model", "policies": []}]


def test_on_a_full_disk_what_stays_for_the_next_start_is_silent_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, os.strerror(28))

    kept, gone = tone(300, 0.5).tobytes(), tone(600, 0.5).tobytes()
    spool = gathered(tmp_path, *GUARDED, said(kept, 1.0), began(1, 1.1, (0.0, 1.0)), settled(1, "user"), said(gone, 2.0))
    assert gone in spool.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("store.products._interleaved", full)
        with pytest.raises(OSError, match="No space"):
            soundmaker.make(tmp_path, FOLDER)
    assert (kept in spool.read_bytes(), gone in spool.read_bytes()) == (True, False)
    assert soundmaker.make(tmp_path, FOLDER)["state"] == "ready"
    assert wav(tmp_path / FOLDER / "1-user.wav").samples.tobytes() == kept
