"""Conditions and detectors as rules use them: each test alone and together, on clean, hostile and look-alike values."""

import json

import pytest

from realtime.conditions import Condition
from realtime.conditions import scalar
from realtime.detectors import find
from realtime.frame import Frame
from realtime.jsonpath import compile_path
from realtime.policies import Judge
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.regex import PatternError
from realtime.regex import Regex

EVENT = {"type": "session.update", "tools": [{"name": "a", "n": 1}, {"name": "b", "n": True}], "text": "call +49 30 1234567"}


SIZE = len(json.dumps(EVENT))


def fits(condition: Condition, *, event: object = EVENT) -> bool:
    judge = Judge(PolicySet([Policy("p", "alert", condition)]), "openai")
    return bool(judge.judge(Frame(True, json.dumps(event).encode()), 0.0).hits)


NAMES = compile_path("$.tools[*].name")
NUMBERS = compile_path("$.tools[*].n")


def listed(*values: object) -> frozenset[tuple[bool, object]]:
    return frozenset(map(scalar, values))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(), True),
        (Condition(from_client=True), True),
        (Condition(from_client=False), False),
        (Condition(events=("x", "session.*")), True),
        (Condition(events=("Session.*",)), False),
        (Condition(at=NAMES), True),
        (Condition(at=compile_path("$.none")), False),
        (Condition(at=NAMES, one_of=listed("b")), True),
        (Condition(at=NAMES, one_of=listed("c")), False),
        (Condition(at=NAMES, one_of=listed()), False),
        (Condition(at=NAMES, none_of=listed("a", "b")), False),
        (Condition(at=NAMES, none_of=listed("a")), True),
        (Condition(at=compile_path("$.tools"), none_of=listed("a")), True),
        (Condition(at=compile_path("$.tools[1].n"), one_of=listed(1)), False),
        (Condition(at=compile_path("$.tools[0].n"), one_of=listed(1.0)), True),
        (Condition(at=NUMBERS, regex=Regex("1")), False),
        (Condition(regex=Regex("^b$")), True),
        (Condition(regex=Regex("^type$")), False),
        (Condition(at=NAMES, regex=Regex("a"), none_of=listed("a")), False),
        (Condition(detect=("phone",)), True),
        (Condition(detect=("card", "phone")), True),
        (Condition(detect=("card",)), False),
        (Condition(at=NAMES, detect=("phone",)), False),
        (Condition(over=SIZE - 1), True),
        (Condition(over=SIZE), False),
        (Condition(under=SIZE + 1), True),
        (Condition(under=SIZE), False),
        (Condition(at=NAMES, over=1), False),
        (Condition(at=NAMES, under=2), True),
        (Condition(at=compile_path("$.tools[0]"), over=17, under=19), True),
    ],
)
def test_each_test(condition: Condition, expected: bool) -> None:
    assert fits(condition) == expected


def test_size_of_a_value_counts_bytes() -> None:
    condition = Condition(at=compile_path("$.t"), over=3)
    assert fits(condition, event={"t": "éé"})
    assert fits(condition, event={"t": "\ud800\ud800"})
    assert not fits(condition, event={"t": "abc"})


def test_a_message_without_json_fits_only_what_looks_at_no_value() -> None:
    judge = Judge(PolicySet([Policy("p", "alert", Condition(over=1)), Policy("q", "alert", Condition(regex=Regex("")))]), "openai")
    assert [hit.policy for hit in judge.judge(Frame(True, b"\xff\x00", text=False), 0.0).hits] == ["p"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("card", "pay 4111 1111 1111 1111 now", ["4111 1111 1111 1111"]),
        ("card", "5555-5555-5555-4444, 378282246310005", ["5555-5555-5555-4444", "378282246310005"]),
        ("card", "4111 1111 1111 1112", []),
        ("card", "4444 4444 4444 4444 0000", []),
        ("card", "order 2024111512345", []),
        ("email", "to bob.o@mail.example.org.", ["bob.o@mail.example.org"]),
        ("email", "a@b", []),
        ("iban", "DE89 3704 0044 0532 0130 00 ok", ["DE89 3704 0044 0532 0130 00"]),
        ("iban", "GB82WEST12345698765432", ["GB82WEST12345698765432"]),
        ("iban", "DE88 3704 0044 0532 0130 00", []),
        ("ip", "from 10.0.0.1 or fe80::1", ["10.0.0.1", "fe80::1"]),
        ("ip", "300.1.1.1, 12:30:45, std::vector", []),
        ("phone", "+1 (415) 555-0100", ["+1 (415) 555-0100"]),
        ("phone", "+12 34", []),
        ("secret", "key sk-proj-abcdefghijklmnop", ["sk-proj-abcdefghijklmnop"]),
        ("secret", "ek_vt_abcdefghijklmnop eyJhbGciOiJ.eyJzdWIiOiJ.sig", ["ek_vt_abcdefghijklmnop", "eyJhbGciOiJ.eyJzdWIiOiJ.sig"]),
        ("secret", "task-oriented sk-short", []),
    ],
)
def test_detectors(name: str, text: str, found: list[str]) -> None:
    assert [text[finding.start : finding.end] for finding in find(text, [name])] == found


def test_positions_hold_behind_surrogates_and_wide_characters() -> None:
    text = "😀\ud800é 4111111111111111"
    (found,) = find(text, ["card"])
    assert text[found.start : found.end] == "4111111111111111"


def test_an_unknown_detector_is_an_error() -> None:
    with pytest.raises(KeyError):
        list(find("", ["crad"]))


@pytest.mark.parametrize(
    ("pattern", "position"), [("a(?=b)", 1), ("x(?<!a)b", 1), (r"(a)\1", 3), ("a{2000}", 1), ("a[z-a]", 2), ("*a", 0), ("a(b", 0)]
)
def test_what_re2_cannot_do_is_refused_with_its_position(pattern: str, position: int) -> None:
    with pytest.raises(PatternError) as caught:
        Regex(pattern)
    assert caught.value.position == position


def test_a_classic_blow_up_takes_linear_time() -> None:
    """A backtracking engine needs 2 to the power of 5000 steps here and never comes back."""
    assert not Regex("^(a+)+$").search("a" * 5000 + "b")


def test_spans() -> None:
    assert list(Regex("é+").spans("aéé é")) == [(1, 3), (4, 5)]
