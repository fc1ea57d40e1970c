"""`export wav`: recorded sound, byte for byte and headers included, as other readers of WAV hear it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from exportlog import CALL
from exportlog import TALK
from exportlog import run
from exportlog import write
from soundtools import wav

from cli.errors import Failure

FILES = ["1-model.wav", "1-user.wav", "2-model.wav", "2-user.wav", "stereo.wav"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("wav")
    write(data)
    return data


def test_every_file_is_the_one_recorded(log: Path, tmp_path: Path) -> None:
    result = run(log, "export", "wav", TALK, "-o", str(tmp_path))
    assert result.exit_code == 0, result.output
    made = sorted((tmp_path / TALK).iterdir())
    assert [path.name for path in made] == FILES
    for path in made:
        assert path.read_bytes() == (log / "audio" / "2026-11-21" / TALK / path.name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / TALK).stat().st_mode & 0o777 == 0o700


def test_readers_hear_who_spoke_where(log: Path, tmp_path: Path) -> None:
    run(log, "export", "wav", TALK, "-o", str(tmp_path))
    found = wav(tmp_path / TALK / "stereo.wav")
    assert (found.rate, found.seconds) == (8_000, 5.0)
    assert found.pitch(0, 1, 2) == pytest.approx(440, abs=2)
    assert found.pitch(1, 1, 2) == pytest.approx(880, abs=2)
    with av.open(str(tmp_path / TALK / "stereo.wav")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.codec_context.layout.nb_channels) == ("pcm_s16le", 8_000, 2)
        assert sum(frame.samples for frame in container.decode(stream)) == 40_000
    with av.open(str(tmp_path / TALK / "2-model.wav")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == 4_000


def test_one_turn(log: Path, tmp_path: Path) -> None:
    assert run(log, "export", "wav", TALK, "--turn", "2", "-o", str(tmp_path)).exit_code == 0
    assert sorted(path.name for path in (tmp_path / TALK).iterdir()) == ["2-model.wav", "2-user.wav"]


def test_files_that_are_there_stay(log: Path, tmp_path: Path) -> None:
    (tmp_path / TALK).mkdir()
    (tmp_path / TALK / "2-user.wav").write_text("mine")
    failure = run(log, "export", "wav", TALK, "-o", str(tmp_path)).exception
    assert isinstance(failure, Failure)
    assert failure.code == "VT111"
    assert [path.name for path in (tmp_path / TALK).iterdir()] == ["2-user.wav"], "nothing else was begun"
    assert run(log, "export", "wav", TALK, "-o", str(tmp_path), "--force").exit_code == 0
    assert (tmp_path / TALK / "2-user.wav").read_bytes()[:4] == b"RIFF"


def test_sessions_without_sound_are_told_of(log: Path, tmp_path: Path) -> None:
    result = run(log, "export", "wav", "-o", str(tmp_path))
    assert (result.exit_code, f"{CALL}: its sound was not recorded" in result.stderr) == (0, True)
    for words in ([CALL], [TALK, "--turn", "9"]):
        failure = run(log, "export", "wav", *words, "-o", str(tmp_path)).exception
        assert isinstance(failure, Failure)
        assert failure.code == "VT112"
