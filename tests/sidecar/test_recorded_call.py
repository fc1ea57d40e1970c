"""The files of a recorded call become those that every session has: at their time, cut by the turns' clocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opuspackets import arriving
from opuspackets import tone
from soundtools import wav

from sidecar.recorder import Recorder
from store import soundmaker
from store.soundfolder import make
from store.soundfolder import relative
from store.soundfolder import unclaimed
from store.spool import Entry
from store.spool import Spool
from store.spool import mark

FOLDER = relative("2026-11-21T10:00:00.000Z", "ses_1")
TURN = mark(4.0, turn=1, began=4.0, user=(1.0, 2.5))


async def called(data: Path, *marks: Entry) -> Path:
    """A call of a session that began at 1,000: the user's tone from 1.5 s to 2.5 s, the model's from 4.2 s to 6.2 s."""
    spool = Spool(data, FOLDER)
    spool.append([mark(0.0, opened=1_000.0, session="ses_1"), *marks])
    spool.close()
    recorder = Recorder(make(data, FOLDER), 1 << 20, clock=lambda: 0.0, wall=lambda: 1_000.0)
    for packet in arriving(tone(440, 50), at=1.5):
        recorder.packet(True, *packet)
    for packet in arriving(tone(880, 100), at=4.2):
        recorder.packet(False, *packet)
    await recorder.close()
    return data / FOLDER


async def test_both_sides_stand_at_their_time(tmp_path: Path) -> None:
    folder = await called(tmp_path, TURN, mark(4.2, playback=True, turn=1), mark(5.2, playback=False, turn=1))
    recording = soundmaker.make(tmp_path, FOLDER)
    assert (recording["state"], recording["turns"], recording["failed"]) == ("ready", [1], None)
    stereo = wav(folder / "stereo.wav")
    assert (stereo.rate, stereo.seconds) == (24_000, pytest.approx(6.2, abs=0.01))
    assert stereo.sounding(0) == pytest.approx((1.5, 2.5), abs=0.03)
    assert stereo.sounding(1) == pytest.approx((4.2, 6.2), abs=0.03)
    assert stereo.pitch(0, 1.6, 2.4) == pytest.approx(440, rel=0.02)
    assert stereo.pitch(1, 4.4, 6.0) == pytest.approx(880, rel=0.02)
    user, model = wav(folder / "1-user.wav"), wav(folder / "1-model.wav")
    assert (user.seconds, model.seconds) == pytest.approx((1.5, 1.0), abs=0.01)
    assert user.pitch(0, 0.6, 1.4) == pytest.approx(440, rel=0.02)
    assert {path.name for path in folder.glob("*.ogg")} == {"client.ogg", "upstream.ogg"}


async def test_without_word_of_playback_an_answer_lasts_to_the_next_turn(tmp_path: Path) -> None:
    folder = await called(tmp_path, TURN, mark(5.5, turn=2, began=5.5, user=None))
    assert soundmaker.make(tmp_path, FOLDER)["turns"] == [1, 2]
    assert wav(folder / "1-model.wav").seconds == pytest.approx(1.5, abs=0.01)
    assert wav(folder / "2-model.wav").seconds == pytest.approx(0.7, abs=0.01)


async def test_a_turn_that_played_nothing_has_no_sound(tmp_path: Path) -> None:
    marks = (TURN, mark(4.5, turn=2, began=4.5, user=None), mark(4.6, playback=True, turn=2), mark(5.0, playback=False, turn=2))
    await called(tmp_path, *marks)
    spans = {turn["turn"]: turn["model"] for turn in json.loads((await _peaks(tmp_path)).read_text())["turns"]}
    assert spans == {1: None, 2: [4.6, 5.0]}


async def _peaks(data: Path) -> Path:
    soundmaker.make(data, FOLDER)
    return data / FOLDER / "peaks.json"


async def test_what_the_media_process_could_not_write_is_said(tmp_path: Path) -> None:
    folder = await called(tmp_path, TURN)
    (folder / "recording.json").write_text(json.dumps({"client": {"started": 1_001.5, "truncated": True, "failed": "No space left"}}))
    recording = soundmaker.make(tmp_path, FOLDER)
    assert (recording["truncated"], recording["failed"]) == (True, "No space left")
    assert wav(folder / "stereo.wav").sounding(0)[0] == pytest.approx(1.5, abs=0.03)


async def test_a_media_process_that_was_killed_leaves_what_can_be_read(tmp_path: Path) -> None:
    folder = await called(tmp_path, TURN)
    (folder / "recording.json").unlink()
    whole = (folder / "upstream.ogg").read_bytes()
    (folder / "upstream.ogg").write_bytes(whole[: len(whole) * 2 // 3])
    (folder / "client.ogg").write_bytes(b"OggS but no more")
    recording = soundmaker.make(tmp_path, FOLDER)
    assert (recording["state"], recording["seconds"]) == ("ready", pytest.approx(1.0, abs=0.05))
    assert recording["failed"].startswith("client.ogg: ")
    (folder / "upstream.ogg").write_bytes(b"")
    recording = soundmaker.make(tmp_path, FOLDER)
    assert (recording["state"], recording["stereo"]) == ("failed", None)


GUARDED = tuple(mark(0.0, guarded=side) for side in ("user", "model"))
ANSWERED = (mark(4.2, playback=True, turn=1), mark(5.2, playback=False, turn=1))


async def test_only_what_is_settled_is_heard_and_no_packets_are_kept(tmp_path: Path) -> None:
    folder = await called(tmp_path, *GUARDED, TURN, *ANSWERED, mark(0.0, settled=1, side="model"))
    recording = soundmaker.make(tmp_path, FOLDER)
    assert recording["silenced"] == [{"turn": 1, "side": "user", "policies": []}]
    stereo = wav(folder / "stereo.wav")
    assert (stereo.seconds, stereo.loudness(0, 0, 6.2)) == (pytest.approx(6.2, abs=0.01), 0)
    assert stereo.sounding(1) == pytest.approx((4.2, 5.2), abs=0.03)
    assert wav(folder / "1-model.wav").pitch(0, 0.1, 0.9) == pytest.approx(880, rel=0.02)
    assert {path.name for path in folder.iterdir()} == {"stereo.wav", "1-model.wav", "peaks.json", "recording.json", "sound.spool"}
    assert soundmaker.make(tmp_path, FOLDER) == recording, "a process that was killed before it told of it is not missed"
    assert wav(folder / "stereo.wav") == stereo


async def test_what_a_policy_stopped_is_silent_though_it_was_settled_and_the_other_side_is_untouched(tmp_path: Path) -> None:
    stopped = mark(0.0, silenced=1, side="user", policy="cards")
    folder = await called(tmp_path, GUARDED[0], TURN, mark(0.0, settled=1, side="user"), stopped, stopped)
    recording = soundmaker.make(tmp_path, FOLDER)
    assert recording["silenced"] == [{"turn": 1, "side": "user", "policies": ["cards"]}]
    stereo = wav(folder / "stereo.wav")
    assert stereo.loudness(0, 0, 6.2) == 0
    assert stereo.sounding(1) == pytest.approx((4.2, 6.2), abs=0.03)
    assert {path.name for path in folder.glob("*.ogg")} == {"upstream.ogg"}


async def test_what_belongs_to_no_session_is_found(tmp_path: Path) -> None:
    folder = await called(tmp_path, TURN)
    assert unclaimed(tmp_path) == []
    (folder / "sound.spool").unlink()
    assert unclaimed(tmp_path) == [FOLDER]
    (folder / "peaks.json").write_text("{}")
    assert unclaimed(tmp_path) == []
