"""What happens reaches those who look on: as records, as rows, as parts of a page; who does not keep up is cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from portserver import TOKEN
from portserver import Port
from portserver import here
from portserver import served
from portserver import session
from portserver import turn
from starlette.responses import StreamingResponse
from waiting import eventually

from store.clock import stamp
from store.clock import utc_now
from store.export.native import FIELDS
from store.log import Log
from store.reader import LogReader
from web.live import MOST_ONLOOKERS
from web.live import MOST_WAITING
from web.live import Change
from web.live import Onlooker
from web.live import TooMany
from web.live import Watch
from web.stream import page_events

FINDING = dict.fromkeys(FIELDS) | {
    "id": "fnd_1",
    "kind": "policy",
    "severity": "high",
    "action": "block",
    "policy": "cards",
    "session": "ses_1",
}


def opened(number: int = 1, **more: Any) -> dict[str, Any]:
    return session(number, started_at=stamp(utc_now()), ended_at=None, close=None, **more)


class Stream:
    """The events of an answer that goes on."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """The kind and data of the next event."""
        kind = ""
        async with asyncio.timeout(25):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    return kind, json.loads(value)
        raise EOFError

    async def begun(self) -> None:
        """Until it looks on."""
        async with asyncio.timeout(25):
            assert await anext(self._lines) == "retry: 1000"


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    async with served(tmp_path) as made:
        yield made


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    made = await asyncio.to_thread(Log.open, tmp_path)
    made.recover(utc_now())
    yield made
    await asyncio.to_thread(made.close)


@asynccontextmanager
async def looking_on(port: Port, path: str) -> AsyncIterator[Stream]:
    async with (
        httpx.AsyncClient(base_url=port.address, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=30) as client,
        client.stream("GET", path) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        made = Stream(answer)
        await made.begun()
        if not path.startswith("/api/"):
            kind, standing = await made.next()
            assert (kind, standing["paused"]) == ("standing", [])
        yield made


async def test_a_session_as_records(port: Port, log: Log) -> None:
    async with looking_on(port, "/api/live") as stream:
        log.session_opened(opened())
        kind, record = await stream.next()
        assert (kind, record["id"], record["live"]) == ("session", "ses_1", True)
        log.turn_written(turn(1, input="hello there"))
        kind, record = await stream.next()
        assert (kind, record["index"], record["input"]) == ("turn", 1, "hello there")
        log.finding(FINDING | {"at": stamp(utc_now()), "excerpt": "a [card]"})
        kind, record = await stream.next()
        assert (kind, record["policy"], record["excerpt"]) == ("finding", "cards", "a [card]")
        log.session_closed("ses_1", {"turns": 1, "close": {"code": 1000, "reason": "", "side": "client"}})
        kind, record = await stream.next()
        assert (kind, record["live"], record["turns"]) == ("session", False, 1)


async def test_of_one_session_alone(port: Port, log: Log) -> None:
    async with looking_on(port, "/api/live?session_id=ses_2") as stream:
        log.session_opened(opened(1))
        log.session_opened(opened(2))
        assert (await stream.next())[1]["id"] == "ses_2"


async def test_rows_say_whether_they_belong_into_the_list(port: Port, log: Log) -> None:
    async with looking_on(port, "/live/sessions?q=status%3Dlive+key%3Dkiosk") as stream:
        log.session_opened(opened(1, principal="lab"))
        assert await stream.next() == ("session", {"id": "ses_1", "html": "", "place": "gone"})
        log.session_opened(opened(2))
        _, row = await stream.next()
        assert (row["id"], row["place"], '<tr id="ses_2"' in row["html"]) == ("ses_2", "new", True)
        log.session_closed("ses_2", {})
        assert (await stream.next())[1]["place"] == "gone"


async def test_rows_under_words_that_may_stand_in_turns(port: Port, log: Log) -> None:
    async with looking_on(port, "/live/sessions?q=refund") as stream:
        log.session_opened(opened(1))
        assert (await stream.next())[1]["place"] == "known"
        log.session_opened(opened(2, grouping="refund-7"))
        assert (await stream.next())[1]["place"] == "new"


async def test_findings_that_fit_as_rows(port: Port, log: Log) -> None:
    async with looking_on(port, "/live/findings?q=policy%3Dc*+%3Cb%3E") as stream:
        log.finding(FINDING | {"at": stamp(utc_now()), "excerpt": "plain"})
        log.finding(FINDING | {"id": "fnd_2", "at": stamp(utc_now()), "policy": "words", "excerpt": "<b>"})
        log.finding(FINDING | {"id": "fnd_3", "at": stamp(utc_now()), "excerpt": "a <B>old one"})
        kind, row = await stream.next()
        assert (kind, row["id"], row["place"], "&lt;B&gt;old" in row["html"]) == ("finding", "fnd_3", "new", True)


async def test_that_figures_of_usage_may_have_changed(port: Port, log: Log) -> None:
    async with looking_on(port, "/live/usage") as stream:
        log.session_opened(opened(1))
        assert await stream.next() == ("session", {})


async def test_parts_of_a_page(port: Port, log: Log) -> None:
    log.session_opened(opened(1))
    log.session_opened(opened(2))
    await log.committed()
    async with looking_on(port, "/live/sessions/ses_1") as stream:
        log.turn_written(turn(1, session="ses_2"))
        log.turn_written(turn(1, input="<b>hi</b>"))
        kind, part = await stream.next()
        assert (kind, part["index"], "&lt;b&gt;hi" in part["html"]) == ("turn", 1, True)
        log.finding(FINDING | {"at": stamp(utc_now()), "turn": 1})
        kind, part = await stream.next()
        assert (kind, 'id="fnd_1"' in part["html"]) == ("finding", True)
        log.session_closed("ses_1", {"turns": 1})
        kind, part = await stream.next()
        assert (kind, part["ended"]) == ("session", True)


async def test_a_page_hears_of_paused_messages_whatever_else_it_wants(tmp_path: Path) -> None:
    watch = Watch(log := LogReader(tmp_path), here(log))
    watch.paused = lambda: [{"id": "ps_1"}]
    answer = page_events(watch, lambda kind, session: False, nothing)
    assert isinstance(answer, StreamingResponse)
    parts = [await anext(aiter(answer.body_iterator)) for _ in range(2)]
    assert (parts[0], '"paused":[{"id":"ps_1"}]' in str(parts[1])) == ("retry: 1000\n\n", True)
    watch.tell("turn", "ses_1", {})
    watch.tell("resumed", "ses_1", {"id": "ps_1"})
    assert await anext(aiter(answer.body_iterator)) == 'event: resumed\ndata: {"id":"ps_1"}\n\n'
    watch.close()


async def nothing(change: Change) -> None:
    """A page that wants nothing."""


async def test_the_port_closes_in_spite_of_those_who_look_on(tmp_path: Path) -> None:
    async with asyncio.timeout(25):
        async with served(tmp_path) as port:
            context = looking_on(port, "/api/live")
            stream = await context.__aenter__()
        assert await stream.next() == ("cut", {})
        await context.__aexit__(None, None, None)


def test_who_does_not_keep_up_is_cut() -> None:
    onlooker = Onlooker(lambda kind, session: True)
    for number in range(MOST_WAITING):
        onlooker.tell(Change("turn", "ses_1", {"index": number}))
    assert not onlooker.cut
    onlooker.tell(Change("turn", "ses_1", {"index": -1}))
    onlooker.tell(Change("turn", "ses_1", {"index": -2}))
    assert (onlooker.cut, onlooker.waiting.qsize(), onlooker.waiting.get_nowait()) == (True, 1, None)


async def test_only_so_many_look_on_and_without_anybody_nothing_is_followed(tmp_path: Path) -> None:
    watch = Watch(log := LogReader(tmp_path), here(log))
    contexts = [watch.joined(lambda kind, session: True) for _ in range(MOST_ONLOOKERS)]
    for context in contexts:
        await context.__aenter__()
    with pytest.raises(TooMany):
        await watch.joined(lambda kind, session: True).__aenter__()
    assert any(task.get_name() == "live pages" for task in asyncio.all_tasks())
    for context in contexts:
        await context.__aexit__(None, None, None)
    await eventually(lambda: all(task.get_name() != "live pages" for task in asyncio.all_tasks()))
