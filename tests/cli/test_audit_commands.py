"""`verify` and `erase` where no proxy runs: what they print, their exit codes, and what they refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.__main__ import app
from cli.errors import Failure
from store.clock import stamp
from store.clock import utc_now
from store.log import Log
from store.reader import LogReader

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sessions of two keys, each with a turn."""
    log = Log.open(tmp_path / "data")
    log.recover(utc_now())
    for name, key in (("ses_a", "kiosk"), ("ses_b", "desk")):
        log.session_opened({"id": name, "started_at": stamp(utc_now()), "ended_at": None, "principal": key})
        log.turn_written({"session": name, "index": 1, "status": "completed", "output": f"{name} speaks"})
        log.session_closed(name, {})
    assert log.close() == 0
    return tmp_path / "data"


@pytest.fixture
def run(data: Path) -> Run:
    def invoke(*words: str, answer: str | None = None, folder: Path = data) -> Result:
        return CliRunner().invoke(app, [*words, "--data", str(folder)], input=answer)

    return invoke


def said(data: Path) -> dict[str, str]:
    reader = LogReader(data)
    return {row["id"]: (turn := reader.turns(row["id"])[0])["output"] or turn["content"] for row in reader.sessions()}


def file_of(data: Path) -> Path:
    return next((data / "log").glob("*.jsonl"))


def test_a_log_that_is_fine(run: Run, data: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    result = run("verify", folder=copy)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == [file_of(data).name, "7", "7", "ok"]
    assert "2 texts are what was committed to, 0 were erased; 1 seals by the key" in result.stdout
    assert "MB/s" in result.stdout
    found = json.loads(run("verify", "--json", folder=copy).stdout)
    assert (found["ok"], found["bad"], found["texts"], found["files"][0]["sealed"]) == (True, None, 2, 7)


def test_a_log_that_was_changed(run: Run, data: Path) -> None:
    file = file_of(data)
    file.write_bytes(file.read_bytes().replace(b'"kiosk"', b'"other"'))
    result = run("verify")
    assert result.exit_code == 1
    assert f"{file.name}:2: it was changed: the line after it carries another hash of it" in result.stdout
    result = run("verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["bad"] == {
        "file": file.name,
        "line": 2,
        "why": "it was changed: the line after it carries another hash of it",
    }


def test_what_verify_cannot_look_at(run: Run, data: Path, tmp_path: Path) -> None:
    for words, folder in (
        ((), tmp_path / "nothing"),
        (("--public-key", str(tmp_path / "nothing")), data),
        (("--anchor", "/nothing"), data),
    ):
        with pytest.raises(Failure) as caught:
            raise run("verify", *words, folder=folder).exception or AssertionError
        assert caught.value.code == "VT102"
    (tmp_path / "no.pem").write_text("-----BEGIN PUBLIC KEY-----\nMCo=\n-----END PUBLIC KEY-----\n")
    assert isinstance(run("verify", "--public-key", str(tmp_path / "no.pem")).exception, Failure)


def test_verify_says_what_is_not_sealed_and_what_is_unfinished(run: Run, data: Path) -> None:
    file = file_of(data)
    file.with_suffix(".seals").unlink()
    with file.open("ab") as end:
        end.write(b'{"table"')
    result = run("verify")
    assert result.exit_code == 1
    assert f"{file.name}:1: its seals are missing: the proxy that wrote it ended properly" in result.stdout
    file.with_name(".lock").write_text('{"pid":1,"since":"2026-11-21"}')
    result = run("verify")
    assert result.exit_code == 0
    assert "ok; 7 lines are newer than the last seal; 8 bytes of an unfinished line" in result.stdout
    assert f"{file.name}: warning: no seals: the first is made within 30 s" in result.stdout
    assert "no seals" in json.loads(run("verify", "--json").stdout)["files"][0]["warning"]


@pytest.mark.parametrize(("words", "gone"), [(("--session", "ses_a"), "ses_a"), (("--key", "desk"), "ses_b")])
def test_erasing(run: Run, data: Path, words: tuple[str, ...], gone: str) -> None:
    result = run("erase", *words, "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "erased the texts of 1 session(s) and the sound of 0" in result.stderr
    assert {name for name, text in said(data).items() if text == "erased"} == {gone}
    result = run("verify", "--json")
    assert (json.loads(result.stdout)["erased"], result.exit_code) == (1, 0)
    again = run("erase", *words, "--json")
    assert json.loads(again.stdout) == {"sessions": 0, "contents": 0, "recordings": 0}


def test_a_key_that_has_no_session(run: Run) -> None:
    failure = run("erase", "--key", "nobody", "--yes").exception
    assert isinstance(failure, Failure)
    assert (failure.code, failure.exit_code) == ("VT104", 1)
    assert "no session" in failure.message and "'nobody'" in failure.message


def test_erasing_by_date_and_more_than_one(run: Run, data: Path) -> None:
    assert run("erase", "--before", "2020-01-01").exit_code == 0
    assert "erased" not in said(data).values()
    assert run("erase", "--session", "ses_a", "--session", "ses_b", "--yes").exit_code == 0
    assert set(said(data).values()) == {"erased"}


def test_it_asks_first(run: Run, data: Path) -> None:
    for answer in ("n\n", ""):
        failure = run("erase", "--key", "kiosk", answer=answer).exception
        assert isinstance(failure, Failure)
        assert (failure.code, str(failure)) == ("VT105", "nothing is erased")
    assert "erased" not in said(data).values()
    result = run("erase", "--before", "2099-01-01T00:00:00+01:00", answer="y\n")
    assert "Erase the texts of 2 session(s) and the sound of 0, for good?" in result.stderr
    assert set(said(data).values()) == {"erased"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "VT105"),
        (("--key", "a", "--before", "2026-01-01"), "VT105"),
        (("--before", "yesterday"), "VT105"),
        (("--session", "ses_x"), "VT103"),
        (("--session", "ses_"), "VT103"),
    ],
)
def test_what_erase_refuses(run: Run, data: Path, words: tuple[str, ...], code: str) -> None:
    failure = run("erase", "--yes", *words).exception
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert "erased" not in said(data).values()


def test_a_proxy_that_does_not_answer(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.erase._WAIT_SECONDS", 0.3)
    log = Log.open(data)
    try:
        failure = run("erase", "--key", "kiosk", "--yes").exception
        assert isinstance(failure, Failure)
        assert failure.code == "VT102"
        assert "in use by process" in str(failure)
    finally:
        log.close()
    assert said(data)["ses_a"] == "ses_a speaks"
