"""Words that come in pieces: wherever they are cut, what may not cross does not, and nothing else is lost or late."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import CARD
from policy_talk import Talk
from policy_talk import delta
from policy_talk import done
from policy_talk import policy
from policy_talk import response_done
from policy_talk import utf16
from policy_talk import words

from realtime.detectors import longest
from realtime.policies import Window

SENTENCE = f"Your card is {CARD}, and it is fine. 🎉 Anything else?"
REDACTED = SENTENCE.replace(CARD, "[card]")


def pieces(text: str, *cuts: int) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *sorted(cuts), len(text)])]


def halves(text: str, place: int) -> tuple[str, str]:
    """Cut between UTF-16 units, so that a character outside the basic plane can be cut in two."""
    units = text.encode("utf-16-le")
    return tuple(part.decode("utf-16-le", "surrogatepass") for part in (units[: 2 * place], units[2 * place :]))  # type: ignore[return-value]


@pytest.mark.parametrize("place", range(len(SENTENCE) + 2))
def test_a_number_cut_in_two_anywhere(place: int) -> None:
    talk = Talk(policy("redact"))
    for piece in halves(SENTENCE, place):
        talk.server(delta(piece))
    talk.server(done(SENTENCE))
    talk.server(response_done(SENTENCE))
    assert talk.said() == REDACTED
    assert talk.events[-2]["transcript"] == REDACTED
    assert talk.events[-1]["response"]["output"][0]["content"][0]["transcript"] == REDACTED
    assert [(hit.policy, hit.applied, hit.kind) for hit in talk.hits] == [("redact", True, "model_transcript")]


TOKENS = st.sampled_from(
    [
        CARD,
        "4111111111111111",
        "5555-5555-5555-4444",
        "hello",
        "12",
        "é",
        "🎉",
        "\\",
        '"',
        "4111 1111 1111 1112",
        ",",
        "a@b.example",
        "\n",
        "[card]",
        "\ud83d",
    ]
)
TEXTS = st.lists(st.tuples(TOKENS, st.sampled_from([" ", "", " - ", ". "])), max_size=14).map(lambda made: "".join(map("".join, made)))


def whole(text: str, kind: str = "output_audio_transcript", field: str = "transcript") -> str:
    """The same text where it comes in one piece."""
    return str(json.loads(Talk(policy("redact")).server(done(text, kind, field))[0])[field])


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, data=st.data())
def test_any_text_cut_anywhere_is_redacted_as_the_whole_is(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    talk = Talk(policy("redact"))
    for piece in pieces(text, *cuts):
        talk.server(delta(piece))
    talk.server(done(text))
    assert talk.said() == utf16(whole(text)) == utf16(talk.events[-1]["transcript"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), TEXTS), max_size=4, unique_by=lambda one: one[0]),
    st.randoms(use_true_random=False),
    st.integers(1, 9),
)
def test_texts_that_come_at_the_same_time_are_kept_apart(texts: list[tuple[str, str]], random: object, size: int) -> None:
    queue = [(item, text[at : at + size]) for item, text in texts for at in range(0, len(text), size)]
    order = [item for item, _ in queue]
    random.shuffle(order)  # type: ignore[attr-defined]
    waiting = {item: [piece for name, piece in queue if name == item] for item, _ in texts}
    talk = Talk(policy("redact"))
    for item in order:
        talk.server(delta(waiting[item].pop(0), item=item))
    for item, text in texts:
        talk.server(done(text, item=item))
    for item, text in texts:
        assert talk.said(item_id=item) == utf16(whole(text))


SPACED = st.lists(TOKENS, max_size=8).map(" . ".join)
ARGUMENTS = st.dictionaries(
    st.text('ab"\\', max_size=2), st.one_of(SPACED, st.just(4111111111111111), st.lists(SPACED, max_size=2), st.booleans()), max_size=3
)


@settings(max_examples=100, deadline=None)
@given(ARGUMENTS, st.booleans(), st.data())
def test_arguments_of_a_tool_stay_json(arguments: dict[str, object], ascii_only: bool, data: st.DataObject) -> None:
    text = json.dumps(arguments, ensure_ascii=ascii_only)
    talk = Talk(policy("redact", replace='say "no"'))
    for piece in pieces(text, *data.draw(st.lists(st.integers(0, len(text)), max_size=8))):
        talk.server(delta(piece, "function_call_arguments"))
    talk.server(done(text, "function_call_arguments", "arguments"))
    crossed, final = talk.said(), utf16(talk.events[-1]["arguments"])
    assert crossed == final
    found = json.loads(final)
    assert len(found) == len(arguments)
    assert CARD not in final and "4111111111111111" not in final
    assert (text != utf16(final)) == bool(talk.hits) or not talk.hits


def test_a_number_behind_escapes_of_the_arguments() -> None:
    escaped = r'{"card":"\u0034111\u00201111 1111 1111","n":4111111111111111}'
    for size in (1, 3, 7, 100):
        talk = Talk(policy("redact"))
        for at in range(0, len(escaped), size):
            talk.server(delta(escaped[at : at + size], "function_call_arguments"))
        talk.server(done(escaped, "function_call_arguments", "arguments"))
        assert json.loads(talk.said()) == {"card": "[card]", "n": "[card]"} == json.loads(talk.events[-1]["arguments"])


def test_what_is_held_is_bounded_in_characters() -> None:
    talk = Talk(policy("redact"), window=Window(64, 0.3))
    sent = ""
    for piece in ["word "] * 100:
        sent += piece
        talk.server(delta(piece))
        assert 0 <= len(sent) - len(talk.said()) <= 64 + len("word"), "no word is cut in two"


def test_what_is_held_is_bounded_in_time() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta("hello "))
    talk.now += 0.2
    talk.server(delta("there "))
    assert (talk.said(), talk.judge.deadline) == ("", 100.3)
    talk.later(0.1)
    assert (talk.said(), talk.judge.deadline) == ("hello ", 100.5)
    talk.later(0.2)
    assert (talk.said(), talk.judge.deadline) == ("hello there ", None)
    talk.server(done("hello there "))
    assert talk.said() == "hello there "


LONGEST = 64 + longest(["card"])
PAUSES = st.sampled_from([0.0, 0.05, 0.2, 0.31, 1.0, 2.5])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([("xyz ", 0.3), ("ab 1", 10.0)]), st.data())
def test_whatever_the_pace_nothing_is_lost_and_nothing_waits_longer_than_it_may(kind: tuple[str, float], data: st.DataObject) -> None:
    """Words wait 0.3 seconds, what may become a number 2 after its last piece and 10 in all."""
    letters, most = kind
    steps = data.draw(st.lists(st.tuples(st.text(letters, max_size=40), PAUSES), max_size=15))
    talk = Talk(policy("redact"))
    sent, arrived = "", [(0, 100.0)]
    for piece, pause in steps:
        sent += piece
        arrived.append((len(sent), talk.now))
        talk.server(delta(piece))
        while (due := talk.judge.deadline) is not None and due <= talk.now + pause:
            pause -= due - talk.now
            talk.later(due - talk.now)
        talk.now += pause
        crossed = talk.said()
        assert sent.startswith(crossed)
        assert len(sent) - len(crossed) <= LONGEST
        assert all(len(crossed) >= length for length, at in arrived if at + most < talk.now)
        assert len(crossed) == len(sent) or pause <= 2
    talk.server(done(sent))
    assert talk.said() == sent
    assert talk.judge.deadline is None


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 60), max_size=6))
def test_monitoring_leaves_any_pieces_as_they_are(text: str, cuts: list[int]) -> None:
    talk = Talk(policy("redact"), policy("block"), policy("allow", words("hello")), monitor=True)
    for piece in pieces(text, *(min(cut, len(text)) for cut in cuts)):
        assert talk.server(delta(piece)) == [json.dumps(delta(piece)).encode()]
        assert talk.verdict is None


DRAFTS = st.lists(st.text("ab 1", max_size=90), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(DRAFTS)
def test_drafts_show_the_beginning_of_the_newest_text(drafts: list[str]) -> None:
    talk = Talk(policy("redact"))
    for draft in filter(None, drafts):
        talk.server({"type": "conversation.item.input_audio_transcription.updated", "item_id": "u1", "transcript": draft})
        assert draft.startswith(talk.events[-1]["transcript"])
        assert len(draft) - len(talk.events[-1]["transcript"]) <= LONGEST
        talk.now += 0.1
    final = drafts[-1]
    if final:
        talk.later(2)
        assert talk.events[-1]["transcript"] == final


def test_pieces_of_our_own_have_ids_of_their_own_and_nothing_of_other_words() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta("hello ", logprobs=[{"token": "hello"}], obfuscation="x"))
    (made,) = talk.later(0.3)
    assert json.loads(made) == {**delta("hello "), "event_id": "e-1", "obfuscation": "x"}
    assert talk.events[0] == {**delta(""), "logprobs": None, "obfuscation": "x"}


def test_a_number_that_takes_longer_than_the_window_is_cut_where_it_is_noticed() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta("it is 4111 1111 "))
    talk.later(2)
    talk.server(delta("1111 1111 ok"))
    talk.server(done(f"it is {CARD} ok"))
    assert talk.said() == "it is 4111 1111 [card] ok"
    assert talk.events[-1]["transcript"] == "it is [card] ok"
    assert [hit.detail for hit in talk.hits] == ["its beginning had left before"]


def test_a_match_that_goes_on_is_followed_to_its_end() -> None:
    key = "sk-" + "abcdefgh" * 60
    talk = Talk(policy("redact", words("sk-[a-z]{8,}"), replace="[key]"))
    text = f"the key {key} ends"
    for at in range(0, len(text), 5):
        talk.server(delta(text[at : at + 5]))
    talk.server(done(text))
    assert talk.said() == "the key [key] ends" == talk.events[-1]["transcript"]


def test_held_words_go_out_before_the_end_of_their_answer_without_a_final() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta(f"so {CARD}", kind="audio_transcript"))
    talk.server({"type": "response.done", "response": {"id": "r1", "status": "completed"}})
    assert [event["type"] for event in talk.events] == [
        "response.audio_transcript.delta",
        "response.audio_transcript.delta",
        "response.done",
    ]
    assert talk.said() == "so [card]"


def test_the_end_of_one_answer_leaves_others_waiting() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta("one", item="a", response="r1"))
    talk.server(delta("two", item="b", response="r2"))
    talk.server({"type": "response.done", "response": {"id": "r2"}})
    assert (talk.said(item_id="a"), talk.said(item_id="b")) == ("", "two")
    assert [json.loads(payload)["delta"] for payload in talk.flush()] == ["one"]


@pytest.mark.parametrize("action", ["block", "close"])
def test_what_stops_acts_with_the_piece_that_completes_the_match(action: str) -> None:
    talk = Talk(policy(action, response := words("never say this")))  # type: ignore[arg-type]  # noqa: F841
    verdicts = []
    for piece in ["I will ", "never ", "say", " th", "is", " twice"]:
        talk.server(delta(piece))
        verdicts.append(talk.verdict and talk.verdict.action)
    assert verdicts[:4] == [None] * 4
    assert verdicts[4] == {"block": "replace", "close": "close"}[action]
    assert len(talk.hits) == 1


def test_what_is_held_of_a_blocked_text_never_leaves() -> None:
    talk = Talk(policy("redact", words("zzz")), policy("block"))
    for piece in ["my card: 4111 ", "1111 1111 ", "1111"]:
        talk.server(delta(piece))
    talk.later(1)
    talk.server(done(CARD))
    talk.server(response_done(CARD))
    assert "4111" not in b"".join(talk.crossed).decode()
    assert [event["type"] for event in talk.events] == ["response.output_audio_transcript.delta"] * 2 + ["error", "response.done"]
    assert talk.events[-1]["response"]["output"] == []


def test_a_finding_is_told_once_though_the_words_come_again() -> None:
    talk = Talk(policy("alert", severity="high"))
    talk.server(delta(f"card {CARD} "))
    talk.server(done(f"card {CARD} "))
    talk.server(response_done(f"card {CARD} "))
    assert [(hit.policy, hit.severity, hit.path, hit.excerpt, hit.response_id) for hit in talk.hits] == [
        ("alert", "high", "$.delta", "card [card]", "r1")
    ]


def test_a_redactor_of_the_pieces_alone_also_redacts_the_whole() -> None:
    talk = Talk(policy("redact", words("secret", events=("response.output_audio_transcript.delta",))))
    talk.server(delta("a secret"))
    talk.server(done("a secret"))
    talk.server(response_done("a secret"))
    assert b"secret" not in b"".join(talk.crossed)


def test_monitoring_changes_nothing_and_holds_nothing() -> None:
    events = [delta("card 4111 1111"), delta(" 1111 1111"), done(f"card {CARD}"), response_done(f"card {CARD}")]
    talk = Talk(policy("redact"), policy("block"), policy("close"), monitor=True)
    for event in events:
        assert talk.server(event) == [json.dumps(event).encode()]
        assert talk.verdict is None
    assert [(hit.policy, hit.applied) for hit in talk.hits] == [("redact", False), ("block", False), ("close", False)]


def test_an_allowed_text_is_left_alone_from_there_on() -> None:
    talk = Talk(policy("allow", words("test card")), policy("redact"))
    for piece in ["This test", " card is 4111 ", "1111 1111 1111."]:
        talk.server(delta(piece))
    talk.server(done(text := f"This test card is {CARD}."))
    assert talk.said() == text == talk.events[-1]["transcript"]


def test_many_open_texts_push_the_oldest_out_with_what_it_holds() -> None:
    talk = Talk(policy("redact"))
    for number in range(70):
        talk.server(delta(f"text {number}", item=f"i{number}"))
    assert [talk.said(item_id=f"i{number}") for number in (0, 5, 6, 69)] == ["text 0", "text 5", "", ""]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("it is all the same to me", "it is all the same to me"),
        (f"it is {CARD} and nothing else", "it is [card] and nothing else"),
        ("it will be four one one one", "it will "),
    ],
)
def test_of_a_text_that_is_broken_off_what_has_begun_is_given_up(said: str, left: str) -> None:
    talk = Talk(policy("redact"))
    talk.server(delta(said))
    released = talk.judge.flush(talk.now, broken=True)
    assert "".join(json.loads(frame.payload)["delta"] for frame in released.frames) == left
    assert talk.flush() == []
