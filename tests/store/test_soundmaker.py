"""A spool becomes WAV files: formats, alignment, cuts, limits and what a crash leaves, read back with the standard library."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from array import array
from base64 import b64encode
from base64 import urlsafe_b64encode
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from soundtools import Recorded
from soundtools import tone
from soundtools import wav

from realtime.audio import PCM16_16K
from realtime.audio import PCM16_24K
from realtime.audio import AudioFormat
from realtime.g711 import LAWS
from store import gathered
from store import soundmaker
from store.files import open_private
from store.soundfolder import SPOOL
from store.soundfolder import finish
from store.soundfolder import leftovers
from store.soundfolder import make
from store.soundfolder import relative
from store.spool import MODEL
from store.spool import USER
from store.spool import Entry
from store.spool import Spool
from store.spool import mark

FOLDER = relative("2026-11-21T10:00:00.000Z", "ses_1")
HEAD = mark(0.0, opened=1_000.0, session="ses_1")
ULAW = AudioFormat("pcmu", 8_000)


def made(data: Path, *entries: Entry) -> dict[str, Any]:
    """The `recording` of a session of these entries."""
    spool = Spool(data, FOLDER)
    spool.append([HEAD, *entries])
    spool.close()
    assert spool.failed is None
    return soundmaker.make(data, FOLDER)


def product(data: Path, name: str) -> Recorded:
    return wav(data / FOLDER / name)


def pieces(sound: array[int], size: int) -> list[bytes]:
    data = sound.tobytes()
    return [data[start : start + size] for start in range(0, len(data), size)]


def spoken(sound: array[int], at: float, form: AudioFormat = PCM16_24K, chunk: float = 0.1) -> list[Entry]:
    """A microphone: pieces that arrive as they were spoken, the first of them at this time."""
    size = round(form.rate * chunk) * 2
    return [(USER, at + number * chunk, piece, form, 0, 0) for number, piece in enumerate(pieces(sound, size))]


def answered(sound: array[int], at: float, turn: int = 1, item: int = 1, form: AudioFormat = PCM16_24K) -> list[Entry]:
    """An answer whose pieces all come at once."""
    return [(MODEL, at, piece, form, turn, item) for piece in pieces(sound, 4_800)]


def began(turn: int, at: float, user: tuple[float, float] | None) -> Entry:
    return mark(at, turn=turn, began=at, user=user)


def test_both_sides_sample_by_sample(tmp_path: Path) -> None:
    question, answer = tone(440, 1.0), tone(880, 1.5)
    recording = made(tmp_path, *spoken(question, 1.1), began(1, 2.2, (-1.0, 2.1)), *answered(answer, 2.5))
    assert recording == {
        "state": "ready",
        "folder": FOLDER,
        "stereo": f"{FOLDER}/stereo.wav",
        "peaks": f"{FOLDER}/peaks.json",
        "turns": [1],
        "seconds": 4.0,
        "truncated": False,
        "failed": None,
        "skipped": [],
        "silenced": [],
    }
    stereo = product(tmp_path, "stereo.wav")
    assert (stereo.rate, len(stereo.channels), stereo.seconds) == (24_000, 2, 4.0)
    assert stereo.part(0, 1.0, 2.0) == question
    assert stereo.part(1, 2.5, 4.0) == answer
    assert stereo.loudness(0, 0, 1.0) == stereo.loudness(0, 2.0, 4.0) == stereo.loudness(1, 0, 2.5) == 0
    assert product(tmp_path, "1-user.wav").samples == question
    assert product(tmp_path, "1-model.wav").samples == answer
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / FOLDER).iterdir()}
    assert modes == dict.fromkeys(["stereo.wav", "1-user.wav", "1-model.wav", "peaks.json", SPOOL], 0o600)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "audio").rglob("*") if path.is_dir()} == {0o700}


def test_base64_of_every_kind_says_the_same(tmp_path: Path) -> None:
    sound = tone(440, 0.31)
    data = sound.tobytes()
    forms: list[str | bytes] = [b64encode(data).decode(), urlsafe_b64encode(data).decode().rstrip("="), data, "?"]
    made(tmp_path, *((USER, float(number + 1), form, PCM16_24K, 0, 0) for number, form in enumerate(forms)))
    stereo = product(tmp_path, "stereo.wav")
    for number in range(3):
        assert stereo.part(0, number + 1 - 0.31, number + 1) == sound


def test_half_a_sample_is_kept_for_the_next_message(tmp_path: Path) -> None:
    data = tone(440, 0.5).tobytes()
    parts = [data[start:end] for start, end in pairwise([0, 1_001, 4_444, 9_999, len(data)])]
    made(tmp_path, *((USER, 1.0, part, PCM16_24K, 0, 0) for part in parts))
    assert product(tmp_path, "stereo.wav").part(0, 0.5, 1.0).tobytes() == data


def test_g711_is_decoded(tmp_path: Path) -> None:
    codes = LAWS["pcmu"].encode(tone(440, 0.5, 8_000))
    made(tmp_path, (USER, 1.0, codes, ULAW, 0, 0), began(1, 1.1, (-1.0, 1.0)), (MODEL, 1.5, codes, AudioFormat("pcma", 8_000), 1, 1))
    stereo = product(tmp_path, "stereo.wav")
    assert stereo.rate == 8_000
    assert stereo.part(0, 0.5, 1.0).tobytes() == LAWS["pcmu"].decode(codes)
    assert product(tmp_path, "1-model.wav").samples.tobytes() == LAWS["pcma"].decode(codes)


def test_two_channels_become_one(tmp_path: Path) -> None:
    left, right = tone(440, 0.2), array("h", [2_000]) * 4_800
    both = array("h", bytes(4 * len(left)))
    both[0::2], both[1::2] = left, right
    made(tmp_path, (USER, 0.2, both.tobytes(), AudioFormat("pcm16", 24_000, 2), 0, 0))
    assert product(tmp_path, "stereo.wav").part(0, 0, 0.2) == array("h", ((a + 2_000) >> 1 for a in left))


def test_sides_of_different_rates_meet_at_the_better_one(tmp_path: Path) -> None:
    made(tmp_path, *spoken(tone(440, 1.0, 16_000), 0.1, PCM16_16K), began(1, 1.0, (-1.0, 1.0)), *answered(tone(880, 1.0), 2.0))
    stereo = product(tmp_path, "stereo.wav")
    assert (stereo.rate, stereo.seconds) == (24_000, 3.0)
    assert stereo.pitch(0, 0.1, 0.9) == pytest.approx(440, rel=0.01)
    assert stereo.pitch(1, 2.1, 2.9) == pytest.approx(880, rel=0.01)
    assert stereo.sounding(0) == pytest.approx((0.0, 1.0), abs=0.01)
    assert product(tmp_path, "1-user.wav").rate == 16_000


def test_a_format_that_changes_in_the_middle(tmp_path: Path) -> None:
    first, second = tone(440, 1.0), LAWS["pcmu"].encode(tone(880, 1.0, 8_000))
    made(tmp_path, *spoken(first, 0.1), *((USER, 2.1 + n / 10, second[n * 800 : n * 800 + 800], ULAW, 0, 0) for n in range(10)))
    stereo = product(tmp_path, "stereo.wav")
    assert stereo.part(0, 0, 1.0) == first
    assert stereo.pitch(0, 2.1, 2.9) == pytest.approx(880, rel=0.01)
    assert stereo.sounding(0) == pytest.approx((0.0, 3.0), abs=0.01)


def test_barge_in_cuts_where_the_client_truncated(tmp_path: Path) -> None:
    answer, next_answer = tone(880, 3.0), tone(660, 0.5)
    made(
        tmp_path,
        began(1, 0.9, None),
        *answered(answer, 1.0),
        mark(1.75, cancel=1),
        mark(1.8, truncate=1, ms=750),
        *answered(answer, 1.9)[:3],
        began(2, 2.5, None),
        *answered(next_answer, 2.6, turn=2, item=2),
    )
    assert product(tmp_path, "1-model.wav").samples == answer[:18_000]
    stereo = product(tmp_path, "stereo.wav")
    assert stereo.part(1, 1.0, 1.75) == answer[:18_000]
    assert stereo.loudness(1, 1.75, 2.6) == 0
    assert stereo.part(1, 2.6, 3.1) == next_answer
    peaks = json.loads((tmp_path / FOLDER / "peaks.json").read_text())
    assert peaks["turns"] == [
        {"turn": 1, "user": None, "model": [1.0, 1.75], "cut": True},
        {"turn": 2, "user": None, "model": [2.6, 3.1], "cut": False},
    ]


def test_peaks_are_those_of_the_samples(tmp_path: Path) -> None:
    sound = tone(440, 1.0)
    made(tmp_path, *spoken(sound, 0.1))
    peaks = json.loads((tmp_path / FOLDER / "peaks.json").read_text())
    assert (peaks["seconds"], peaks["bucket_seconds"], peaks["model"]) == (1.0, 0.02, {"min": [], "max": []})
    buckets = [sound[start : start + 480] for start in range(0, 24_000, 480)]
    assert peaks["user"] == {"min": [min(bucket) >> 8 for bucket in buckets], "max": [max(bucket) >> 8 for bucket in buckets]}


def test_peaks_and_length_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundmaker, "LIMIT_SECONDS", 900)
    sound = tone(440, 1.0, 8_000)
    form = AudioFormat("pcm16", 8_000)
    recording = made(tmp_path, *spoken(sound, 0.1, form), *spoken(sound, 899.6, form))
    assert (recording["seconds"], recording["truncated"]) == (900.0, True)
    stereo = product(tmp_path, "stereo.wav")
    assert stereo.seconds == 900
    assert stereo.part(0, 899.5, 900.0) == sound[:4_000]
    peaks = json.loads((tmp_path / FOLDER / "peaks.json").read_text())
    assert len(peaks["user"]["min"]) == 900 / peaks["bucket_seconds"] <= 12_000


def test_a_torn_spool_is_read_to_its_last_complete_entry(tmp_path: Path) -> None:
    question = tone(440, 1.0)
    spool = Spool(tmp_path, FOLDER)
    spool.append([HEAD, *spoken(question, 1.1)])
    spool.close()
    path = tmp_path / FOLDER / SPOOL
    whole = path.stat().st_size
    os.truncate(path, whole - 100)
    assert soundmaker.make(tmp_path, FOLDER)["seconds"] == 1.9
    assert product(tmp_path, "stereo.wav").part(0, 1.0, 1.9) == question[:21_600]
    os.truncate(path, whole - 4_800)
    descriptor = open_private(path)
    os.write(descriptor, b"\xff" * 500)
    os.close(descriptor)
    assert soundmaker.make(tmp_path, FOLDER)["seconds"] == 1.9


def test_silence_is_no_recording(tmp_path: Path) -> None:
    recording = made(tmp_path, began(1, 1.0, None), mark(2.0, skipped="other"))
    assert (recording["state"], recording["stereo"], recording["skipped"]) == ("empty", None, ["other"])
    assert leftovers(tmp_path) == [FOLDER]
    finish(tmp_path, FOLDER)
    assert not (tmp_path / FOLDER).exists()


def test_the_process_answers_a_folder_a_line_and_says_what_is_wrong(tmp_path: Path) -> None:
    made(tmp_path, *spoken(tone(440, 0.5), 0.1))
    asked = f"{FOLDER}\naudio/2026-11-21/ses_none\n"
    found = subprocess.run(
        [sys.executable, "-m", "store.soundmaker", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        input=asked,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = map(json.loads, found.stdout.splitlines())
    assert (first["folder"], first["recording"]["seconds"]) == (FOLDER, 0.5)
    assert second == {"folder": "audio/2026-11-21/ses_none", "failed": "No such file or directory"}


def test_a_disk_that_is_full_leaves_the_spool_and_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr("store.products._interleaved", full)
        with pytest.raises(OSError, match="No space"):
            made(tmp_path, *spoken(tone(440, 0.5), 0.1))
    assert os.listdir(tmp_path / FOLDER) == [SPOOL]
    assert soundmaker.make(tmp_path, FOLDER)["state"] == "ready"


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "audio").symlink_to(elsewhere)
    spool = Spool(tmp_path, FOLDER)
    spool.append([HEAD])
    assert spool.failed
    assert os.listdir(elsewhere) == []


def test_rounding_never_adds_up() -> None:
    messages = [gathered.Message(0.0, 16_000, 161, 0, 0)] * 1_000
    assert sum(gathered._lengths(messages, 24_000)) == 241_500


@pytest.mark.parametrize("name", ["../ses_1", "a/b", "", ".", "x" * 101])
def test_a_session_has_a_folder_of_its_own_name_or_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder"):
        relative("2026-11-21T10:00:00.000Z", name)
    assert make(tmp_path, FOLDER).is_dir()
