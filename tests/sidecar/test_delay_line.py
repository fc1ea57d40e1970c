"""Packets that wait: their order, their pace, their bounds, and the silence that takes the place of sound."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from struct import pack
from typing import Any
from typing import cast

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opuspackets import tone

from sidecar.delayline import LEAST
from sidecar.delayline import LONGEST
from sidecar.delayline import MOST
from sidecar.delayline import DelayLine
from sidecar.hush import hushed
from sidecar.hush import milliseconds
from sidecar.hush import silent_opus


class Clock:
    """An event loop's clock and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, work: Callable[[], None]) -> Any:
        entry = when, work
        self.timers.append(entry)
        clock = self

        class Handle:
            def cancel(self) -> None:
                if entry in clock.timers:
                    clock.timers.remove(entry)

        return Handle()

    def run(self, until: float) -> None:
        while due := [timer for timer in self.timers if timer[0] <= until]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = until


class Stage:
    """A line into which a packet comes every 20 ms; `out` has number, time and whether it was silent."""

    def __init__(self, state: Any = "open") -> None:
        self.clock = Clock()
        self.line = DelayLine(cast(asyncio.AbstractEventLoop, self.clock))
        self.line.turn(state)
        self.out: list[tuple[int, float, bool]] = []
        self.count = 0

    def speak(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            number = self.count
            self.count += 1
            self.line.push(self.clock.now, lambda silent, number=number: self.out.append((number, round(self.clock.now, 3), silent)))  # type: ignore[misc]
            self.clock.run(round(self.clock.now + 0.02, 6))

    @property
    def numbers(self) -> list[int]:
        return [number for number, _, _ in self.out]


def test_an_open_line_only_has_the_least_delay() -> None:
    stage = Stage()
    stage.speak(1.0)
    assert [round(at - number * 0.02, 3) for number, at, _ in stage.out] == [LEAST] * len(stage.out)
    assert not any(silent for _, _, silent in stage.out)


def test_a_shut_line_lets_go_what_came_by_then_at_its_own_pace() -> None:
    stage = Stage("shut")
    stage.speak(0.4)
    assert stage.out == []
    stage.line.turn("shut", until=0.2)
    assert stage.numbers == [0]
    stage.speak(0.4)
    assert stage.numbers == list(range(11))
    stage.line.turn("open")
    stage.speak(0.4)
    steps = [round(later - sooner, 3) for (_, sooner, _), (_, later, _) in zip(stage.out[11:], stage.out[12:], strict=False)]
    assert set(steps) == {0.02}
    assert stage.numbers == list(range(len(stage.out)))


def test_a_muted_line_goes_on_in_silence() -> None:
    stage = Stage("muted")
    stage.speak(0.2)
    assert [silent for _, _, silent in stage.out] == [True] * len(stage.out) != []


def test_what_is_dropped_is_silent_and_goes_at_once() -> None:
    stage = Stage("shut")
    stage.speak(0.4)
    stage.line.turn("muted", drop=True)
    assert [silent for _, _, silent in stage.out] == [True] * 20
    assert stage.numbers == list(range(20))


def test_a_reset_ends_the_delay() -> None:
    stage = Stage("shut")
    stage.speak(0.5)
    stage.line.turn("open")
    stage.speak(0.1)
    assert len(stage.out) < 10
    stage.line.reset()
    assert len(stage.out) == 30
    stage.speak(0.2)
    number, at, _ = stage.out[-1]
    assert round(at - number * 0.02, 3) == LEAST


def test_nothing_waits_for_ever() -> None:
    stage = Stage("shut")
    stage.speak(LONGEST + 1)
    assert [number for number, _, silent in stage.out if silent] == list(range(len(stage.out)))
    assert 0.9 < len(stage.out) * 0.02 < 1.1


def test_only_so_many_wait() -> None:
    stage = Stage("shut")
    for number in range(MOST + 5):
        stage.line.push(0.0, lambda silent, number=number: stage.out.append((number, 0.0, silent)))  # type: ignore[misc]
    assert stage.out == [(number, 0.0, True) for number in range(5)]
    stage.line.close()
    stage.clock.run(100)
    assert len(stage.out) == 5


STEPS = st.lists(st.sampled_from(["open", "shut", "muted", "let", "reset", "drop", "speak", "speak"]), max_size=25)


@given(STEPS)
def test_packets_keep_their_order_and_none_is_lost(steps: list[str]) -> None:
    stage = Stage("shut")
    for step in steps:
        match step:
            case "speak":
                stage.speak(0.1)
            case "reset":
                stage.line.reset()
            case "let":
                stage.line.turn("shut", until=stage.clock.now - 0.05)
            case "drop":
                stage.line.turn("muted", drop=True)
            case _:
                stage.line.turn(cast(Any, step))
    stage.clock.run(stage.clock.now + LONGEST + 1)
    assert stage.numbers == list(range(stage.count))


def decoded(payloads: list[bytes]) -> list[Any]:
    decoder: Any = av.CodecContext.create("libopus", "r")
    return [frame for payload in payloads for frame in decoder.decode(av.Packet(payload))]


def loudness(frame: Any) -> float:
    return max(map(abs, array({"s16": "h", "flt": "f", "fltp": "f"}[frame.format.name], bytes(frame.planes[0]))))


def test_silence_is_silent_and_as_long() -> None:
    spoken = tone(440, 10)
    heard = decoded([*spoken, *map(silent_opus, spoken), *map(silent_opus, spoken)])
    assert {frame.samples for frame in heard[1:]} == {960}
    assert loudness(heard[-1]) < 0.001 * loudness(heard[8])


@pytest.mark.parametrize(("first", "expected"), [(0x08, 20), (0x18, 60), (0x19, 120), (0xE0, 2.5), (0xF1, 20), (0x60, 10)])
def test_a_packet_tells_how_long_it_is(first: int, expected: float) -> None:
    payload = bytes((first,)) + b"sound"
    assert milliseconds(payload) == expected
    assert milliseconds(silent_opus(payload)) == expected


def test_a_header_stays_as_it_is() -> None:
    head = pack("!BBHLL", 0x90, 0xEF, 7, 960, 5) + pack("!HH", 0xBEDE, 1) + b"4 by"
    assert hushed(head + b"\xfcsound", "opus") == head + b"\xf8\xff\xfe"
    assert hushed(b"\xb0" + head[1:] + b"\xfcsound\0\2", "opus") == head + b"\xf8\xff\xfe"
    assert hushed(head + b"abc", "pcmu") == head + b"\xff" * 3
    assert hushed(head + b"abc", "cn") == head + b"abc"
    assert hushed(head + b"abc", "telephone-event") is None


@given(st.binary(min_size=12, max_size=80))
def test_no_packet_makes_it_raise(packet: bytes) -> None:
    made = hushed(packet, "opus")
    assert made is not None
    assert made[1:12] == packet[1:12]
