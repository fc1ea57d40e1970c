"""The path subset: what each step finds, and where a path that is none of it stops being one."""

import pytest

from realtime.jsonpath import PathError
from realtime.jsonpath import compile_path
from realtime.jsonpath import descend
from realtime.jsonpath import locate
from realtime.jsonpath import read
from realtime.jsonpath import written

EVENT = {"item": {"content": [{"text": "a"}, {"text": "b", "x-y": 1}, {"audio": None}], "text": "c"}, "a b": {"": 0}}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$", [EVENT]),
        ("$.item.text", ["c"]),
        ("$.item.content[*].text", ["a", "b"]),
        ("$.item.content[0].text", ["a"]),
        ("$.item.content[-1]", [{"audio": None}]),
        ("$.item.content[-1].audio", [None]),
        ("$.item.content[3]", []),
        ("$.item.content[-4]", []),
        ("$.item.content[1].x-y", [1]),
        ("$['a b'].*", [0]),
        ("$.item.*[0].text", ["a"]),
        ("$..text", ["c", "a", "b"]),
        ("$..content[1].text", ["b"]),
        ("$.item[0]", []),
        ("$.item.content.text", []),
        ("$.item.text.more", []),
        ("$.item.text[*]", []),
        ("$.missing..text", []),
    ],
)
def test_read(path: str, values: list[object]) -> None:
    assert read(compile_path(path), EVENT) == values


@pytest.mark.parametrize("event", [None, 1, "text", [], {}])
def test_read_of_what_is_no_event_finds_nothing(event: object) -> None:
    assert read(compile_path("$.a[*].b"), event) == []


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ("", 0),
        ("item", 0),
        ("$item", 1),
        ("$.", 1),
        ("$.a[", 3),
        ("$.a[?(@.b)]", 3),
        ("$.a[1:2]", 3),
        ("$.a..b..c", 6),
        ("$" + ".a" * 200, 256),
    ],
)
def test_refused_with_its_position(path: str, position: int) -> None:
    with pytest.raises(PathError) as caught:
        compile_path(path)
    assert caught.value.position == position


def test_descend_goes_outer_before_inner_in_document_order() -> None:
    found = [(keys, value) for keys, value in descend({"a": [1, {"b": 2}], "c": 3}) if isinstance(value, int)]
    assert found == [(("a", 0), 1), (("a", 1, "b"), 2), (("c",), 3)]


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("$", ["$"]),
        ("$.item.content[*].text", ["$.item.content[0].text", "$.item.content[1].text"]),
        ("$.item.content[-1]", ["$.item.content[2]"]),
        ("$['a b'].*", ["$['a b']['']"]),
        ("$..text", ["$.item.text", "$.item.content[0].text", "$.item.content[1].text"]),
    ],
)
def test_locate_says_where_each_value_stands(path: str, places: list[str]) -> None:
    assert [written(keys) for keys, _ in locate(compile_path(path), EVENT)] == places
