"""Numbers and addresses that are said: how they read, and that findings are the words themselves."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.detectors import DETECTORS
from realtime.detectors import find
from realtime.detectors.address import addresses_said
from realtime.detectors.languages import LANGUAGES
from realtime.detectors.spoken import numbers_said

NUMBERS = [
    ("four one five five", "4155"),
    ("it is four-one-five-five ok", "it is 4155 ok"),
    ("double four triple oh seven", "440007"),
    ("twenty three forty-five", "2345"),
    ("twenty, three forty five", "20 345"),
    ("one eight hundred five five five", "1800555"),
    ("one hundred ninety two dot one hundred and sixty eight", "192.168"),
    ("four five uh six um seven and then eight", "45 6 7 8"),
    ("plus four four seven seven double 0", "+447700"),
    ("four one dash five five", "41-55"),
    ("4111 one one one one", "4111 1111"),
    ("g b two nine n w b k six zero", "g b 29 n w b k 60"),
    ("null eins sieben eins zwo", "01712"),
    ("dreiundzwanzig fünfundvierzig", "2345"),
    ("viermal die sechs eins", "66661"),
    ("acht hundert drei drei", "80033"),
    ("zéro six soixante-dix-huit quatre-vingt-dix-sept", "067897"),
    ("cent quatre-vingt-douze point un", "192.1"),
    ("soixante et onze vingt et un", "7121"),
    ("seiscientos doce treinta y cuatro", "61234"),
    ("más treinta y cuatro veintitrés", "+3423"),
]


@pytest.mark.parametrize(("said", "written"), NUMBERS)
def test_numbers(said: str, written: str) -> None:
    assert written in [view.text for view in numbers_said(said)]


@pytest.mark.parametrize(
    "text",
    [
        "one or two of them",
        "twenty three dollars",
        "it was nine thirty",
        "oh I see, oh okay",
        "double check, then dash off",
        "money, someone, often, heaven",
        "uno dos tres",
        "die eins und die zwei",
    ],
)
def test_quantities_are_left_alone(text: str) -> None:
    assert list(numbers_said(text)) == []


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("it's bob dot smith at example dot com ok", "bob.smith@example.com"),
        ("j o e forty two at g mail dot com", "joe42@gmail.com"),
        ("bob@example dot com", "bob@example.com"),
        ("bob at example.com", "bob@example.com"),
        ("anna bindestrich b at firma punkt de", "anna-b@firma.de"),
        ("jean tiret du bas d arobase exemple point fr", "jean_d@exemple.fr"),
        ("juan guion bajo p arroba correo punto es", "juan_p@correo.es"),
        ("sales at orf dot at", "sales@orf.at"),
        ("me plus news at example dot co dot uk", "me+news@example.co.uk"),
    ],
)
def test_addresses(said: str, written: str) -> None:
    assert any(written in view.text for view in addresses_said(said))
    (finding,) = find(said, ["email"])
    assert said[finding.start : finding.end].endswith(said.replace(" ok", "").split()[-1])


@pytest.mark.parametrize("text", ["look at example dot com", "find us at example dot com", "I'm at example dot com", "at noon dot dot dot"])
def test_places_are_no_addresses(text: str) -> None:
    assert list(find(text, ["email"])) == []


def _said(language: Any) -> st.SearchStrategy[str]:
    """Card number 4111111111111111 in words of one language, with pauses."""
    words = {digit: [phrase for phrase, written in language.numbers.items() if written == digit] for digit in "41"}
    one = st.sampled_from([" ".join(phrase) for phrase in words["1"]] + ["1"])
    gap = st.sampled_from([" ", ", ", "-", " " + sorted(language.pauses)[0] + " ", "... "])
    rest = st.lists(st.tuples(gap, one), min_size=15, max_size=15).map(lambda parts: "".join(gap + one for gap, one in parts))
    return st.tuples(st.sampled_from([" ".join(phrase) for phrase in words["4"]]), rest).map("".join)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(LANGUAGES).flatmap(_said), st.sampled_from(["", "Well. ", "日本 ", "😀 "]), st.sampled_from(["", ".", " thanks"]))
def test_a_card_is_found_word_for_word(said: str, before: str, after: str) -> None:
    found = [(before + said + after)[finding.start : finding.end] for finding in find(before + said + after, ["card"])]
    assert found == [said]


def test_a_number_of_one_letter_words_maps_to_them() -> None:
    text = "4 1 1 1 o o o o double o seven"
    (view,) = numbers_said(text)
    assert [view.original(place, place + 1) for place in (0, len(view.text) - 1)] == [(0, 1), (25, 30)]


def _calls(text: str) -> int:
    """Function calls that it takes to look for everything in `text`."""
    count = 0

    def counted(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        list(find(text, DETECTORS))
    finally:
        sys.setprofile(None)
    return count


REPEATED = [
    "four one one one ",
    "4 1 1 1 ",
    "my phone, social security and bsn: 41111 ",
    "4111111111111111 1 ",
    "a at b dot com ",
    "de 12 ab 34 is 20 ",
    "-----BEGIN PRIVATE KEY-----\n",
    "one hundred and twenty ",
    "1.2.3.4 ::1 ",
]


@pytest.mark.parametrize("unit", REPEATED)
def test_work_grows_with_the_text_and_no_faster(unit: str) -> None:
    assert _calls(unit * 400) < 2.3 * _calls(unit * 200)
