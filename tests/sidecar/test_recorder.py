"""Calls are recorded: what RTP brought, read back with FFmpeg's reader of Ogg and its Opus decoder."""

from __future__ import annotations

import json
import math
import os
import resource
import stat
from array import array
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from opuspackets import FRAME
from opuspackets import arriving
from opuspackets import tone

from sidecar.ogg import checksum
from sidecar.ogg import samples_of
from sidecar.recorder import Recorder
from sidecar.track import Packet


async def recorded(folder: Path, packets: list[Packet], *, limit: int = 1 << 20) -> dict[str, Any]:
    """Record these as the client's side; returns `recording.json`."""
    recorder = Recorder(folder, limit, clock=lambda: 100.0, wall=lambda: 5_000.0)
    for packet in packets:
        recorder.packet(True, *packet)
    await recorder.close()
    found: dict[str, Any] = json.loads((folder / "recording.json").read_text())
    return found


def samples(path: Path) -> array[float]:
    """The left channel, decoded."""
    heard = array("f")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            heard.frombytes(bytes(frame.planes[0])[: 4 * frame.samples])
    return heard


def loudness(heard: array[float], begin: float, end: float) -> float:
    part = heard[int(begin * 48_000) : int(end * 48_000)]
    return math.sqrt(sum(value * value for value in part) / len(part))


def pitch(heard: array[float], begin: float, end: float) -> float:
    """Upward crossings of zero a second."""
    part = heard[int(begin * 48_000) : int(end * 48_000)]
    return sum(a < 0 <= b for a, b in pairwise(part)) / (end - begin)


async def test_both_sides_are_written_and_read_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1 << 20, clock=lambda: 100.0, wall=lambda: 5_000.0)
    for packet in arriving(tone(440, 60), at=101.5):
        recorder.packet(True, *packet)
    for packet in arriving(tone(880, 60), at=102.0):
        recorder.packet(False, *packet)
    await recorder.close()
    await recorder.close()
    assert json.loads((tmp_path / "recording.json").read_text()) == {
        "client": {"started": 5_001.5, "truncated": False, "failed": None},
        "upstream": {"started": 5_002.0, "truncated": False, "failed": None},
    }
    for name, hertz in (("client.ogg", 440), ("upstream.ogg", 880)):
        heard = samples(tmp_path / name)
        assert len(heard) == 60 * FRAME
        assert pitch(heard, 0.2, 1.0) == pytest.approx(hertz, rel=0.02)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


async def test_the_packets_stand_in_the_file_as_they_came(tmp_path: Path) -> None:
    payloads = tone(440, 120)
    await recorded(tmp_path, list(arriving(payloads)))
    with av.open(str(tmp_path / "client.ogg")) as container:
        assert [bytes(packet) for packet in container.demux(audio=0) if packet.size] == payloads


async def test_a_pause_keeps_its_time_and_so_does_loss(tmp_path: Path) -> None:
    payloads = tone(440, 100)
    talk, rest = payloads[:50], payloads[50:]
    later = arriving(rest, timestamp=50 * FRAME + 96_000, sequence=50, at=103.0)
    packets = [*arriving(talk), *later]
    del packets[70:73]
    await recorded(tmp_path, packets)
    heard = samples(tmp_path / "client.ogg")
    assert len(heard) == 100 * FRAME + 96_000
    assert loudness(heard, 0.3, 0.9) > 0.1
    assert loudness(heard, 1.5, 2.9) < 0.01
    assert loudness(heard, 3.6, 3.9) > 0.1


async def test_order_copies_and_numbers_that_wrap(tmp_path: Path) -> None:
    packets = list(arriving(tone(440, 100), timestamp=2**32 - 20 * FRAME, sequence=65_500))
    packets[10], packets[13] = packets[13], packets[10]
    packets.insert(40, packets[30])
    packets.append(packets[0])
    await recorded(tmp_path, packets)
    with av.open(str(tmp_path / "client.ogg")) as container:
        found = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    assert found == tone(440, 100)


async def test_a_new_source_goes_on_where_the_clock_stands(tmp_path: Path) -> None:
    payloads = tone(440, 150)
    first = arriving(payloads[:50], timestamp=4_000_000, sequence=40_000)
    second = arriving(payloads[50:], timestamp=77, sequence=3, at=102.0)
    await recorded(tmp_path, [*first, *second])
    seconds = len(samples(tmp_path / "client.ogg")) / 48_000
    assert seconds == pytest.approx(4.0, abs=0.05)


async def test_it_is_bounded_whatever_the_timestamps_say(tmp_path: Path) -> None:
    payloads = tone(440, 200)
    wild = [Packet(payload, number * 1_000_000_007 % 2**32, number, 100 + number / 50) for number, payload in enumerate(payloads)]
    found = await recorded(tmp_path, wild, limit=8_000)
    assert found["client"]["truncated"]
    assert (tmp_path / "client.ogg").stat().st_size <= 8_000
    assert len(samples(tmp_path / "client.ogg")) < 4 * 48_000 + 2 * FRAME


async def test_what_is_no_opus_is_left_out(tmp_path: Path) -> None:
    packets = list(arriving([b"", b"\xff", b"\xff\x3f", b"\xfb\x00", bytes(13_000)]))
    assert await recorded(tmp_path, packets) == {
        "client": {"started": 5_000.0, "truncated": False, "failed": None},
        "upstream": {"started": None, "truncated": False, "failed": None},
    }
    assert not (tmp_path / "upstream.ogg").exists()


async def test_a_disk_that_refuses_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1 << 20)
    packets = list(arriving(tone(440, 500)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        for packet in packets:
            recorder.packet(True, *packet)
        await recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert json.loads((tmp_path / "recording.json").read_text())["client"]["failed"] == os.strerror(27)
    assert (tmp_path / "client.ogg").stat().st_size == 4_096


async def test_no_link_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    (tmp_path / "client.ogg").symlink_to(target)
    found = await recorded(tmp_path, list(arriving(tone(440, 5))))
    assert found["client"]["failed"]
    assert not target.exists()


def test_durations_and_checksum_of_the_standards() -> None:
    assert [samples_of(bytes((config << 3,))) for config in (0, 3, 12, 16, 19, 31)] == [480, 2880, 480, 120, 960, 960]
    assert samples_of(b"\xfb\x06") == 5_760
    assert samples_of(b"\xfb\x07") == 0
    assert checksum(b"123456789") == 0x89A1897F
