"""Values longer than the window: what has begun waits for its end, so no part of any value leaves, wherever the pieces are cut."""

import json
from collections.abc import Iterable
from itertools import pairwise

import detector_score
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import ANY
from policy_talk import Talk
from policy_talk import delta
from policy_talk import done
from policy_talk import policy
from policy_talk import words

from realtime.conditions import Condition
from realtime.detectors import DETECTORS
from realtime.detectors import Detector
from realtime.detectors import longest
from realtime.detectors import word_list
from realtime.detectors.begun import beginnings
from realtime.policies import Policy

FRONT = "Thank you for waiting, we had a look at what you wrote to us yesterday evening and it seems fine to everyone here. "
BACK = " That would be all from our side, we wish everyone a nice evening and hope to hear from all of them again quite soon."
LINES = [line for line in detector_score.lines() if line.values]
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
PEM = "-----BEGIN PRIVATE KEY-----\n" + f"{KEY}\n" * 6 + "shortlastline==\n-----END PRIVATE KEY-----"
JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI"
    + "MTIzNDU2Nzg5MCIsIm5hbWUiOiJKb2huIERvZSIs" * 12
    + ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"
)
SAID = "four one one one, uh, one one one one, and then one one one one, and one one one one"


def redactor(*names: str | Detector) -> Policy:
    return policy("redact", Condition(texts=ANY, detect=names))


def whole(by: Policy, text: str) -> str:
    """The same text where it comes in one piece."""
    return str(json.loads(Talk(by).server(done(text))[0])["transcript"])


def streamed(by: Policy, text: str, cuts: Iterable[int]) -> Talk:
    talk = Talk(by)
    for start, end in pairwise([0, *cuts, len(text)]):
        talk.server(delta(text[start:end]))
    talk.server(done(text))
    return talk


@pytest.mark.parametrize("size", [2, 7])
def test_every_labelled_value_in_tiny_pieces(size: int) -> None:
    for line in LINES[size % 5 :: 5]:
        by = redactor(*dict.fromkeys(value.detector for value in line.values))
        text = f"{FRONT}{line.text}{BACK}"
        assert streamed(by, text, range(size, len(text), size)).said() == whole(by, text)


@pytest.mark.parametrize("kind", ["written", "asr", "said"])
def test_every_labelled_value_cut_in_two(kind: str) -> None:
    """At every place of some line: the places move on from line to line."""
    for number, line in enumerate(line for line in LINES if line.kind == kind):
        by = redactor(*dict.fromkeys(value.detector for value in line.values))
        expected = whole(by, line.text)
        for cut in range(1 + number % 11, len(line.text), 11):
            assert streamed(by, line.text, [cut]).said() == expected


@pytest.mark.parametrize("number", range(0, len(LINES), 25))
def test_a_labelled_value_cut_in_two_anywhere(number: int) -> None:
    line = LINES[number]
    by = redactor(*dict.fromkeys(value.detector for value in line.values))
    text = f"{line.text}{BACK}"
    expected = whole(by, text)
    for cut in range(1, len(line.text)):
        assert streamed(by, text, [cut]).said() == expected


@pytest.mark.parametrize("value", [PEM, JWT, "AccountKey=" + "Ab1+" * 21 + "Ab==", "sk-" + "a1B2" * 40, f"github_pat_{'Ab1_' * 20}"])
@pytest.mark.parametrize("size", [1, 4, 50])
def test_keys_longer_than_the_window(value: str, size: int) -> None:
    by = redactor("secret")
    text = f"{FRONT}{value}\n{BACK}"
    talk = streamed(by, text, range(size, len(text), size))
    assert talk.said() == whole(by, text)
    assert value[40:60] not in talk.said()


def test_a_number_behind_escapes_only() -> None:
    escaped = json.dumps({"n": "x " * 40 + "@ y"}).replace("@", "".join(f"\\u{ord(sign):04x}" for sign in "4111 1111 1111 1111"))
    for size in (1, 5, 11):
        talk = Talk(redactor("card"))
        for at in range(0, len(escaped), size):
            talk.server(delta(escaped[at : at + size], "function_call_arguments"))
        talk.server(done(escaped, "function_call_arguments", "arguments"))
        assert json.loads(talk.said()) == {"n": "x " * 40 + "[card] y"}


def test_a_long_phrase_of_a_list() -> None:
    phrase = "the blue harvest of the northern valley that nobody may ever speak about in public"
    by = redactor(word_list("long", [phrase]))
    text = f"{FRONT}{phrase.upper()}, they said.{BACK}"
    assert streamed(by, text, range(3, len(text), 3)).said() == f"{FRONT}[words.long], they said.{BACK}"


def test_what_only_a_word_behind_it_names() -> None:
    by = redactor("us_ssn")
    text = f"{FRONT}seven five seven, seven four, four one eight nine, that is what I have for my social security number.{BACK}"
    assert "[us_ssn]" in whole(by, text)
    assert streamed(by, text, range(4, len(text), 4)).said() == whole(by, text)


