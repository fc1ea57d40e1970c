"""Messages of a session on the disk: what goes in comes out, for whoever has the key, and nothing else does."""

from __future__ import annotations

import base64
import errno
import json
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from framing_log import FULL
from framing_log import OPENED
from framing_log import Recorded
from framing_log import event
from framing_log import numbered
from waiting import soon

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies.masking import masks
from realtime.policies.masking import redactions
from store.clock import utc_now
from store.framemaker import Crossed
from store.framemaker import Manner
from store.framereader import Frames
from store.framereader import Wanted
from store.frames import Event
from store.frames import Found
from store.frames import row
from store.keyfile import KeyFile
from store.log import Log
from store.log import LogReader
from store.requests import Requests
from store.requests import fulfil
from store.sweep import sweep
from store.targets import Retention
from store.verify import verify

Make = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[2]
CARD = "4111 1111 1111 1111"
MASKS = masks(PolicySet([Policy("cards", "tag", Condition(detect=("card",)), tag="card")]))


@pytest.fixture
def recorded(log: Log, make_session: Make) -> Recorded:
    return Recorded(log, make_session("ses_1"))


def read(recorded: Recorded) -> Frames:
    """As another process does."""
    found = LogReader(recorded.log.folder.parent).frames(recorded.id)
    assert found is not None
    return found


def events(recorded: Recorded) -> list[Event]:
    return list(read(recorded).events())


