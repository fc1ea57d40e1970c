"""Editing one value leaves every other byte as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.jsonedit import Edit
from realtime.jsonedit import edited
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


STRINGS = st.text(st.characters()) | st.sampled_from(["🎉 a", "\ud83d", "\ud83d\\ude00", '"\\/', "\n\t\x00"])


@given(st.lists(STRINGS, min_size=1, max_size=4), st.booleans(), st.data())
def test_only_those_characters_change(texts: list[str], ascii_only: bool, data: st.DataObject) -> None:
    texts = [json.loads(json.dumps(text)) for text in texts]
    document = {"a": [{"t": text} for text in texts], "n": 1.0}
    payload = json.dumps(document, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from((None, 1)))).encode(errors="surrogatepass")
    try:
        payload.decode()
    except UnicodeDecodeError:
        payload = json.dumps(document).encode()
    edits, expected = [], list(texts)
    for number, text in enumerate(texts):
        start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
        edits.append(Edit(("a", number, "t"), "<é>", start, end))
        expected[number] = text[:start] + "<é>" + text[end:]
    changed = edited(payload, data.draw(st.permutations(edits)))
    assert json.loads(changed) == {"a": [{"t": json.loads(json.dumps(text))} for text in expected], "n": 1.0}
    assert edited(payload, []) == payload


def test_escapes_around_an_edit_stay_as_they_were() -> None:
    payload = rb'{"t":"\u0061\/\ud83d\ude00b\"\u0063", "t2" : "\u0064"}'
    assert edited(payload, [Edit(("t",), "X", 3, 4)]) == payload.replace(b"b", b"X", 1)
    assert edited(payload, [Edit(("t",), "X", 2, 3), Edit(("t2",), "Y")]) == payload.replace(rb"\ud83d\ude00", b"X").replace(
        rb'"\u0064"', b'"Y"'
    )


def test_edits_inside_one_another_and_of_other_values() -> None:
    payload = b'{"a":{"b":"text"},"n":12, "l" : [1,{"x":null}]}'
    assert edited(payload, [Edit(("a", "b"), "?", 0, 2), Edit(("a",), None)]) == b'{"a":null,"n":12, "l" : [1,{"x":null}]}'
    assert edited(payload, [Edit(("n",), "?", 0, 1)]) == payload.replace(b"12", b'"?"')
    assert edited(payload, [Edit(("l", 1, "x"), "\ud800é")]) == payload.replace(b"null", b'"\\ud800\\u00e9"')


@pytest.mark.parametrize("keys", [("x",), ("a", "x"), ("n", "x"), ("l", 2), ("l", "x"), ("a", 0)])
def test_a_place_that_is_not_there(keys: tuple[str | int, ...]) -> None:
    with pytest.raises(LookupError):
        edited(b'{"a":{},"n":1,"l":[1,2]}', [Edit(keys, "?")])
