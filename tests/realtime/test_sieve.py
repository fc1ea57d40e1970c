"""The one look at a text that rules detectors and patterns out: what it rules out finds nothing, whatever the text."""

import detector_score
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.conditions import Condition
from realtime.detectors import DETECTORS
from realtime.detectors import Detector
from realtime.detectors import Reading
from realtime.detectors import word_list
from realtime.detectors.sieve import Seeker
from realtime.detectors.sieve import Sieve
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies import warm
from realtime.regex import PatternError
from realtime.regex import Regex
from realtime.regex import Regexes

LISTS = (word_list("codes", ["Apollo", "blue harvest", "阿波罗", "Ölkännchen"]), word_list("none", ["!"]))
PATTERNS = (Regex("^never-[0-9]+$"), Regex(r"(?i)\bzeta\b"), Regex("x*"), Regex("(?-i:A)é"))
EVERY: tuple[Seeker, ...] = (*(member for members in DETECTORS.values() for member in members), *LISTS, *PATTERNS)
SIEVE = Sieve(EVERY)


def finds(seeker: Seeker, text: str) -> bool:
    return bool(Reading(text).of(seeker)) if isinstance(seeker, Detector) else seeker.search(text)


def check(text: str) -> None:
    left = SIEVE.left(text)
    assert [seeker for seeker in EVERY if finds(seeker, text) and seeker not in left] == []


def test_whatever_is_found_in_the_corpus_is_left() -> None:
    for line in detector_score.lines():
        check(line.text)


PIECES = st.sampled_from(
    [
        "four",
        "one",
        "double",
        "eins",
        "zwo",
        "zéro",
        "dix-sept",
        "más",
        "siete",
        "oh",
        "twenty-one",
        "two hundred",
        "at",
        "dot",
        "com",
        "punkt",
        "arroba",
        "bob",
        "@",
        ".",
        "-",
        " ",
        ", ",
        "4111 1111 1111 1111",
        "757-74-4189",
        "my social security number is",
        "+49 30 901820",
        "DE89 3704 0044 0532 0130 00",
        "sk-abcdefgh12345678",
        "never-7",
        "APOLLO",
        "Blue-Harvest",
        "阿波罗",
        "ölkännchen",
        "４１１１",
        "zeta",
        "\ud800",
        "é",
        "Aé",
        "10.0.0.1",
        "fe80::1",
        "eyJhbGciOi.eyJzdWIiOi.x",
        "\\",
        "\\u0034",
        "\n",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=30), st.sampled_from(["", " "]))
def test_whatever_is_found_in_any_text_is_left(pieces: list[str], between: str) -> None:
    check(between.join(pieces))


def test_plain_speech_leaves_nothing() -> None:
    sieve = Sieve(seeker for seeker in EVERY if seeker not in PATTERNS)
    assert sieve.left("Sure, I can look that up for you. Two or three days, at the latest. No one knows, so one moment.") == frozenset()
    assert sieve.left("item_CJgV5qZ0R1uXlLQ8b7xqB") == frozenset()


def test_a_pattern_too_large_to_be_looked_for_with_others_is_always_asked() -> None:
    large = Regex("a[ab]{900}c")
    sieve = Sieve([large, Regex("zeta")])
    assert sieve.asks == sieve.left("hello") == frozenset({large})


@pytest.mark.parametrize(
    ("pattern", "joins"),
    [("zeta", True), (r"\bzeta\b", True), ("[^a]zeta", True), ("^zeta", False), ("zeta$", False), (r"\Azeta", False), (r"zeta\z", False)],
)
def test_texts_are_looked_at_together_where_no_pattern_heeds_their_ends(pattern: str, joins: bool) -> None:
    assert Sieve([Regex(pattern)]).joins == joins


def test_where_re2_has_no_room_for_all_of_them_each_is_asked() -> None:
    many = [Regex(f"(?i){'[a-zäöü]{3,40}' * 3}{number}") for number in range(600)]
    sieve = Sieve(many)
    assert sieve.asks == sieve.left("hello") == frozenset(many)


def test_patterns_looked_for_together() -> None:
    together = Regexes(["b+", "^a", "", "z"])
    assert set(together.found("xb") or ()) == {0, 2}
    assert set(together.found("ab\ud800") or ()) == {0, 1, 2}
    with pytest.raises(PatternError):
        Regexes(["(?=a)"])


def test_rules_are_ready_before_their_first_message() -> None:
    policies = PolicySet([Policy("p", "redact", Condition(regex=Regex("zeta"), detect=("card", LISTS[0])))])
    warm(policies)
    assert "sieve" in vars(policies)
    assert policies.sieve.left("no zeta") == policies.policies[0].condition.seekers - set(DETECTORS["card"]) - {LISTS[0]}
