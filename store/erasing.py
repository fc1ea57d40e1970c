"""Removes what was said: which sessions are meant, in which order things go, and what the log says of it.

Each step may be interrupted and done again. First the log says what is going to be done, then it marks each session, and only when that
is on the disk do its key, its content and its sound go. Where the disk is full the marks wait in memory, so that erasing can make room.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from itertools import batched
from pathlib import Path
from typing import Any
from typing import Final

from store import contentfolder
from store import soundfolder
from store.chain import Head
from store.day import head_of
from store.days import file_of
from store.erasures import Erasing
from store.errors import LogUnavailable
from store.errors import explained
from store.inventory import Target
from store.lines import Row

logger = logging.getLogger(__name__)

AT_ONCE: Final = 50
"""Sessions that are marked in one go, so that no live session waits."""

Release = Callable[[str], None]
"""Called with a folder, below the data folder, whose sound goes: whoever writes there is to stop."""


@dataclass(slots=True)
class Act:
    """What is to be done, by whom (`by`) and why (`why`). `days` are files of the log that go as a whole, with all that belongs to them."""

    id: str
    by: str
    why: str
    targets: Sequence[Target] = ()
    days: Sequence[str] = ()
    wanted: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Done:
    """How much went: sessions that something of was removed, their contents, recordings, and whole days."""

    sessions: int = 0
    contents: int = 0
    recordings: int = 0
    days: int = 0


async def carry_out(log: Erasing, data: Path, act: Act, release: Release) -> Done:
    """Do it. Raises LogUnavailable where something cannot be removed; what is left is then to be asked for again."""
    days = {place[0] for target in act.targets for place in target.contents} | {target.day for target in act.targets}
    done = Done()
    with log.holding(days):
        begun = log.act_begun(await asyncio.to_thread(_record, log, act))
        await _settled(log)
        for batch in batched(act.targets, AT_ONCE):
            await _opened(log, {target.day for target in batch} | {day for target in batch for day, _ in target.contents})
            marked = [_mark(log, act, target) for target in batch]
            for target in batch:
                if target.folder is not None:
                    release(target.folder)
            await _settled(log)
            await asyncio.to_thread(_remove, log, data, marked, done)
        for day in (day for day in act.days if not log.is_open(day)):
            await asyncio.to_thread(_remove_day, log, data, day, done)
        log.act_done(begun, {"sessions": done.sessions, "contents": done.contents, "recordings": done.recordings})
        await _settled(log)
    return done


def _record(log: Erasing, act: Act) -> Row:
    """What the log says of an act before it is done."""
    return {
        "id": act.id,
        "by": act.by,
        "why": act.why,
        "wanted": act.wanted,
        "sessions": len(act.targets),
        "contents": sum(len(target.contents) for target in act.targets),
        "recordings": sum(target.folder is not None for target in act.targets),
        "days": [_described(file_of(log.folder, day)) for day in act.days],
    }


def _described(path: Path) -> Row:
    head = head_of(path) or Head("", 0, "")
    return {"file": path.name, "chain": head.chain, "seq": head.seq, "head": head.digest}


async def _opened(log: Erasing, days: Collection[str]) -> None:
    """Open the files of days that were closed, which may take a while. Raises LogUnavailable."""
    for day in days:
        if not log.is_open(day) and file_of(log.folder, day).exists():
            try:
                log.adopt(day, await asyncio.to_thread(log.opened, day))
            except OSError as error:
                raise LogUnavailable(explained(error, file_of(log.folder, day))) from error


def _mark(log: Erasing, act: Act, target: Target) -> Target:
    """Returns the target with all that goes of it: what it said since it was chosen is not on the disk yet."""
    target = replace(target, contents=tuple({*target.contents, *log.still_written(target.session)}))
    for place in target.contents:
        if place not in target.marked:
            log.mark(place, {"erasure": act.id, "by": act.by, "why": act.why})
    if target.document is not None and target.recording is not None and target.folder is not None:
        gone = {**target.recording, "state": "erased", "stereo": None, "peaks": None, "turns": []}
        log.session_marked(target.day, target.document, {"id": target.session, "recording": gone})
    return target


def _remove(log: Erasing, data: Path, targets: Sequence[Target], done: Done) -> None:
    """Raises LogUnavailable."""
    try:
        done.contents += log.destroy([place for target in targets for place in target.contents])
        for target in targets:
            done.recordings += target.folder is not None and soundfolder.remove(data, target.folder)
            done.sessions += 1
    except OSError as error:
        raise LogUnavailable(explained(error, Path(error.filename or data))) from error


def _remove_day(log: Erasing, data: Path, day: str, done: Done) -> None:
    """Raises LogUnavailable."""
    try:
        done.contents += log.destroy([(day, session) for session in contentfolder.sessions(data, day)])
        for folder in soundfolder.of_day(data, day):
            done.recordings += soundfolder.remove(data, folder)
        log.remove_day(day)
        done.days += 1
    except OSError as error:
        raise LogUnavailable(explained(error, Path(error.filename or data))) from error


async def _settled(log: Erasing) -> None:
    """What was said is on the disk, or waits for room on it."""
    try:
        await log.committed()
    except LogUnavailable as error:
        logger.warning("erasing goes on although its record waits for the disk: %s", error)
