"""`export jsonl` and `export csv`: every record once, as it stands in the end, by the schema, inert; files are the owner's and stay."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tracemalloc
import unicodedata
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from exportlog import CALL
from exportlog import HOSTILE
from exportlog import LATER
from exportlog import TALK
from exportlog import finding
from exportlog import lines
from exportlog import opening
from exportlog import run
from exportlog import turn
from exportlog import write

from cli.errors import Failure
from store.export import records
from store.export.columns import COLUMNS
from store.export.reading import Chosen
from store.export.reading import Reading
from store.export.records import FIELDS_OF
from store.filters import Filter
from store.log import Log
from store.reader import LogReader
from store.table import AppendDB

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "data" / "export.schema.json").read_text())


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("export")
    write(data)
    return data


def counted(found: Any) -> dict[str, int]:
    kinds = [line["record"] for line in found]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def test_every_record_once_by_the_schema(log: Path) -> None:
    found = lines(log, *(f"--table={name}" for name in ("frames", "sessions", "turns", "findings", "bills")))
    assert counted(found) == {"session": 3, "turn": 4, "finding": 2, "bill": 1, "frame": 5}
    valid = jsonschema.Draft202012Validator(SCHEMA)
    for line in found:
        valid.validate(line)
        assert tuple(line) == ("record", *(field.name for field in FIELDS_OF[line["record"]]))
    first = json.loads(run(log, "export", "jsonl", "--table", "bills").stdout.splitlines()[0])
    valid.validate(first)
    assert first == {"record": "export", "version": records.VERSION, "kinds": ["bill"]}


def test_the_schema_is_the_one_of_the_code_and_refuses() -> None:
    assert (ROOT / "data" / "export.schema.json").read_text() == records.text()
    valid = jsonschema.Draft202012Validator(SCHEMA)
    good = records.record("turn", turn(TALK, 1))
    valid.validate(good)
    for change in ({"index": "1"}, {"session": None}, {"record": "note"}, {"usage": 5}):
        with pytest.raises(jsonschema.ValidationError):
            valid.validate(good | change)


def test_records_are_as_they_stand_in_the_end(log: Path) -> None:
    turns = {(line["session"], line["index"]): line for line in lines(log, "--table", "turns")}
    assert turns[TALK, 1]["output"] == f"answer 1 {HOSTILE}", "not the half of it that was written first"
    assert turns[TALK, 1]["tool_calls"][0]["result"] == HOSTILE
    assert [line["excerpt"] for line in lines(log, "--table", "findings")] == [HOSTILE, None]
    frames = lines(log, "--table", "frames")
    assert [frame["outcome"] for frame in frames] == ["passed", "changed", "passed", "dropped", "passed"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([TALK], {"session": 1, "turn": 2, "finding": 1, "bill": 1}),
        ([TALK[:7], LATER], {"session": 2, "turn": 3, "finding": 1, "bill": 1}),
        (["key=lab"], {"session": 1, "turn": 1}),
        (["status=live"], {"session": 1, "turn": 1}),
        (["since=2026-11-22T00:00:00Z"], {"session": 1, "turn": 1}),
        (["until=2026-11-22T00:00:00Z"], {"session": 2, "turn": 3, "finding": 2, "bill": 1}),
        (["since=2026-11-21T09:35:00Z", "until=2026-11-21T10:00:00Z"], {"session": 1, "turn": 1}),
        (["provider=nobody"], {}),
        (["answer 1", "key=lab"], {"session": 1, "turn": 1}),
        (["nothing like it"], {}),
    ],
)
def test_sessions_are_chosen(log: Path, words: list[str], expected: dict[str, int]) -> None:
    assert counted(lines(log, *words)) == expected


def test_what_cannot_be_chosen_is_said(log: Path) -> None:
    for words, code in ((["ses_nobody"], "VT103"), ([TALK, "key=lab"], "VT105"), (["colour=red"], "VT105"), (["since=soon"], "VT105")):
        failure = run(log, "export", "jsonl", *words).exception
        assert isinstance(failure, Failure)
        assert failure.code == code


def test_json_lines_are_ascii_and_inert(log: Path) -> None:
    out = run(log, "export", "jsonl").stdout_bytes
    assert all(32 <= byte < 127 or byte == 10 for byte in out)


@pytest.mark.parametrize("table", ["sessions", "turns", "findings", "bills", "frames"])
def test_a_spreadsheet_computes_nothing(log: Path, table: str, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert run(log, "export", "csv", "--table", table, "-o", str(path)).exit_code == 0
    raw = path.read_bytes().decode()
    assert raw.count("\r\n") == raw.count("\n"), "lines end as RFC 4180 has it"
    rows = list(csv.reader(io.StringIO(raw, newline=""), strict=True))
    assert tuple(rows[0]) == COLUMNS[next(kind for kind in FIELDS_OF if table == f"{kind}s")]
    assert len({len(row) for row in rows}) == 1
    for cell in (cell for row in rows[1:] for cell in row):
        assert not re.match(r"\s*[=+@]|\s*-(?![\d.])", cell), cell
        assert {unicodedata.category(sign) for sign in cell} & {"Cc", "Cf", "Cs"} == set()


def test_numbers_stay_numbers(log: Path) -> None:
    first = next(csv.DictReader(io.StringIO(run(log, "export", "csv", "--table", "turns", TALK).stdout)))
    assert float(first["clocks.first_audio"]) == 412.3
    assert float(first["cost.usd"]) == 0.00125
    assert first["usage.input_audio"] == "15"
    assert first["usage.reasoning"] == ""


def test_a_file_is_its_owners_and_takes_nobodys_place(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    before = os.umask(0)
    try:
        assert run(log, "export", "jsonl", "-o", str(path)).exit_code == 0
        assert path.stat().st_mode & 0o777 == 0o600
        again = run(log, "export", "jsonl", TALK, "-o", str(path))
        assert isinstance(again.exception, Failure)
        assert (again.exception.code, "--force" in again.exception.fix) == ("VT111", True)
        assert run(log, "export", "jsonl", TALK, "-o", str(path), "--force").exit_code == 0
        assert len(path.read_text().splitlines()) == 6
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == ["out.jsonl"], "nothing half is left"


def test_a_link_in_the_place_of_a_file_is_not_followed(log: Path, tmp_path: Path) -> None:
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.write_text("mine")
    link.symlink_to(kept)
    assert isinstance(run(log, "export", "jsonl", "-o", str(link)).exception, Failure)
    assert run(log, "export", "jsonl", "-o", str(link), "--force").exit_code == 0
    assert (kept.read_text(), link.is_symlink()) == ("mine", False)


def test_a_folder_that_is_not_there_is_said(log: Path, tmp_path: Path) -> None:
    failure = run(log, "export", "csv", "-o", str(tmp_path / "no" / "out.csv")).exception
    assert isinstance(failure, Failure)
    assert failure.code == "VT111"


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out.jsonl"
    write(data)
    (data / "log" / "2026-11-22.jsonl").write_text('{"voicetap":"log","version":99}\n')
    failure = run(data, "export", "jsonl", "-o", str(out)).exception
    assert isinstance(failure, Failure)
    assert failure.code == "VT102"
    assert not out.exists()


def test_erased_texts_are_said_to_be(tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, "erase", "--session", TALK, "--yes").exit_code == 0
    turns = {line["session"]: line for line in lines(tmp_path, "--table", "turns")}
    assert (turns[TALK]["output"], turns[TALK]["content"]) == (None, "erased")
    assert (turns[LATER]["output"][:6], turns[LATER]["content"]) == ("answer", None)
    assert lines(tmp_path, "--table", "frames") == []


def test_edits_with_tinydb_count(tmp_path: Path) -> None:
    write(tmp_path)
    with AppendDB(tmp_path / "log" / "2026-11-21.jsonl") as db:
        db.table("turns").remove(lambda row: row["session"] == CALL)
        db.table("turns").update({"voice": "cedar"}, lambda row: row["index"] == 2)
    found = lines(tmp_path, "--table", "turns")
    assert sorted((line["session"], line["index"], line["voice"]) for line in found) == [
        (TALK, 1, "marin"),
        (TALK, 2, "cedar"),
        (LATER, 1, "marin"),
    ]


def test_memory_does_not_grow_with_the_turns(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    log.session_opened(opening(TALK))
    words = "w" * 20_000
    for number in range(400):
        log.turn_written(turn(TALK, number, reason=words, input="", summary="", output="", tool_calls=[]))
        log.finding(finding(number, TALK, event_type=words, excerpt=None))
    log.close()
    reading = Reading(LogReader(tmp_path), Chosen(filter=Filter({"id": "ses_*"})))
    list(reading.sessions())
    tracemalloc.start()
    assert sum(1 for kind in ("turn", "finding") for _ in reading.rows(kind)) == 800
    assert tracemalloc.get_traced_memory()[1] < 3_000_000, "of 16 MB"
    tracemalloc.stop()
