"""What gathers spans has bounds, counts what it loses, and loses nothing by being stopped in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from exportlog import finding
from exportlog import opening
from exportlog import turn
from otelreceiver import Receiver
from otelreceiver import attributes
from otelreceiver import metrics_of
from otelreceiver import receiver
from waiting import eventually

from addons import telemetry
from addons.metering import SECONDS
from addons.telemetry import SETTLE_SECONDS
from addons.telemetry import Telemetry
from rules.otel import Otel


class Stage:
    """The parts of a running proxy that it looks at, and a clock that tests set."""

    def __init__(self, endpoint: str) -> None:
        self.otel: Otel | None = Otel.model_validate({"endpoint": endpoint})
        self.now = 100.0
        self.tap: Any = SimpleNamespace(
            turned=[], over=[], findings=SimpleNamespace(told=[]), environment={}, settings=SimpleNamespace(rules=Path("rules.yaml"))
        )
        self.tap.rules = self
        self.telemetry = Telemetry(self.tap, now=lambda: self.now, first_pause=0.001)

    def session(self, name: str) -> Any:
        facts = {"provider_model": None, "provider_session": None, **opening(name)}
        return SimpleNamespace(**facts)

    def tells(self, session: Any, index: int, **more: Any) -> None:
        self.tap.turned[0](session, turn(session.id, index, tool_calls=[], **more))

    def settle(self) -> None:
        self.telemetry._settle(self.now)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def test_a_turn_waits_for_what_is_amended_and_is_sent_once(there: Receiver) -> None:
    stage = Stage(there.url)
    session = stage.session("ses_1")
    stage.tap.findings.told[0](session, finding(1, "ses_1", turn=1))
    stage.now += 100 * SETTLE_SECONDS
    stage.settle()
    stage.tells(session, 1, output="half")
    stage.now += SETTLE_SECONDS / 2
    stage.settle()
    assert stage.telemetry.waiting == 0
    stage.tells(session, 1, voice="cedar")
    stage.now += SETTLE_SECONDS / 2
    stage.settle()
    assert stage.telemetry.waiting == 1, "what was found while it was open goes along"
    assert len(stage.telemetry._queue[0]["events"]) == 1
    stage.tells(session, 1)
    stage.tap.over[0](session)
    stage.settle()
    assert stage.telemetry.waiting == 1


def test_the_end_of_a_session_settles_its_turns(there: Receiver) -> None:
    stage = Stage(there.url)
    one, other = stage.session("ses_1"), stage.session("ses_2")
    stage.tells(one, 1)
    stage.tells(other, 1)
    stage.tells(one, 2, ended_at=None)
    stage.tap.over[0](one)
    stage.settle()
    assert stage.telemetry.waiting == 1, "neither the open turn nor the other session's"


def test_what_finds_no_room_is_counted(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "MOST_WAITING", 10)
    stage = Stage(there.url)
    session = stage.session("ses_1")
    for index in range(25):
        stage.tells(session, index)
        if index == 14:
            stage.now += SETTLE_SECONDS
            stage.settle()
    stage.tap.over[0](session)
    stage.settle()
    assert stage.telemetry.waiting == 10
    assert stage.telemetry.counts.dropped == 15


def test_nothing_is_gathered_where_nobody_asked() -> None:
    stage = Stage("http://127.0.0.1:9")
    stage.otel = None
    stage.tells(stage.session("ses_1"), 1)
    stage.tap.findings.told[0](stage.session("ses_1"), finding(1, "ses_1", turn=1))
    assert stage.telemetry._turns == {}


async def test_being_stopped_in_the_middle_loses_nothing(there: Receiver) -> None:
    stage = Stage(there.url)
    session = stage.session("ses_1")
    for index in range(1, 101):
        stage.tells(session, index)
    stage.tap.over[0](session)
    there.hold.clear()
    stage.telemetry.running()
    await eventually(lambda: there.bodies)
    draining = asyncio.create_task(stage.telemetry.drain())
    await asyncio.sleep(0)
    there.hold.set()
    await draining
    assert {attributes(span)["voicetap.turn"] for span in there.spans} == set(range(1, 101))
    assert (stage.telemetry.waiting, stage.telemetry.counts.failed, stage.telemetry.counts.dropped) == (0, 0, 0)


async def test_figures_are_delivered_in_their_time_and_again_where_they_were_not_taken(
    there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(there.url)
    stage.otel = Otel.model_validate({"endpoint": there.url, "metrics": True})
    session = stage.session("ses_1")
    for index in (1, 2):
        stage.tells(session, index)
        stage.tap.over[0](session)
        stage.settle()
        stage.telemetry._queue.clear()
        await stage.telemetry._measure()
        assert there.bodies == [], "a minute has not passed"
    stage.now += SECONDS
    there.answers = [(503, {}, b"")]
    await stage.telemetry._measure()
    await stage.telemetry._measure()
    assert (len(there.bodies), there.measured) == (1, [])
    stage.now += SECONDS
    await stage.telemetry._measure()
    await stage.telemetry.drain()
    assert [metrics_of(one)["gen_ai.client.operation.duration"].histogram.data_points[0].count for one in there.measured] == [2, 2]
    assert [record.message for record in caplog.records] == ["otel: metrics were not taken, and are delivered again: it answered 503"]


async def test_figures_begin_anew_for_another_collector(there: Receiver) -> None:
    stage = Stage("http://127.0.0.1:9")
    stage.otel = Otel.model_validate({"endpoint": "http://127.0.0.1:9", "metrics": True})
    session = stage.session("ses_1")
    for index, endpoint in enumerate(("http://127.0.0.1:9", there.url), 1):
        stage.otel = Otel.model_validate({"endpoint": endpoint, "metrics": True, "semconv": "1.36"})
        stage.tells(session, index)
        stage.tap.over[0](session)
        stage.settle()
    stage.telemetry._queue.clear()
    await stage.telemetry.drain()
    [measured] = there.measured
    assert metrics_of(measured)["gen_ai.client.operation.duration"].histogram.data_points[0].count == 1
    assert "gen_ai.client.inference.usage.input_tokens" not in metrics_of(measured)


async def test_a_secret_that_is_not_there_is_told_once(there: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(there.url)
    stage.otel = Otel.model_validate({"endpoint": there.url, "headers": {"authorization": "env:NOT_HERE"}})
    session = stage.session("ses_1")
    for index in range(1, 101):
        stage.tells(session, index)
    stage.tap.over[0](session)
    await stage.telemetry.drain()
    assert (stage.telemetry.counts.failed, there.bodies) == (100, [])
    assert [record.message for record in caplog.records if "NOT_HERE" in record.message] == [
        "otel: 64 span(s) are lost, and so are others until it works again: the environment variable NOT_HERE is not set"
    ]