@pytest.mark.parametrize("action", ["block", "alert"])
def test_policies_that_hold_nothing_see_long_values_as_well(action: str) -> None:
    slowly = SAID.replace(", ", " and then okay, uh, yeah, ")
    for value, name in ((slowly, "card"), (JWT, "jwt")):
        talk = Talk(policy(action, Condition(texts=ANY, detect=(name,))))  # type: ignore[arg-type]
        text = f"{FRONT}{value}{BACK}"
        for at in range(0, len(text), 6):
            talk.server(delta(text[at : at + 6]))
        assert [hit.policy for hit in talk.hits] == [action]
    assert len(slowly) > 128


def paced(by: Policy, spoken: str, seconds: float) -> Talk:
    """A word at a time, with time to let go what is held between them."""
    talk = Talk(by)
    for word in spoken.split(" "):
        talk.server(delta(f"{word} "))
        rest = seconds
        while (due := talk.judge.deadline) is not None and due <= talk.now + rest:
            rest -= due - talk.now
            talk.later(due - talk.now)
        talk.now += rest
    return talk


def test_a_number_as_fast_as_it_is_said() -> None:
    talk = paced(redactor("card"), f"so it is {SAID} is it not", 0.35)
    talk.server(done(f"so it is {SAID} is it not "))
    assert talk.said() == "so it is [card] is it not "
    assert [hit.detail for hit in talk.hits] == [""]


def test_what_has_begun_and_is_nothing_after_all_is_late_by_no_more_than_it_may() -> None:
    talk = Talk(redactor("card"))
    talk.server(delta("I would like to have one"))
    talk.later(0.3)
    assert talk.said() == "I would like to have "
    talk.server(delta(" apple, and then some more"))
    talk.later(0.3)
    assert talk.said() == "I would like to have one apple, and then some more"


@pytest.mark.parametrize(("pause", "redacted"), [(2.1, 1), (1.0, 10)])
def test_a_number_that_takes_longer_than_it_may_is_told_of_as_such(pause: float, redacted: int) -> None:
    """With pauses of two seconds no word waits for the next; of what is said in sixteen, the last ten are replaced."""
    spoken = "four one one one, one one one one, one one one one, one one one one"
    talk = paced(redactor("card"), spoken, pause)
    talk.server(done(spoken))
    assert talk.said() == " ".join([*spoken.split(" ")[:-redacted], "[card] "])
    assert talk.events[-1]["transcript"] == "[card]"
    assert [hit.detail for hit in talk.hits] == ["its beginning had left before"]


@settings(max_examples=10, deadline=None)
@given(
    st.sampled_from(["one ", "4", "4 ", "a b 1 ", "bob dot ", "x", "eyJ", "a@b.", "\\u0031", "-----BEGIN PRIVATE KEY-----AAAA\n"]),
    st.integers(1, 30),
)
def test_what_is_held_and_kept_is_bounded_whatever_comes(piece: str, times: int) -> None:
    names = ("card", "iban", "email", "phone", "national_id", "secret")
    talk = Talk(redactor(*names))
    bound = longest(names) + 64
    sent = 0
    for _ in range(60):
        talk.server(delta(piece * times))
        sent += len(piece) * times
        held = next(iter(talk.judge._streams.open.values()))
        assert held.end - held.decided <= 6 * bound + len(piece) * times
        assert len(held.text) <= 6 * bound + 8192 + 512 + len(piece) * times


OPEN = [
    ("my card is four one", "four one"),
    ("my card is four one dou", "four one dou"),
    ("my card is fou", "fou"),
    ("IBAN DE sechsundzwanzig fünf", "DE sechsundzwanzig fünf"),
    ("mail bob dot smith at exam", "bob dot smith at exam"),
    ("mail bob@exam", "bob@exam"),
    ("the key is sk-abc", "sk-abc"),
    ("x -----BEGIN PRIVATE KEY-----\nMII", "-----BEGIN PRIVATE KEY-----\nMII"),
    ("at the end of the day", ""),
    ("it cost nothing", ""),
    ("and then so", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "held"), OPEN)
def test_what_has_begun_at_the_end_of_a_text(text: str, held: str) -> None:
    found = beginnings(frozenset(member for members in DETECTORS.values() for member in members))
    assert found is not None
    assert text[found.unfinished(text) :].removeprefix("is ") == held


def test_patterns_have_the_window_alone() -> None:
    talk = Talk(policy("redact", words("start[a-z ]*end")))
    talk.server(delta("start " + "word " * 20))
    talk.server(delta("end"))
    talk.server(done("start " + "word " * 20 + "end"))
    assert talk.said().startswith("start word")
    assert [hit.detail for hit in talk.hits] == ["its beginning had left before"]
