"""The examples of `docs/log.md` do what the page says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from store.log import Log
from store.reader import LogReader
from store.table import AppendDB

PAGE = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
FILE = "data/log/2026-11-21.jsonl"


def _blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's own lines as its log."""
    lines = next(text for text in _blocks("") if text.startswith("{"))
    (tmp_path / "data" / "log").mkdir(parents=True)
    (tmp_path / FILE).write_text(lines)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lines_are_a_log(folder: Path) -> None:
    reader = LogReader(folder / "data")
    assert [(record["id"], record["turns"]) for record in reader.sessions()] == [("sess_1", 1)]
    assert [turn["index"] for turn in reader.turns("sess_1")] == [1]


def test_the_python_examples_run(folder: Path) -> None:
    names: dict[str, Any] = {}
    for example in _blocks("python"):
        exec(example, names)  # noqa: S102 - the page's own code
    assert (LogReader(folder / "data").session("sess_1") or {})["grouping"] == "test"


def test_the_members_of_a_line_are_those_that_are_written(log: Log, make_session: Callable[..., Any]) -> None:
    log.session_opened(make_session("s"))
    log.session_closed("s", {})
    log.commit()
    table = AppendDB(log.folder / "other.jsonl").table("t")
    table.insert({})
    table.remove(doc_ids=[1])
    table.truncate()
    written = {name for file in log.folder.glob("*.jsonl") for line in file.read_text().splitlines()[1:] for name in json.loads(line)}
    assert written == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
