"""Strict YAML: each trap of YAML 1.1 stays text or is refused, with its place."""

import pytest

from rules.yamlload import MAX_BYTES
from rules.yamlload import MAX_DEPTH
from rules.yamlload import Unreadable
from rules.yamlload import read_yaml


def found(text: str) -> list[tuple[str, int, int]]:
    return [(d.code, d.line, d.column) for d in read_yaml(text).diagnostics]


@pytest.mark.parametrize(
    "word",
    [
        *["no", "yes", "on", "off", "y", "n", "True", "FALSE", "Null", "1:30", "0600", "0o600", "0x1F", "1_000", "2027-01-31"],
        *["2027-01-31T18:00:00Z", ".inf", ".nan", "+1", "1e999", "9" * 40, "=", "<<", "5.", ".5"],
    ],
)
def test_what_yaml_1_1_would_guess_stays_text(word: str) -> None:
    assert read_yaml(f"a: {word}").value == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-12", -12), ("1.5", 1.5), ("1e3", 1000.0)],
)
def test_what_is_not_text(word: str, value: object) -> None:
    read = read_yaml(f"a: {word}").value["a"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("word", ["'true'", '"12"', "'~'", "|-\n  null"])
def test_quoted_is_always_text(word: str) -> None:
    assert isinstance(read_yaml(f"a: {word}").value["a"], str)


def test_keys_are_text_as_written() -> None:
    assert read_yaml("on: 1\n1: 2\ntrue: 3\n~: 4").value == {"on": 1, "1": 2, "true": 3, "~": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ("VT002", 3, 1)),
        ("a: {b: 1, 'b': 2}", ("VT002", 1, 11)),
        ("a: *x", ("VT003", 1, 4)),
        ("a: &x 1", ("VT003", 1, 4)),
        ("a: !!str 1", ("VT003", 1, 4)),
        ("a: !x 1", ("VT003", 1, 4)),
        ("a: !!python/object/apply:os.system [x]", ("VT003", 1, 4)),
        ("a:\n  - b: c: d", ("VT001", 2, 9)),
        ("a: [1, 2", ("VT001", 1, 9)),
        ("\ta: 1", ("VT001", 1, 1)),
        ("a: 1\n---\nb: 2", ("VT001", 2, 1)),
        ("a: \x00", ("VT001", 1, 4)),
        ("a: 1\nb: \ud800", ("VT001", 2, 4)),
        ('a: "\\ud800"', ("VT001", 1, 4)),
        ("? [a]\n: b", ("VT001", 1, 3)),
        ("a: {{b}: 1}", ("VT001", 1, 5)),
        ("[" * 500_000, ("VT003", 1, MAX_DEPTH + 1)),
    ],
)
def test_refused_with_its_place(text: str, expected: tuple[str, int, int]) -> None:
    assert found(text) == [expected]


def test_an_escape_beyond_unicode() -> None:
    assert [code for code, *_ in found('a: "\\U00110000"')] == ["VT001"]


def test_all_structural_faults_are_reported_and_the_rest_is_read() -> None:
    document = read_yaml("a: *x\nb: !t 1\nb: 2\nc: 3")
    assert [d.code for d in document.diagnostics] == ["VT003", "VT003", "VT002"]
    assert document.value == {"a": Unreadable, "b": 1, "c": 3}
    assert document.unreadable == [("a",)]


@pytest.mark.parametrize(("depth", "codes"), [(MAX_DEPTH, []), (MAX_DEPTH + 1, ["VT003"])])
def test_depth(depth: int, codes: list[str]) -> None:
    assert [code for code, *_ in found("[" * depth + "]" * depth)] == codes


@pytest.mark.parametrize(("size", "codes"), [(MAX_BYTES, []), (MAX_BYTES + 1, ["VT003"])])
def test_size_counts_bytes(size: int, codes: list[str]) -> None:
    text = "#" + "é" * ((size - 1) // 2) + "x" * ((size - 1) % 2)
    assert len(text.encode()) == size
    assert [code for code, *_ in found(text)] == codes


def test_anchors_cannot_multiply() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert {code for code, *_ in found("\n".join(lines))} == {"VT003"}


def test_places_of_keys_and_values() -> None:
    document = read_yaml("a:\n  - b: 'c'\n    d: 1")
    place = document.places[("a", 0, "b")]
    assert (place.key, place.start, place.end) == ((1, 4), (1, 7), (1, 10))
    assert document.places[("a", 0)].start == (1, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_as_yaml_does(end: str) -> None:
    assert found(f"a: 1{end}a: 2") == [("VT002", 2, 1)]


def test_byte_order_mark_is_no_content() -> None:
    assert read_yaml("\ufeffa: 1").value == {"a": 1}
