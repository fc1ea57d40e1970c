"""The log that pages are measured on is one that the proxy could have written: readable, complete, of the size it says."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest

from bench.pages import call
from bench.pages.fill import DAYS
from bench.pages.fill import LONGEST
from bench.pages.fill import TURNS
from bench.pages.fill import fill
from bench.pages.records import RARE
from store.reader import LogReader
from store.soundfolder import PEAKS
from store.verify import verify

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_so_many_turns_over_five_days_and_the_longest_session(tmp_path: Path) -> None:
    fill(tmp_path, 500, NOON)
    log = LogReader(tmp_path)
    sessions = log.sessions(limit=None)
    assert len(log.days()) == DAYS
    assert len(sessions) == 500 // TURNS + 1
    assert log.turn_count(LONGEST) == 50
    assert {log.turn_count(session["id"]) for session in sessions if session["id"] != LONGEST} == {TURNS}
    assert all(session["ended_at"] and session["started_at"] < session["ended_at"] for session in sessions)
    assert len(log.findings(limit=None)) == 500
    assert {bill["session"] for bill in log.billing()} == {session["id"] for session in sessions}
    assert all(turn["input"] and turn["output"] for turn in log.turns(LONGEST))
    assert verify(tmp_path).bad is None


def test_some_have_a_rare_word(tmp_path: Path) -> None:
    fill(tmp_path, 500, NOON)
    log = LogReader(tmp_path)
    with_it = {turn["session"] for session in log.sessions(limit=None) for turn in log.turns(session["id"]) if RARE in repr(turn)}
    assert {session["id"] for session in log.sessions(text=RARE, limit=None)} == with_it


def test_a_call_of_an_hour_with_sound_and_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "TURNS", 4)
    count = call.record(tmp_path, NOON)
    log = LogReader(tmp_path)
    session = log.named(call.NAME)
    assert session is not None
    assert (session["recording"]["state"], session["recording"]["turns"]) == ("ready", [1, 2, 3, 4])
    assert (tmp_path / session["recording"]["folder"] / PEAKS).exists()
    frames = log.frames(call.NAME)
    assert frames is not None
    events = list(frames.events())
    assert (len(events), frames.count, session["events"]["count"]) == (count, count, count)
    assert [event.n for event in events] == list(range(1, count + 1))
    assert events[-1].at / 1e6 < timedelta(hours=1).total_seconds()
