"""Whatever is done to a log afterwards is found, and at the right line."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from store.chain import linked
from store.log import Log
from store.table import AppendDB
from store.verify import Report
from store.verify import verify

Make = Callable[..., dict[str, Any]]
DAYS = ("2026-11-21", "2026-11-22", "2026-11-23")


@pytest.fixture
def data(tmp_path: Path, clock: Any, make_session: Make, make_turn: Make) -> Path:
    """Three days of a log that was closed properly."""
    folder = tmp_path / "data"
    for day in range(3):
        log = Log.open(folder, clock=clock)
        log.recover(clock())
        for session in ("a", "b"):
            name = f"{session}{day}"
            log.session_opened(make_session(name))
            for index in range(1, 6):
                log.turn_written(make_turn(name, index, input=f"what about {index}?", output=f"{name} says {index}", summary=""))
                log.commit()
            log.session_closed(name, {})
        assert log.close() == 0
        clock.forward(days=1)
    return folder


def _first(report: Report) -> tuple[str, int] | None:
    found = report.bad
    return None if found is None or found.bad is None else (found.file, found.bad.line)


def _file(data: Path, day: int) -> Path:
    return data / "log" / f"{DAYS[day]}.jsonl"


def _rewritten(lines: list[bytes], start: int, prev: str) -> list[bytes]:
    """Lines from `start` on with links that fit again, as one makes them who knows how."""
    from store.chain import digest

    made = lines[:start]
    for number, line in enumerate(lines[start:], start):
        bare = line[: line.rindex(b',"seq":')] + b"}\n"
        made.append(linked(bare, number, prev)[:-1])
        prev = digest(made[-1])
    return made


def test_an_untouched_log_is_fine(data: Path) -> None:
    report = verify(data)
    assert _first(report) is None
    assert [(file.file, file.lines, file.sealed, file.torn, file.unchained) for file in report.files] == [
        (f"{day}.jsonl", 15, 15, 0, 0) for day in DAYS
    ]
    assert (report.texts, report.erased) == (60, 0)
    assert report.bytes == sum(_file(data, day).stat().st_size for day in range(3))


@dataclass
class Change:
    """What is done to the lines of a file, which are changed, and at which of them, counted from 0, that is to be found."""

    name: str
    lines: list[bytes]
    at: int


@st.composite
def changes(draw: st.DrawFn, lines: list[bytes]) -> Change:
    number = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["flip", "insert", "forge", "repeat", "delete", "swap", "move", "truncate", "cut", "rewrite"]))
    made = list(lines)
    match kind:
        case "flip":
            at = draw(st.integers(0, len(made[number]) - 1))
            old = made[number][at]
            new = draw(st.integers(0, 255).filter(lambda value: value not in (old, 10)))
            made[number] = made[number][:at] + bytes([new]) + made[number][at + 1 :]
        case "insert":
            made.insert(number, draw(st.sampled_from([b"", b"{}", b'{"table":"turns","at":"x"}'])))
        case "forge":
            count = draw(st.integers(1, 3))
            number = max(1, number)
            forged = [b'{"table":"turns","at":"x","seq":0,"prev":""}'] * count
            from store.chain import digest

            whole = _rewritten([*made[:number], *forged], number, digest(made[number - 1]))
            made = [*whole, *lines[number:]]
        case "repeat":
            made.insert(number + 1, made[number])
            number += 1
        case "delete":
            del made[number]
        case "swap":
            other = draw(st.integers(0, len(made) - 1).filter(lambda value: value != number))
            made[number], made[other] = made[other], made[number]
            number = min(number, other)
        case "move":
            other = draw(st.integers(0, len(made) - 1).filter(lambda value: value != number))
            made.insert(other, made.pop(number))
            number = min(number, other)
        case "truncate":
            del made[number:]
        case "cut":
            made[-1] = made[-1][: draw(st.integers(0, len(made[-1]) - 1))]
            made = [*made[:-1], b"cut" + made[-1]]
            number = len(made) - 1
        case "rewrite":
            from store.chain import digest

            number = max(1, number)
            made[number] = made[number].replace(b'"at":"2026', b'"at":"2025')
            made = _rewritten(made, number, digest(made[number - 1]))
            number = len(made) - 1
    return Change(kind, made, number)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_every_change_is_found_at_its_line(data: Path, drawn: st.DataObject) -> None:
    day = drawn.draw(st.integers(0, 2))
    path = _file(data, day)
    before = path.read_bytes()
    change = drawn.draw(changes(before.splitlines()))
    end = b"" if change.name == "cut" else b"\n"
    path.write_bytes(b"\n".join(change.lines) + end if change.lines else b"")
    try:
        assert _first(verify(data)) == (path.name, change.at + 1), change.name
    finally:
        path.write_bytes(before)
