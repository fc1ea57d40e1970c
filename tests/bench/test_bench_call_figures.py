"""Figures of calls from what was seen: delays matched by number or by sound, an even pace, medians, what is added, what has grown."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from time import perf_counter

from bench.calls.pace import beat
from bench.calls.rows import rungs
from bench.calls.sound import CYCLE
from bench.calls.sound import packets
from bench.calls.stream import Sound
from bench.calls.stream import Stream
from bench.parts.soak import Passing
from bench.parts.soak import summary


def test_an_arrival_is_matched_by_its_number_and_counts_once() -> None:
    stream, delays = Stream(), array("d")
    stream.leave(1)
    stream.begin(delays)
    stream.leave(65_535)
    stream.leave(0)
    for number in (0, 0, 1, 7):
        stream.arrive(number, 90)
    assert (stream.sent, stream.received, stream.lost, len(delays)) == (2, 1, 1, 1)
    stream.end()
    stream.leave(2)
    stream.arrive(65_535, 90)
    assert (stream.sent, stream.lost) == (2, 0)


def test_the_start_of_a_sound_is_recognised_by_size_however_packets_are_numbered() -> None:
    stream, delays = Sound(CYCLE), array("d")
    sizes = [2 * len(packet) for packet in packets()]
    for number in range(CYCLE):
        stream.leave(number)
        stream.arrive(9_000 + number, sizes[number])
    stream.begin(delays)
    for number in range(CYCLE, 4 * CYCLE):
        stream.leave(number)
        stream.arrive(9_000 + number, sizes[number % CYCLE])
    assert len(delays) == 3
    assert max(delays) < 1
    assert (stream.sent, stream.received, stream.lost) == (3 * CYCLE, 3 * CYCLE, 0)


def test_what_is_said_is_opus_of_the_usual_size_and_half_of_it_loud() -> None:
    sizes = [len(packet) for packet in packets()]
    assert len(sizes) == CYCLE
    assert 75 < sum(sizes) / CYCLE < 90
    assert min(sizes[: CYCLE // 2]) > 1.5 * max(sizes[CYCLE // 2 + 5 :])


async def test_everybody_acts_once_in_each_period_and_nobody_drifts() -> None:
    moments: list[tuple[int, float]] = []
    actors = [lambda number=number: moments.append((number, perf_counter())) for number in range(5)]
    task = asyncio.create_task(beat(lambda: actors, 0.02))
    began = perf_counter()
    await asyncio.sleep(0.3)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert [number for number, _ in moments[:10]] == [0, 1, 2, 3, 4] * 2
    assert len(moments) <= ((moments[-1][1] - began) / 0.02 + 1) * 5
    assert all(late >= early for (_, early), (_, late) in pairwise(moments))


async def test_a_beat_without_actors_waits_for_some() -> None:
    acted = asyncio.Event()
    nobody: list[Callable[[], None]] = []
    waiting = iter((nobody, nobody))
    task = asyncio.create_task(beat(lambda: next(waiting, [acted.set]), 0.01))
    async with asyncio.timeout(5):
        await acted.wait()
    task.cancel()


def sample(calls: float, **figures: float) -> dict[str, float]:
    return {"calls": calls, "events_per_s": 10.0, **figures}


def test_rungs_are_medians_and_say_what_is_added() -> None:
    measured = [
        ("direct", sample(25, audio_p50_ms=0.125)),
        ("voicetap", sample(25, audio_p50_ms=0.25, whole_ms=8.0, media_ms=5.0)),
        ("voicetap", sample(25, audio_p50_ms=0.5, whole_ms=12.0, media_ms=5.0)),
        ("voicetap", sample(100, audio_p50_ms=0.7, whole_ms=8.0)),
    ]
    direct, low, high = rungs(measured)
    assert "audio_p50_ms_added" not in direct
    assert low["audio_p50_ms_added"] == 0.25
    assert (low["calls_per_core"], low["calls_per_media_core"]) == (100.0, 200.0)
    assert "audio_p50_ms_added" not in high


def test_a_soak_compares_its_last_third_with_its_first() -> None:
    crossed = {"audio_p99_ms": 1.0, "audio_sent": 100.0, "audio_lost": 0.25, "whole_ms": 5.0, "files": 50.0, "threads": 3.0, "refused": 0.0}
    changing = [
        {"at": at * 10.0, "audio_p50_ms": 0.5 + at, "rss_mb": 100.0 + at, "media_rss_mb": 50.0, "dead": float(at == 2)} for at in range(3)
    ]
    samples = [sample(20, **crossed, **change) for change in changing]
    row = summary(samples, Passing(passed=4, failed=["ICE failed"]))
    assert row["audio_p50_last_ms"] - row["audio_p50_first_ms"] == 2
    assert (row["growth_mb"], row["media_growth_mb"], row["files_more"], row["threads_more"]) == (2, 0, 0, 0)
    assert (row["passed"], row["failures"], row["minutes"]) == (4, 2, 0.5)
    assert row["audio_lost"] == 0.25