def on_disk(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


def test_every_field_comes_back(recorded: Recorded) -> None:
    frame = Frame(False, b'{"type":"response.done","response":{"id":"r"}}', at=OPENED + 1.5)
    found = Found("fnd_1", "policy", "redact", "cards", "enforce", True, "late")
    changed = Crossed(frame, b'{"type":"error"}', False, turn=3, findings=(found,), lost=2)
    recorded.write([changed])
    [one] = map(row, events(recorded))
    assert one == {
        "n": 1,
        "at": 1_500_000,
        "from": "server",
        "by": "side",
        "outcome": "changed",
        "opcode": "text",
        "type": "error",
        "size": 16,
        "was": {"type": "response.done", "size": len(frame.payload)},
        "turn": 3,
        "findings": [
            {"id": "fnd_1", "kind": "policy", "action": "redact", "policy": "cards", "mode": "enforce", "applied": True, "why": "late"}
        ],
        "payload": '{"type":"error"}',
        "data": None,
        "elided": [],
        "masked": False,
        "lost": 2,
    }


def test_what_became_of_a_message_and_who_made_it(recorded: Recorded) -> None:
    def frame(**more: bool) -> Frame:
        return Frame(True, b"{}", at=OPENED, **more)

    passed, script, ours = frame(), frame(injected=True, scripted=True), frame(injected=True)
    amended, error = frame(scripted=True), frame(injected=True)
    recorded.write(
        [
            Crossed(passed, passed.payload, False),
            Crossed(passed, None, False),
            Crossed(passed, b"[]", False),
            Crossed(script, script.payload, False),
            Crossed(ours, ours.payload, False),
            Crossed(amended, amended.payload, False),
            Crossed(error, error.payload, True),
        ]
    )
    assert [(one.outcome, one.by) for one in events(recorded)] == [
        ("passed", "side"),
        ("dropped", "side"),
        ("changed", "side"),
        ("added", "script"),
        ("added", "proxy"),
        ("changed", "script"),
        ("told", "proxy"),
    ]


def test_pages_in_both_orders_with_and_without_filters(recorded: Recorded) -> None:
    mixed = [event("a.b" if number % 3 else "c.d", from_client=bool(number % 2)) for number in range(1, 31)]
    recorded.write(mixed[:7], mixed[7:8], mixed[8:21], mixed[21:])
    everything = list(range(1, 31))
    some = [number for number in everything if number % 3 == 0 and number % 2]
    for wanted, numbers in ((Wanted(), everything), (Wanted("client", "c.*"), some)):
        for offset in range(len(numbers) + 2):
            assert [one.n for one in read(recorded).events(wanted, offset=offset)] == numbers[offset:]
            assert [one.n for one in read(recorded).events(wanted, order="desc", offset=offset)] == numbers[::-1][offset:]
    assert [read(recorded).event(number) and number for number in (0, 1, 7, 8, 30, 31)] == [None, 1, 7, 8, 30, None]
    assert read(recorded).count == 30


def test_nothing_of_it_can_be_read_without_the_key_nor_by_others(recorded: Recorded, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        recorded.write([event("conversation.item.create", text="marmalade")])
    finally:
        os.umask(before)
    assert b"marmalade" not in on_disk(tmp_path)
    assert b"conversation.item" not in on_disk(tmp_path)
    assert stat.S_IMODE(recorded.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(recorded.path.parent.stat().st_mode) == 0o700
    header, *batches = map(json.loads, recorded.path.read_bytes().splitlines())
    assert header == {
        "voicetap": "frames",
        "version": 1,
        "session": "ses_1",
        "key": 0,
        "started_at": "2026-11-21T09:30:00.000Z",
        "keeps": "all",
        "content": "full",
    }
    assert [batch.keys() for batch in batches] == [{"batch", "first", "count", "nonce", "box"}]


@pytest.mark.parametrize("content", ["metadata", "redacted", "full"])
@pytest.mark.parametrize("keeps", ["events", "all"])
def test_what_is_kept_of_a_message(recorded: Recorded, content: Any, keeps: Any) -> None:
    sound = base64.b64encode(bytes(900)).decode()
    heard = event("response.output_audio.delta", from_client=False, delta=sound)
    said = event("conversation.item.create", item={"type": "message", "content": [{"type": "input_text", "text": CARD}]})
    stopped = Crossed(said.frame, None, False)
    bare = Frame(True, bytes(100), text=False, at=OPENED)
    recorded.write([heard, said, stopped, Crossed(bare, bare.payload, False)], manner=Manner(keeps, content, MASKS))
    kept = events(recorded)
    assert [one.size for one in kept] == [len(heard.frame.payload), len(said.frame.payload), len(said.frame.payload), 100]
    shown = [one.payload or one.data for one in kept]
    if content == "metadata":
        assert shown == [None] * 4
        return
    assert (sound in (shown[0] or "")) is (keeps == "all")
    assert [(part.path, part.size) for part in kept[0].elided] == ([(["delta"], 1200)] if keeps == "events" else [])
    assert shown[1] == said.frame.payload.decode().replace(CARD, CARD if content == "full" else "[card]")
    assert kept[1].masked is (content == "redacted")
    assert shown[2] == (said.frame.payload.decode().replace(CARD, "[card]") if content == "full" else None)
    assert shown[3] == (base64.b64encode(bytes(100)).decode() if keeps == "all" else None)


def test_what_was_stopped_before_it_was_redacted_is_kept_redacted(recorded: Recorded) -> None:
    made = redactions(PolicySet([Policy("cards", "redact", Condition(detect=("card",)))]))
    said = event("conversation.item.create", item={"type": "message", "content": [{"type": "input_text", "text": f"fruit {CARD}"}]})
    recorded.write([Crossed(said.frame, None, False), said], manner=Manner("events", "full", made))
    stopped, passed = events(recorded)
    assert (stopped.masked, stopped.payload) == (True, said.frame.payload.decode().replace(CARD, "[card]"))
    assert (passed.masked, passed.payload) == (False, said.frame.payload.decode())


def test_credentials_are_blanked_wherever_they_stand(log: Log, make_session: Make) -> None:
    recorded = Recorded(log, make_session("ses_1"), credential=b"sk-secret-credential")
    frame = Frame(False, b'{"type":"sk-secret-credential","error":"bad key sk-secret-credential"}', at=OPENED)
    recorded.write([Crossed(frame, frame.payload, False), Crossed(frame, None, False), Crossed(frame, b"{}", False)])
    assert "sk-secret" not in json.dumps([row(one) for one in events(recorded)])


def test_hostile_messages_are_kept_as_they_came(log: Log, make_session: Make) -> None:
    recorded = Recorded(log, make_session("ses_1"), credential=b"sk-secret-credential")
    payloads = [
        b"",
        b"\xff\xfe broken \x80",
        b'{"type":"\\ud800","a":"\\udfff"}',
        b'{"type":["x"],"a":1e999,"a":NaN}',
        b'{"type":"' + b"x" * 5000 + b'"}',
        b"[" * 5000,
        b'{"type":"a\\nb\\u0000\\r\\u2028","delta":"line\\nline"}',
        ("\u2028\r\n" * 10).encode(),
    ]
    crossed = [Crossed(Frame(True, payload, text=text, at=OPENED), payload, False) for payload in payloads for text in (True, False)]
    recorded.write([Crossed(one.frame, one.frame.payload, False) for one in crossed], manner=FULL)
    kept = [(one.payload.encode() if one.payload is not None else base64.b64decode(one.data or "")) for one in events(recorded)]
    assert kept == [payload for payload in payloads for _ in (1, 2)]


def test_a_large_message_is_kept_whole(recorded: Recorded) -> None:
    large = event("session.update", session={"instructions": "words and more words " * 750_000})
    assert len(large.frame.payload) > 15 << 20
    recorded.write([large, event("after")], manner=Manner("events", "redacted", MASKS))
    first, second = events(recorded)
    assert first.payload == large.frame.payload.decode()
    assert second.type == "after"


@pytest.mark.parametrize("damage", ["flip", "drop", "swap", "repeat", "renumber", "other key"])
def test_a_batch_that_was_tampered_with_is_left_out_and_counted(recorded: Recorded, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    recorded.write(numbered(1, 4), numbered(5, 4), numbered(9, 4))
    header, one, two, three = recorded.path.read_bytes().splitlines(keepends=True)
    lines = {
        "flip": [header, one, two.replace(b'"box":"', b'"box":"A', 1), three],
        "drop": [header, one, b"{damaged}\n", three],
        "swap": [header, one, three.replace(b'"batch":3,"first":9', b'"batch":2,"first":5'), three],
        "repeat": [header, one, one.replace(b'"batch":1,"first":1', b'"batch":2,"first":5'), three],
        "renumber": [header, one, two.replace(b'"first":5', b'"first":50'), three],
        "other key": [header, one, two.replace(b'"nonce":"', b'"nonce":"AA', 1), three],
    }[damage]
    recorded.path.write_bytes(b"".join(lines))
    found = read(recorded)
    assert [one.n for one in found.events()] == [1, 2, 3, 4, 9, 10, 11, 12]
    assert found.unreadable == 1
    assert "can" in caplog.text


def test_an_unfinished_tail_is_no_message(recorded: Recorded) -> None:
    recorded.write(numbered(1, 3), numbered(4, 3))
    whole = recorded.path.read_bytes()
    last = whole.rfind(b"\n", 0, -1) + 1
    for size in (last, last + 1, last + 40, len(whole) - 1):
        recorded.path.write_bytes(whole[:size])
        assert [one.n for one in events(recorded)] == [1, 2, 3]


def test_what_is_written_can_be_read_while_more_is(recorded: Recorded) -> None:
    recorded.put(numbered(1, 2))
    soon(lambda: [one.n for one in events(recorded)] == [1, 2])
    recorded.put(numbered(3, 2))
    soon(lambda: [one.n for one in events(recorded)] == [1, 2, 3, 4])
    recorded.end()


async def test_erasing_destroys_what_was_recorded_and_keeps_nothing_more(log: Log, recorded: Recorded, tmp_path: Path) -> None:
    recorded.put(numbered(1, 5, words="marmalade"))
    soon(lambda: len(events(recorded)) == 5)
    key = KeyFile(tmp_path).get(0)
    requests = Requests(tmp_path)
    done = await fulfil(log, tmp_path, requests.ask("alice", sessions=["ses_1"]), lambda folder: None)
    assert (done.sessions, done.contents) == (1, 1)
    recorded.put(numbered(6, 5, words="marmalade"))
    recorded.end()
    assert not recorded.path.exists()
    found = read(recorded)
    assert (found.readable, found.erased, list(found.events())) == (False, True, [])
    assert key is not None
    assert key not in on_disk(tmp_path)
    log.session_closed("ses_1", {})
    log.commit()
    assert verify(tmp_path).bad is None


async def test_retention_of_content_is_that_of_messages(log: Log, recorded: Recorded, clock: Any, tmp_path: Path) -> None:
    recorded.write(numbered(1, 5))
    log.session_closed("ses_1", {})
    log.commit()
    keep = Retention(metadata=90 * 86400.0, content=86400.0, audio=86400.0)
    clock.forward(hours=23)
    assert await sweep(log, tmp_path, keep, clock(), busy=(), release=lambda folder: None, every=True) is None
    clock.forward(hours=2)
    done = await sweep(log, tmp_path, keep, clock(), busy=(), release=lambda folder: None, every=True)
    assert done is not None
    assert done.contents == 1
    assert not recorded.path.exists()
    assert read(recorded).erased


async def test_a_recording_and_texts_of_one_session_go_together(log: Log, recorded: Recorded, make_turn: Make, tmp_path: Path) -> None:
    log.turn_written(make_turn("ses_1", 1, output="marmalade"))
    recorded.write(numbered(1, 5))
    log.session_closed("ses_1", {})
    log.commit()
    assert len(list(recorded.path.parent.iterdir())) == 2
    log.session_opened({"id": "other", "started_at": "2026-11-21T09:30:00.000Z", "ended_at": None})
    done = await fulfil(log, tmp_path, Requests(tmp_path).ask("alice", sessions=["ses_1"]), lambda folder: None)
    assert done.contents == 1
    assert not recorded.path.parent.exists()
    assert LogReader(tmp_path).turns("ses_1")[0]["content"] == "erased"


def test_a_disk_that_refuses_is_tried_again_and_what_does_not_fit_is_counted(
    log: Log, make_session: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = Recorded(log, make_session("ses_1"), most=1000, retry=0.01)
    log.commit()
    fsync, full = os.fsync, [True]

    def refusing(descriptor: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "full")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refusing)
    assert recorded.put(numbered(1, 2), size=400)
    assert recorded.put(numbered(3, 2), size=400)
    assert not recorded.put(numbered(5, 2), size=400)
    soon(lambda: "messages wait for the disk" in caplog.text)
    assert events(recorded) == []
    full[0] = False
    soon(lambda: [one.n for one in events(recorded)] == [1, 2, 3, 4])
    soon(lambda: recorded.put([event("later")._replace(lost=2)], size=400))
    recorded.end()
    assert [(one.n, one.lost) for one in events(recorded)][-1] == (5, 2)
    assert caplog.text.count("messages wait for the disk") == 1


def test_a_disk_that_stays_full_loses_what_waits_and_says_so(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorded.write(numbered(1, 2))
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    recorded.write(numbered(3, 2))
    monkeypatch.undo()
    assert "could not be written and are lost" in caplog.text
    assert [one.n for one in events(recorded)] == [1, 2]


def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    script = Path(__file__).with_name("frames_until_killed.py")
    for run in range(8):
        command = [sys.executable, str(script), str(tmp_path), f"run_{run}"]
        environment = {"PYTHONPATH": f"{ROOT}{os.pathsep}{script.parent}"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(random.uniform(0, 0.03))  # the moment is the test; nothing waits for it
            process.kill()
            acknowledged = [int(line) for line in process.stdout.read().split(b"\n")[:-1]]
        frames = LogReader(tmp_path).frames(f"run_{run}")
        assert frames is not None
        numbers = [one.n for one in frames.events()]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= max(acknowledged, default=1)
        assert frames.unreadable == 0
    log = Log.open(tmp_path)
    log.recover(utc_now())
    log.close()
    assert verify(tmp_path).bad is None
