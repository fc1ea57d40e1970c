"""Word lists of the rules: whole words and phrases, in any case and script; named by policies as words.<name>."""

import pytest

from realtime.detectors import find
from realtime.detectors import longest
from realtime.detectors import word_list
from rules.load import load
from rules.words import word_lists

LIST = word_list("codenames", ["apollo", "apollo eleven", "Straße", "São Paulo", "हिंदी", "阿波罗", "プロジェクトX", "π-3", "C++", "x_1"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Apollo, APOLLO and apollo.", ["Apollo", "APOLLO", "apollo"]),
        ("apollos xapollo apollo2 apollo_", []),
        ("apollo-eleven apollo elevens", ["apollo-eleven", "apollo"]),
        ("apollo. Then, eleven", ["apollo"]),
        ("STRASSE strasse", ["STRASSE", "strasse"]),
        ("in sa\u0303o  paulo", ["sa\u0303o  paulo"]),
        ("यह हिंदी है, हिंदीभाषी", ["हिंदी"]),
        ("项目阿波罗启动", ["阿波罗"]),
        ("新プロジェクトxです", ["プロジェクトx"]),
        ("Π 3 and c++", ["Π 3", "c"]),
        ("X_1", ["X_1"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert sorted(text[finding.start : finding.end] for finding in find(text, [LIST])) == sorted(found)


def test_findings_have_the_name_that_rules_use() -> None:
    assert [finding.detector for finding in find("apollo", [LIST])] == ["words.codenames"]
    assert word_list("words.codenames", []).id == "words.codenames"


def test_the_longest_entry_with_room_for_what_may_stand_between_its_words() -> None:
    assert longest([word_list("a", ["apollo eleven"])]) == len("apollo") + len("eleven") + 1 + 3
    assert longest([word_list("a", ["é"])]) >= len("e\u0301")


def test_a_list_of_a_thousand_long_words() -> None:
    words = [f"{number}{'ä' * 95}" for number in range(1000)]
    assert len(list(find(" ".join(words), [word_list("many", words)]))) == 1000


RULES = """version: 1
words: {codenames: [apollo]}
policies:
  - id: names
    when: {from: client, detect: [words.codenames]}
    action: block
    tests:
      - {event: {type: conversation.item.create, item: {content: [{text: "about Apollo"}]}}, expect: block}
      - {event: {type: conversation.item.create, item: {content: [{text: "about apollos"}]}}, expect: none}
"""


def test_a_policy_looks_for_a_list() -> None:
    loaded = load(RULES, env={})
    assert loaded.rules is not None, loaded.render()
    assert list(word_lists(loaded.rules.words)) == ["words.codenames"]


def test_a_list_that_was_refused_makes_no_other_fault() -> None:
    assert [found.code for found in load(RULES.replace("[apollo]", "[7]"), env={}).diagnostics] == ["VT011", "VT050"]
