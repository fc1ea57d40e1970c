"""Whole conversations of every dialect: from frames to turns and totals, and every field of a record is documented."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from realtime.cost import Seconds
from realtime.dialects import detect
from realtime.dialects import make
from realtime.frame import Frame
from realtime.ledger import Ledger
from realtime.prices import PriceBook
from realtime.turns import TurnTracker

ROOT = Path(__file__).parents[2]
CASSETTES = sorted(ROOT.joinpath("simulator/cassettes").glob("*.jsonl"))


class Played:
    """A cassette played through dialect, tracker and ledger, 50 ms between messages."""

    def __init__(self, path: Path) -> None:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        frames = [_frame(line, 0.05 * number) for number, line in enumerate(lines) if "event" in line or "bytes" in line]
        self.expected: dict[str, Any] = lines[-1]["expect"]
        self.tracker = TurnTracker(path.stem)
        prices = PriceBook(now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
        self.ledger = Ledger(prices, lines[0]["provider"], lines[0]["query"].get("model"))
        self.dialect = make(detect(next(frame for frame in frames if not frame.from_client)) or "openai")
        for frame in frames:
            self._take(self.dialect.signals(frame), frame.from_client, frame.at)
        self._take(self.dialect.end(), False, frames[-1].at)
        self.tracker.close("client_closed", frames[-1].at)
        self.turns = self.tracker.changed()
        self.records = [turn.record(content=True) for turn in self.turns]

    def _take(self, signals: Any, from_client: bool, at: float) -> None:
        for signal in signals:
            self.tracker.apply(signal, from_client=from_client, at=at)
            self.ledger.apply(signal)


def _frame(line: dict[str, Any], at: float) -> Frame:
    payload = json.dumps(line["event"], ensure_ascii=False).encode() if "event" in line else b64decode(line["bytes"])
    return Frame(line["from"] == "client", payload, text="event" in line and not line.get("binary"), at=at)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_turns_and_totals_are_those_of_the_cassette(path: Path) -> None:
    played = Played(path)
    assert len(played.records) == played.expected["turns"]
    assert played.ledger.totals(Seconds())[0].record() == played.expected["usage"]
    called = [call["name"] for record in played.records for call in record["tool_calls"]]
    assert called == (played.expected["tools"] if played.records else [])
    said = [text for record in played.records if (text := record["input" if record["trigger"] == "transcription" else "output"])]
    assert said == (played.expected["texts"] if played.records else [])  # streams without turns keep none
    assert not any(played.tracker.lost.values())


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_every_turn_has_a_whole_record(path: Path) -> None:
    for record in Played(path).records:
        assert record["status"] in ("completed", "cancelled", "incomplete", "failed")
        assert all(call["result"] is not None for call in record["tool_calls"])
        assert record["started_at"] <= record["ended_at"]
        assert record["cut"] is False


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: path.stem)
def test_the_costs_of_turns_are_part_of_the_total(path: Path) -> None:
    played = Played(path)
    costs = [cost for turn in played.turns if (cost := played.ledger.cost_of(turn)) is not None]
    total = played.ledger.totals(Seconds())[1]
    assert sum(cost.usd or 0 for cost in costs) <= (total.usd or 0)
    assert not total.priced or all(cost.priced for cost in costs)


def test_every_field_of_a_record_is_documented() -> None:
    text = ROOT.joinpath("docs/turns.md").read_text()
    record = next(record for path in CASSETTES for record in Played(path).records if record["tool_calls"])
    names = {*record, *record["tool_calls"][0], *record["audio"], "first_output", "first_audio", "request_to_first_audio"}
    names |= {"response", "barge_in_to_last_audio", "since"}
    assert {name for name in names if f"`{name}`" not in text} == set()
