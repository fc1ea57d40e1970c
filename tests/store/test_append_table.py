"""The table over append-only lines behaves as TinyDB's own, now and after the file was opened again."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import invariant
from hypothesis.stateful import rule
from tinydb import Query
from tinydb import TinyDB
from tinydb.operations import delete
from tinydb.operations import increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from store.storage import AppendStorage
from store.table import AppendDB

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=4
)
RECORDS = st.fixed_dictionaries({"n": st.integers(0, 3)}, optional={"s": st.sampled_from("abc"), "v": VALUES})
IDS = st.integers(1, 6)
DOCUMENTS = RECORDS | st.builds(Document, RECORDS, IDS)
CONDITIONS = (
    st.builds(lambda n: Query().n == n, st.integers(0, 3))
    | st.just(Query().s.exists())
    | st.builds(lambda s: Query().s > s, st.sampled_from("ab"))
)


def _next(row: dict[str, Any]) -> None:
    row["n"] = (row.get("n", 0) + 1) % 4
    row.pop("s", None)


CHANGES = RECORDS | st.just(_next)


class SameAsTinyDB(RuleBasedStateMachine):
    """Every call goes to both databases; results, errors and contents must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "db.jsonl"
        self.ours = AppendDB(self.path)
        self.theirs = TinyDB(storage=MemoryStorage)

    def teardown(self) -> None:
        self.ours.close()
        self.folder.cleanup()

    def both(self, call: Callable[[Any], Any]) -> None:
        results = []
        for database in (self.ours, self.theirs):
            try:
                results.append(("returned", call(database.table("t"))))
            except (ValueError, KeyError) as error:
                results.append(("raised", type(error)))
        assert results[0] == results[1]

    @rule(record=DOCUMENTS)
    def insert(self, record: dict[str, Any]) -> None:
        self.both(lambda table: table.insert(copy.deepcopy(record)))

    @rule(records=st.lists(DOCUMENTS, max_size=4))
    def insert_multiple(self, records: list[dict[str, Any]]) -> None:
        self.both(lambda table: table.insert_multiple(iter(copy.deepcopy(records))))

    @rule(change=CHANGES, condition=CONDITIONS)
    def update(self, change: Any, condition: Any) -> None:
        self.both(lambda table: table.update(copy.deepcopy(change), condition))

    @rule(change=CHANGES, ids=st.lists(IDS, max_size=3))
    def update_ids(self, change: Any, ids: list[int]) -> None:
        self.both(lambda table: table.update(copy.deepcopy(change), doc_ids=iter(ids)))

    @rule(change=CHANGES)
    def update_all(self, change: Any) -> None:
        self.both(lambda table: table.update(copy.deepcopy(change)))

    @rule(changes=st.lists(st.tuples(CHANGES, CONDITIONS), max_size=3))
    def update_multiple(self, changes: Any) -> None:
        self.both(lambda table: table.update_multiple(copy.deepcopy(changes)))

    @rule(record=DOCUMENTS, condition=CONDITIONS)
    def upsert(self, record: Any, condition: Any) -> None:
        self.both(lambda table: table.upsert(copy.deepcopy(record), condition))

    @rule(condition=CONDITIONS)
    def remove(self, condition: Any) -> None:
        self.both(lambda table: table.remove(condition))

    @rule(ids=st.lists(IDS, max_size=3))
    def remove_ids(self, ids: list[int]) -> None:
        self.both(lambda table: table.remove(doc_ids=ids))

    @rule()
    def truncate(self) -> None:
        self.both(lambda table: table.truncate())

    @rule()
    def drop(self) -> None:
        self.ours.drop_table("t")
        self.theirs.drop_table("t")

    @rule(condition=CONDITIONS)
    def read(self, condition: Any) -> None:
        self.both(
            lambda table: (table.search(condition), table.get(condition), table.count(condition), table.contains(doc_id=2), len(table))
        )

    @rule()
    def reopen(self) -> None:
        memory = self.theirs.storage.read()
        self.ours.close()
        self.ours = AppendDB(self.path)
        self.theirs = TinyDB(storage=MemoryStorage)
        if memory is not None:
            self.theirs.storage.write(memory)

    @invariant()
    def agree(self) -> None:
        ours, theirs = (list(database.table("t")) for database in (self.ours, self.theirs))
        assert [(row.doc_id, row) for row in ours] == [(row.doc_id, row) for row in theirs]


