"""Editing one value leaves every other byte as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.jsonedit import replace_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ('{"model":"a"}', ("model",), '{"model":"new"}'),
        (' { "x" : 1.10, "s" :\n{"model" : "a" , "y":1E400} }', ("s", "model"), ' { "x" : 1.10, "s" :\n{"model" : "new" , "y":1E400} }'),
        ('{"mod\\u0065l":"a","z":"\\/"}', ("model",), '{"mod\\u0065l":"new","z":"\\/"}'),
        ('{"model":"a","model":"b"}', ("model",), '{"model":"a","model":"new"}'),
        ('{"s":[{"model":"a"}]}', ("s", "model"), None),
        ('{"s":{}}', ("s", "model"), None),
        ("[1]", ("model",), None),
        ('"text"', ("model",), None),
    ],
)
def test_the_last_value_of_a_path(before: str, path: tuple[str, ...], after: str | None) -> None:
    changed = replace_value(before.encode(), path, "new")
    assert changed == (after.encode() if after is not None else None)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON, min_size=1, max_size=4), JSON, st.data())
def test_only_that_value_changes(document: dict[str, object], value: object, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(document)))
    payload = json.dumps(document, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from((None, 2)))).encode()
    changed = replace_value(payload, (key,), value)
    assert changed is not None
    assert json.loads(changed) == {**document, key: value}
