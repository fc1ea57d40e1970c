"""Seals: what is on the disk is sealed in time, once, by a key that is made once; what cannot be sealed is said and made up for."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from waiting import soon

from store.log import Log
from store.seal import BadSeal
from store.seal import SealKey
from store.seal import checked
from store.seal import read_public
from store.verify import verify

Make = Callable[..., dict[str, Any]]
DAY = "2026-11-21"


def _seals(path: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in path.read_bytes().splitlines()] if path.exists() else []


def _sealed(path: Path, numbers: list[int]) -> bool:
    return _seals(path) == numbers


def test_what_was_written_is_sealed_while_nothing_happens(tmp_path: Path, clock: Any, make_session: Make) -> None:
    log = Log.open(tmp_path, clock=clock, seal_every=0.01)
    path = tmp_path / "log" / f"{DAY}.seals"
    for expected in ([1], [1, 2], [1, 2, 3]):
        log.session_opened(make_session(f"s{len(expected)}"))
        log.commit()
        soon(partial(_sealed, path, expected))
    log.close()
    assert _seals(path) == [1, 2, 3]


def test_what_waits_for_the_disk_is_not_sealed(log: Log, make_session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log.folder / f"{DAY}.seals"
    log.session_opened(make_session("a"))
    log.commit()

    def fail(journal: object, lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("store.journal.Journal.append", fail)
        log.session_opened(make_session("b"))
        soon(lambda: log.failure is not None)
        log._sealer.seal()
        assert _seals(path) == [1]
    soon(lambda: log.failure is None)
    log.commit()
    log._sealer.seal()
    assert _seals(path) == [1, 2]


def test_a_start_after_a_crash_seals_what_the_crash_left(tmp_path: Path, clock: Any, make_session: Make) -> None:
    log = Log.open(tmp_path / "data", clock=clock)
    log.session_opened(make_session("a"))
    log.commit()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    (crashed / "log").mkdir()
    (crashed / "log" / f"{DAY}.jsonl").write_bytes((tmp_path / "data" / "log" / f"{DAY}.jsonl").read_bytes())
    log.close()
    again = Log.open(crashed, clock=clock)
    again.recover(clock())
    assert verify(crashed).files[0].sealed == verify(crashed).files[0].lines == 3
    again.close()
    Log.open(crashed, clock=clock).close()
    assert _seals(crashed / "log" / f"{DAY}.seals") == [2]


def test_days_that_are_done_with_are_sealed_to_their_end(log: Log, clock: Any, make_session: Make) -> None:
    for day in range(3):
        log.session_opened(make_session(f"s{day}"))
        log.session_closed(f"s{day}", {})
        log.commit()
        clock.forward(days=1)
    log.session_opened(make_session("last"))
    log.commit()
    log.close()
    report = verify(log.folder.parent)
    assert [(file.lines, file.sealed) for file in report.files] == [(3, 3), (3, 3), (3, 3), (2, 2)]


def test_an_anchor_that_cannot_be_written(tmp_path: Path, clock: Any, make_session: Make, caplog: pytest.LogCaptureFixture) -> None:
    anchor = tmp_path / "mounted" / "later" / "anchor"
    log = Log.open(tmp_path / "data", clock=clock, anchor=anchor)
    log.session_opened(make_session("a"))
    log.commit()
    log._sealer.seal()
    log._sealer.seal()
    assert caplog.text.count("cannot be sealed now") == 1
    assert _seals(tmp_path / "data" / "log" / f"{DAY}.seals") == [1]
    anchor.parent.mkdir(parents=True)
    log._sealer.seal()
    assert _seals(anchor) == [1]
    anchor.write_bytes(anchor.read_bytes() + b'{"file":"half')
    log.session_opened(make_session("b"))
    log.close()
    assert _seals(anchor) == _seals(tmp_path / "data" / "log" / f"{DAY}.seals") == [1, 2]
    assert verify(tmp_path / "data", anchor=anchor).bad is None


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = SealKey(tmp_path)
    assert SealKey(tmp_path).id == key.id
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {"seal.key": 0o600, "seal.pub": 0o600}
    (tmp_path / "seal.pub").unlink()
    (tmp_path / "seal.key.new").write_bytes(b"what a crash left")
    assert SealKey(tmp_path).id == next(iter(read_public(tmp_path / "seal.pub")))
    assert load_pem_public_key((tmp_path / "seal.pub").read_bytes()) is not None
    (tmp_path / "seal.key").write_bytes(b"no key")
    with pytest.raises(ValueError, match="PEM"):
        SealKey(tmp_path)


@pytest.mark.parametrize("line", [b"", b"{}", b"\xff", b'{"file":"a","chain":"b","seq":1,"head":"c","at":"d","key":"e","sig":"%"}'])
def test_lines_that_are_no_seals(line: bytes) -> None:
    with pytest.raises(BadSeal):
        checked(line, {})
