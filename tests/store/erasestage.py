"""A log with sessions in it that say something and are recorded, and what is erased of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from store import soundfolder
from store.erasing import Done
from store.log import Log
from store.log import LogReader
from store.requests import Requests
from store.requests import fulfil
from store.sweep import sweep
from store.targets import Retention

Make = Callable[..., dict[str, Any]]
DAY = 86400.0
KEEP = Retention(metadata=90 * DAY, content=14 * DAY, audio=DAY)


def nothing(folder: str) -> None:
    """Nobody records."""


class Stage:
    """A log with sessions in it, and what is done to it."""

    def __init__(self, log: Log, clock: Any, make_session: Make, make_turn: Make) -> None:
        self.log = log
        self.clock = clock
        self.data = log.folder.parent
        self._session = make_session
        self._turn = make_turn

    def open(self, name: str, *, sound: bool = True, **fields: Any) -> None:
        """A session that says something, and is recorded."""
        record = self._session(name, **fields)
        folder = soundfolder.relative(record["started_at"], name)
        recording = {"state": "ready", "folder": folder, "stereo": f"{folder}/stereo.wav", "turns": [1], "failed": None}
        self.log.session_opened({**record, "recording": recording if sound else None})
        self.say(name, 1)
        if sound:
            (soundfolder.make(self.data, folder) / "stereo.wav").write_bytes(b"RIFF")

    def say(self, name: str, index: int) -> None:
        self.log.turn_written(self._turn(name, index, output=f"{name} says {index}"))

    def add(self, *names: str, **fields: Any) -> None:
        """Sessions that are over."""
        for name in names:
            self.open(name, **fields)
            self.log.session_closed(name, {})
        self.log.commit()

    async def ask(self, **wanted: Any) -> Done:
        requests = Requests(self.data, clock=self.clock)
        request = requests.ask("alice", **wanted)
        assert requests.pending() == [request]
        done = await fulfil(self.log, self.data, request, nothing)
        requests.done(request, done)
        assert requests.pending() == []
        assert requests.outcome(request) == done
        return done

    async def sweep(self, keep: Retention = KEEP, **options: Any) -> Done | None:
        given = {"busy": (), "release": nothing, "every": False, **options}
        return await sweep(self.log, self.data, keep, self.clock(), **given)

    def texts(self) -> dict[str, list[str | None]]:
        """What the sessions say, as another process reads it."""
        self.log.commit()
        reader = LogReader(self.data)
        return {
            row["id"]: [turn["output"] or turn["content"] for turn in reader.turns(row["id"])]
            for row in reader.sessions(limit=None, order="asc")
        }

    def sound(self) -> list[str]:
        return sorted(path.name for _, path in soundfolder.sessions(self.data))