TestSameAsTinyDB = SameAsTinyDB.TestCase
TestSameAsTinyDB.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@pytest.fixture
def db(tmp_path: Path) -> AppendDB:
    return AppendDB(tmp_path / "db.jsonl")


def test_query_update_remove_upsert(db: AppendDB) -> None:
    sessions = db.table("sessions")
    sessions.insert_multiple([{"id": "a", "provider": "sim"}, {"id": "b", "provider": "openai"}])
    assert [row["id"] for row in sessions.search(Query().provider == "sim")] == ["a"]
    assert sessions.update({"turns": 2}, Query().id == "b") == [2]
    assert sessions.update(increment("turns"), Query().id == "b") == [2]
    assert sessions.update(delete("provider"), Query().id == "a") == [1]
    assert sessions.upsert({"id": "c"}, Query().id == "c") == [3]
    assert sessions.remove(Query().id == "a") == [1]
    assert AppendDB(db.storage.path).table("sessions").all() == [{"id": "b", "provider": "openai", "turns": 3}, {"id": "c"}]


def test_each_change_is_one_line(db: AppendDB) -> None:
    table = db.table("t")
    table.insert_multiple([{"n": n} for n in range(10)])
    table.update({"x": 1}, Query().n < 5)
    table.update({"x": 1}, Query().n > 50)
    table.remove(Query().n == 3)
    lines = [json.loads(line) for line in db.storage.path.read_text().splitlines()]
    assert [sorted(line.keys() - {"at", "table"}) for line in lines] == [["version", "voicetap"], ["put"], ["set"], ["drop"]]


def test_a_failing_change_changes_nothing(db: AppendDB) -> None:
    table = db.table("t")
    table.insert_multiple([{"n": 1}, {"other": 1}])
    with pytest.raises(KeyError):
        table.update(increment("n"))
    assert table.all() == [{"n": 1}, {"other": 1}]


def test_memory_is_what_the_file_says(db: AppendDB) -> None:
    given = {"nan": float("nan"), "tuple": (1, 2), "half": "a\ud83d", "pair": "\ud83d\ude00", "nested": {"list": [1]}}
    table = db.table("t")
    table.insert(given)
    given["nested"]["list"].append(2)  # type: ignore[index]
    kept = {"nan": None, "tuple": [1, 2], "half": "a\ufffd", "pair": "\U0001f600", "nested": {"list": [1]}}
    assert table.all() == [kept]
    assert AppendDB(db.storage.path).table("t").all() == [kept]


def test_what_is_not_json_is_refused_before_anything_is_written(db: AppendDB) -> None:
    with pytest.raises(TypeError):
        db.table("t").insert({"x": object()})
    assert len(db.table("t")) == 0
    assert not AppendDB(db.storage.path).tables()


def test_plain_tinydb_reads_and_writes_the_same_file(db: AppendDB) -> None:
    db.table("t").insert_multiple([{"n": 1}, {"n": 2}])
    plain = TinyDB(db.storage.path, storage=AppendStorage)
    assert plain.table("t").search(Query().n == 2) == [{"n": 2}]
    plain.table("t").insert({"n": 3})
    plain.table("t").update({"x": 1}, Query().n == 1)
    plain.table("other").insert({})
    plain.drop_table("other")
    assert db.refresh()
    assert db.table("t").all() == [{"n": 1, "x": 1}, {"n": 2}, {"n": 3}]
    assert db.tables() == {"t"}


def test_a_search_is_not_answered_from_before_a_refresh(db: AppendDB) -> None:
    table = db.table("t")
    assert table.search(Query().n == 1) == []
    AppendDB(db.storage.path).table("t").insert({"n": 1})
    db.refresh()
    assert table.search(Query().n == 1) == [{"n": 1}]
