"""What is erased is gone for good, also while sessions run and whatever interrupts it; the record of it stays, and the log verifies."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from erasestage import DAY
from erasestage import KEEP
from erasestage import Stage
from erasestage import nothing
from waiting import soon

from store import contentfolder
from store import soundfolder
from store.erasing import Done
from store.errors import LogUnavailable
from store.inventory import Inventory
from store.journal import Journal
from store.keyfile import KeyFile
from store.log import Log
from store.log import LogReader
from store.requests import Requests
from store.requests import fulfil
from store.sweep import sweep
from store.targets import Retention
from store.verify import verify


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [({"sessions": ["a", "c"]}, "ac"), ({"key": "k1"}, "bd"), ({"before": timedelta(hours=6)}, "ab"), ({"sessions": ["unknown"]}, "")],
)
async def test_what_is_chosen_goes_and_nothing_else(stage: Stage, wanted: dict[str, Any], gone: str) -> None:
    began = stage.clock()
    for n, name in enumerate("abcd"):
        stage.add(name, principal=f"k{n % 2}")
        stage.clock.forward(hours=5)
    keys = [KeyFile(stage.data).get(n) for n in range(4)]
    if "before" in wanted:
        wanted = {"before": began + wanted["before"]}
    boxes = {name: (stage.data / "content" / "2026-11-21" / f"{name}.jsonl").read_bytes().splitlines()[1] for name in "abc"}
    assert await stage.ask(**wanted) == Done(len(gone), len(gone), len(gone))
    assert stage.texts() == {name: ["erased" if name in gone else f"{name} says 1"] for name in "abcd"}
    assert stage.sound() == sorted(set("abcd") - set(gone))
    left = b"".join(path.read_bytes() for path in stage.data.rglob("*") if path.is_file())
    for n, name in enumerate("abcd"):
        assert (keys[n] in left) == (KeyFile(stage.data).get(n) is not None) == (name not in gone)
        assert name == "d" or (boxes[name] in left) == (name not in gone)
    for name in gone:
        recording = (LogReader(stage.data).session(name) or {})["recording"]
        assert (recording["state"], recording["stereo"]) == ("erased", None)
    stage.log.close()
    report = verify(stage.data)
    assert (report.bad, report.erased) == (None, len(gone))


async def test_what_stays_on_record(stage: Stage) -> None:
    stage.add("a", "b")
    stage.clock.forward(days=1)
    await stage.ask(key="kiosk")
    stage.log.commit()
    act = LogReader(stage.data).erasures()[0]
    assert (act["by"], act["at"], act["wanted"]) == ("alice", "2026-11-22T09:30:00.000Z", {"key": "kiosk"})
    assert (act["sessions"], act["contents"], act["recordings"], act["done_at"]) == (2, 2, 2, act["at"])
    marks = LogReader(stage.data).rows("2026-11-21", "erased").values()
    assert [(mark["session"], mark["erasure"], mark["by"]) for mark in marks] == [("a", act["id"], "alice"), ("b", act["id"], "alice")]
    assert await stage.ask(key="kiosk") == Done()


async def test_a_live_session_is_erased_for_good_and_others_lose_nothing(stage: Stage) -> None:
    stage.open("live", sound=False)
    stage.open("other", sound=False)
    stop = asyncio.Event()

    async def talk() -> int:
        index = 1
        while not stop.is_set():
            index += 1
            stage.say("live", index)
            stage.say("other", index)
            await asyncio.sleep(0.001)
        return index

    talking = asyncio.create_task(talk())
    for _ in range(3):
        await asyncio.sleep(0.02)
        assert (await stage.ask(sessions=["live"])).sessions == 1
    stop.set()
    last = await talking
    stage.log.turn_amended("live", 1, {"output": "again"})
    stage.log.session_closed("live", {})
    stage.log.session_closed("other", {})
    texts = stage.texts()
    assert texts["other"] == [f"other says {index}" for index in range(1, last + 1)]
    assert texts["live"] == ["erased"] * last
    assert contentfolder.sessions(stage.data, "2026-11-21") == ["other"]
    stage.log.turn_amended("live", 1, {"output": "long after"})
    assert stage.texts()["live"][0] == "erased"
    assert stage.log.close() == 0
    assert verify(stage.data).bad is None
    assert b"again" not in b"".join(path.read_bytes() for path in stage.data.rglob("*") if path.is_file())


async def test_a_session_that_began_after_the_request_is_not_meant(stage: Stage) -> None:
    stage.add("before")
    request = Requests(stage.data, clock=stage.clock).ask("alice", key="kiosk")
    stage.clock.forward(seconds=1)
    stage.add("after")
    await fulfil(stage.log, stage.data, request, nothing)
    assert stage.texts() == {"before": ["erased"], "after": ["after says 1"]}


async def test_days_that_are_closed_and_more_sessions_than_go_at_once(stage: Stage) -> None:
    for _ in range(3):
        stage.add(*(f"s{stage.clock():%d}_{n}" for n in range(60)), sound=False)
        stage.clock.forward(days=1)
    assert await stage.ask(before=stage.clock()) == Done(180, 180, 0)
    assert {text for texts in stage.texts().values() for text in texts} == {"erased"}
    assert contentfolder.days(stage.data) == []
    assert _open_days(stage.data) == {"2026-11-24.jsonl"}
    stage.log.close()
    assert verify(stage.data).bad is None


def _open_days(data: Path) -> set[str]:
    found = (path.resolve() for path in Path("/proc/self/fd").iterdir())
    return {path.name for path in found if path.suffix == ".jsonl" and path.is_relative_to(data.resolve())}


async def test_retention_on_time(stage: Stage) -> None:
    stage.add("a")
    stage.open("long")
    stage.clock.forward(hours=23)
    stage.log.session_closed("long", {})
    stage.clock.forward(minutes=59)
    assert await stage.sweep() is None
    stage.clock.forward(minutes=1)
    assert await stage.sweep() == Done(1, 0, 1)
    assert stage.sound() == ["long"]
    assert await stage.sweep(busy={"audio/2026-11-21/long"}) is None
    stage.clock.forward(hours=23)
    assert await stage.sweep(busy={"audio/2026-11-21/long"}) is None
    assert await stage.sweep() == Done(1, 0, 1)
    stage.clock.forward(days=11, hours=23, minutes=59)
    stage.add("b", sound=False)
    assert await stage.sweep() is None
    stage.clock.forward(hours=1, minutes=1)
    assert await stage.sweep() == Done(1, 1, 0)
    assert stage.texts() == {"a": ["erased"], "long": ["long says 1"], "b": ["b says 1"]}
    stage.clock.forward(days=1)
    assert await stage.sweep() == Done(1, 1, 0)
    stage.clock.forward(days=75)
    assert await stage.sweep() == Done(1, 1, 0)
    stage.clock.forward(days=1)
    stage.add("c", sound=False)
    assert await stage.sweep() == Done(days=1)
    assert stage.texts() == {"b": ["erased"], "c": ["c says 1"]}
    acts = LogReader(stage.data).erasures(order="asc")
    assert [(act["contents"], act["recordings"], [gone["file"] for gone in act["days"]]) for act in acts] == [
        (0, 1, []),
        (0, 1, []),
        *[(1, 0, [])] * 3,
        (0, 0, ["2026-11-21.jsonl"]),
    ]
    assert {(act["by"], act["done_at"] == act["at"]) for act in acts} == {("retention", True)}
    stage.log.close()
    assert verify(stage.data).bad is None
    (stage.data / "log" / "2026-12-05.jsonl").unlink()
    assert verify(stage.data).bad is not None


async def test_live_sessions_and_the_newest_day_stay(stage: Stage) -> None:
    stage.open("live")
    stage.clock.forward(days=200)
    assert await stage.sweep() is None
    assert stage.texts() == {"live": ["live says 1"]}
    stage.log.session_closed("live", {})
    stage.clock.forward(days=200)
    assert await stage.sweep() == Done(1, 1, 1)
    assert stage.log.reader.days() == ["2026-11-21", "2027-12-26"]
    assert await stage.sweep() == Done(days=1)


async def test_what_has_no_record_goes_too(stage: Stage) -> None:
    stage.add("a")
    stage.log.finding({"id": "f", "at": "2026-11-21T09:30:00.000Z", "session": None, "excerpt": "a secret"})
    stage.log.commit()
    (stage.data / "content" / "2026-11-21" / "lost.jsonl").write_bytes(b"what is this?\n")
    soundfolder.make(stage.data, "audio/2026-11-20/lost2")
    stage.clock.forward(days=16)
    assert await stage.sweep() == Done(4, 3, 2)
    assert (LogReader(stage.data).findings()[0]["excerpt"], LogReader(stage.data).findings()[0]["content"]) == (None, "erased")
    stage.log.close()
    assert verify(stage.data).bad is None
    assert not (stage.data / "content" / "2026-11-21").exists()


class Moments:
    """Copies of a data folder as it was at each moment at which something was about to be written or removed for good."""

    def __init__(self, data: Path, copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._data = data
        self._copies = copies
        self.count = 0
        self._at(monkeypatch, os, "fsync")
        self._at(monkeypatch, os, "pwrite")
        self._at(monkeypatch, shutil, "rmtree")
        self._at(monkeypatch, Path, "unlink")
        self._at(monkeypatch, Path, "rmdir")

    def __iter__(self) -> Iterator[Path]:
        return (self._copies / str(number) for number in range(self.count))

    def _at(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        call = getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:
            shutil.copytree(self._data, self._copies / str(self.count))
            self.count += 1
            return call(*arguments, **options)

        monkeypatch.setattr(owner, name, watched)


@pytest.mark.parametrize("work", ["request", "retention", "metadata"])
async def test_a_crash_at_any_moment(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    stage.add("a", "b")
    stage.clock.forward(days=1)
    stage.add("c", principal="other")
    stage.clock.forward(days=20 if work != "request" else 0)
    keep = Retention(KEEP.metadata if work != "metadata" else DAY, KEEP.content, KEEP.audio)
    with monkeypatch.context() as patched:
        moments = Moments(stage.data, tmp_path_factory.mktemp("copies"), patched)
        if work == "request":
            await stage.ask(key="kiosk")
        else:
            await stage.sweep(keep)
    assert moments.count > 8
    for data in moments:
        log = Log.open(data, clock=stage.clock)
        log.recover(stage.clock())
        for request in Requests(data, clock=stage.clock).pending():
            await fulfil(log, data, request, nothing)
        if work != "request":
            await sweep(log, data, keep, stage.clock(), busy=(), release=nothing, every=True)
        assert log.close() == 0
        report = verify(data)
        assert report.bad is None, (data.name, report.bad)
        inventory = Inventory(LogReader(data), data)
        expected = ["c"] if work == "request" else []
        if work == "request" and not _asked(data):
            continue
        assert (sorted(inventory.contents), sorted(inventory.folders)) == (expected, expected), data.name
        assert [KeyFile(data).get(n) is None for n in range(3)] == [True, True, work != "request"]


def _asked(data: Path) -> bool:
    """Whether the request was on the disk."""
    return b"erasures" in (data / "state.jsonl").read_bytes() if (data / "state.jsonl").exists() else False


async def test_erasing_makes_room_on_a_full_disk(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add("a", "b")
    append = Journal.append

    def full(journal: Journal, lines: bytes) -> None:
        if journal.path.parent.name == "log":
            raise OSError(errno.ENOSPC, "No space left on device")
        append(journal, lines)

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", full)
        assert await stage.ask(key="kiosk") == Done(2, 2, 2)
        assert stage.log.failure is not None
        assert contentfolder.days(stage.data) == []
    soon(lambda: stage.log.failure is None)
    assert stage.texts() == {"a": ["erased"], "b": ["erased"]}
    assert stage.log.close() == 0
    assert verify(stage.data).bad is None


async def test_what_cannot_be_removed_is_asked_for_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.add("a")

    def refuse(path: Path, **options: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(LogUnavailable, match=r"a\.jsonl: Operation not permitted"):
            await stage.ask(sessions=["a"])
    assert KeyFile(stage.data).get(0) is None
    request = Requests(stage.data).pending()[0]
    assert await fulfil(stage.log, stage.data, request, nothing) == Done(1, 1, 1)
    stage.log.commit()
    assert [len(LogReader(stage.data).rows("2026-11-21", table)) for table in ("erased", "erasures")] == [1, 2]


async def test_old_requests_are_forgotten(stage: Stage) -> None:
    stage.add("a")
    await stage.ask(sessions=["a"])
    stage.clock.forward(days=2)
    await stage.ask(sessions=["b"])
    assert len(Requests(stage.data)._state.erasures.all()) == 1
