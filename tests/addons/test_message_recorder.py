"""What is noted of a session's messages in the moment in which they cross, and when that ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from addons import recorder as recorders
from addons.recorder import Recorder
from realtime.frame import Frame
from realtime.secrecy import Secrets
from realtime.verdict import Verdict
from store.clock import utc_now
from store.framemaker import FrameMaker
from store.framemaker import Manner
from store.framereader import Frames
from store.frames import Event
from store.framewriter import FrameWriter
from store.framewriter import Recording
from store.log import Log

STARTED = "2026-11-21T09:30:00.000Z"
EVENTS, METADATA = Manner("events", "full"), Manner("events", "metadata")


class Stage:
    """One session, and the rules in force."""

    def __init__(self, data: Path) -> None:
        self.log = Log.open(data)
        self.log.recover(utc_now())
        self.log.session_opened({"id": "s", "started_at": STARTED, "ended_at": None})
        self.log.commit()
        self.turn = SimpleNamespace(newest=None)
        self.session: Any = SimpleNamespace(events=None, tracker=self.turn, audio=SimpleNamespace(format_in=None, format_out=None))
        self.manner: Manner | None = EVENTS
        self.writer = FrameWriter(most=1 << 20)
        self.recording = Recording(self.log.frame_file("s", STARTED, "events", "full"), FrameMaker(0.0, lambda: "openai", Secrets()))
        self.recorder = Recorder(self.session, self.recording, self.writer, lambda: self.manner, EVENTS)

    def cross(self, *texts: str) -> None:
        for text in texts:
            frame = Frame(True, json.dumps({"type": "note", "text": text}).encode())
            self.recorder.crossed(frame, frame.payload, False)

    def kept(self) -> list[Event]:
        """All that is kept, once it is over."""
        self.recorder.hand_over(last=True)
        self.writer.stop()
        found: Frames | None = self.log.reader.frames("s")
        assert found is not None
        return list(found.events())

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.session.events
        return found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.writer.stop()
    made.log.close()


def test_new_rules_count_from_the_next_message_on(stage: Stage) -> None:
    stage.cross("one")
    stage.manner = METADATA
    stage.cross("two")
    stage.manner = EVENTS
    stage.cross("three")
    stage.manner = None
    stage.cross("four")
    stage.manner = EVENTS
    stage.cross("five")
    assert [event.payload and json.loads(event.payload)["text"] for event in stage.kept()] == ["one", None, "three"]
    assert stage.state == {"keeps": "events", "count": 3, "lost": 0, "cut": "rules"}


def test_a_session_has_so_much_room(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "MOST_BYTES", 3000)
    sound = Frame(True, b'{"type":"input_audio_buffer.append","audio":"%b"}' % (b"A" * 2000))
    for _ in range(8):
        stage.recorder.crossed(sound, sound.payload, False)
    stage.cross("x" * 1000, "y" * 1000, "z" * 1000)
    kept = stage.kept()
    assert len(kept) == 10
    assert stage.state == {"keeps": "events", "count": 10, "lost": 0, "cut": "size"}


def test_what_finds_no_room_in_memory_is_counted_and_the_next_message_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    append, taken = stage.writer.append, [True, False, False, True]
    monkeypatch.setattr(stage.writer, "append", lambda job: taken.pop(0) and append(job))
    for text in ("one", "two", "three", "four"):
        stage.cross(text)
        stage.recorder.hand_over()
    taken.append(True)
    assert [(event.payload and json.loads(event.payload)["text"], event.lost) for event in stage.kept()] == [("one", 0), ("four", 2)]
    assert (stage.state["count"], stage.state["lost"]) == (2, 2)


def test_findings_go_to_the_message_that_was_inspected(stage: Stage) -> None:
    def row(number: int) -> dict[str, Any]:
        detail = {"applied": False, "reason": "late"}
        return {"id": f"fnd_{number}", "kind": "policy", "action": "tag", "policy": "p", "mode": "monitor", "detail": detail}

    def inspect(frame: Frame) -> Verdict | None:
        if b"find" in frame.payload:
            stage.recorder.found(row(1))
            stage.recorder.found(row(2))
        return None

    noting = stage.recorder.inspecting(inspect)
    frames = [Frame(True, b'{"type":"%b"}' % kind) for kind in (b"plain", b"find", b"other")]
    for frame in frames:
        noting(frame)
    for frame in (frames[0], frames[2], frames[1]):
        stage.recorder.crossed(frame, frame.payload, False)
    assert [(event.type, [(found.id, found.applied, found.why) for found in event.findings]) for event in stage.kept()] == [
        ("plain", []),
        ("other", []),
        ("find", [("fnd_1", False, "late"), ("fnd_2", False, "late")]),
    ]


def test_the_turn_is_the_one_that_is_open_or_ends_with_the_message(stage: Stage) -> None:
    def turn(index: int, *, ended: bool) -> None:
        stage.turn.newest = SimpleNamespace(index=index, ended=ended)

    stage.cross("before")
    for index in (1, 2):
        turn(index, ended=False)
        stage.cross("in")
        turn(index, ended=True)
        stage.cross("last", "after")
    assert [event.turn for event in stage.kept()] == [None, 1, 1, None, 2, 2, None]


def test_an_erased_session_is_recorded_no_more(stage: Stage) -> None:
    stage.cross("one")
    stage.recorder.hand_over()
    stage.recording.file.erase()
    stage.cross("two")
    stage.recorder.hand_over()
    stage.cross("three")
    assert stage.kept() == []
    assert stage.state["cut"] == "erased"


def test_messages_that_still_waited_when_it_ended_were_dropped(stage: Stage) -> None:
    stage.recorder.left([Frame(False, b'{"type":"held"}')])
    [event] = stage.kept()
    assert (event.type, event.outcome) == ("held", "dropped")
    stage.cross("too late")
    assert stage.state["count"] == 1


def test_while_the_disk_is_busy_more_is_gathered(stage: Stage) -> None:
    stage.recording.put += 1
    stage.cross("one")
    stage.recorder.flush()
    stage.cross("two")
    stage.recording.put -= 1
    stage.recorder.flush()
    stage.kept()
    found = stage.log.reader.frames("s")
    assert found is not None
    assert len(found.path.read_bytes().splitlines()) == 2
