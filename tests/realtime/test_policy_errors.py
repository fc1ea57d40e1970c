"""When a message cannot be judged: doubt about how it reads, a policy that fails, time that runs out. Nothing crosses unseen."""

import json
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import CARD
from policy_talk import CARDS
from policy_talk import Talk
from policy_talk import delta
from policy_talk import done
from policy_talk import policy
from policy_talk import user_text
from policy_talk import words

from realtime.conditions import Condition
from realtime.detectors import Detector
from realtime.detectors import find
from realtime.frame import Frame
from realtime.jsonpath import compile_path
from realtime.jsonpath import value_at
from realtime.regex import Regex
from realtime.texts import texts

TWICE = b'{"type":"conversation.item.create","item":{"type":"message","content":[{"text":"%b","text":"hello"}]}}' % CARD.encode()
TYPE_TWICE = b'{"type":"conversation.item.create","item":{"content":"%b"},"type":"response.cancel"}' % CARD.encode()
BODY = b'{"type":"conversation.item.create","item":{"content":"%b"}}' % CARD.encode()

DOUBTFUL = {
    "a key twice": TWICE,
    "the type twice": TYPE_TWICE,
    "an escaped type twice": TYPE_TWICE.replace(b'"type":"response', b'"\\u0074ype":"response'),
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-16": BODY.decode().encode("utf-16"),
    "UTF-32": BODY.decode().encode("utf-32-be"),
    "broken UTF-8": BODY.replace(b"4111", b"\xff4111"),
    "broken UTF-8 between the members": BODY.replace(b',"item"', b',\xff"item"'),
    "more behind the end": BODY + b" {}",
    "a comment": BODY[:-1] + b"/**/}",
    "a comma too many": BODY[:-1] + b",}",
    "a line break in a string": BODY.replace(b"4111 ", b"4111\n"),
    "a number without end": BODY[:-1] + b',"n":' + b"9" * 5000 + b"}",
    "too many levels": BODY[:-1] + b',"n":' + b"[" * 70 + b"]" * 70 + b"}",
    "levels without end": BODY[:-1] + b',"n":' + b"[" * 99999 + b"]" * 99999 + b"}",
    "a list around it": b"[" + BODY + b"]",
    "cut short": BODY[:-1],
}


@pytest.mark.parametrize("payload", DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_what_may_be_read_in_two_ways_does_not_cross(payload: bytes) -> None:
    talk = Talk(policy("redact", Condition(from_client=True, events=("conversation.item.create",), detect=("card",))))
    assert talk.relay_plain(payload, True) == []
    assert [(hit.applied, bool(hit.detail)) for hit in talk.hits] == [(True, True)]
    assert talk.verdict is not None
    assert json.loads(talk.verdict.reply[0])["error"]["code"] == "policy_failed"


@pytest.mark.parametrize(
    "name", ["a key twice", "UTF-16", "broken UTF-8", "broken UTF-8 between the members", "a byte order mark", "the type twice"]
)
def test_the_same_in_binary_frames(name: str) -> None:
    assert Talk(policy("redact")).relay_plain(DOUBTFUL[name], False) == []


def test_doubt_is_nobodys_business_where_no_policy_looks() -> None:
    for other in (
        policy("block", Condition(events=("session.update",), detect=("card",))),
        policy("block", Condition(from_client=False, detect=("card",))),
        policy("alert", Condition(from_client=True)),
    ):
        assert Talk(other).relay_plain(TWICE, True) == [TWICE]


def test_doubt_about_the_type_concerns_the_policies_of_both() -> None:
    assert Talk(policy("block", Condition(events=("response.cancel",), detect=("card",)))).relay_plain(TYPE_TWICE, True) == []
    assert Talk(policy("block", Condition(events=("session.update",), detect=("card",)))).relay_plain(TYPE_TWICE, True) == [TYPE_TWICE]


def test_a_policy_that_may_pass_judges_the_reading_of_most_parsers() -> None:
    talk = Talk(policy("redact", words("hello"), on_error="pass"))
    (crossed,) = talk.relay_plain(TWICE, True)
    assert crossed == TWICE.replace(b"hello", b"[redacted]")
    assert [(hit.applied, bool(hit.detail)) for hit in talk.hits] == [(False, True), (True, False)]


def test_monitors_tell_of_doubt_and_let_it_pass() -> None:
    talk = Talk(policy("block"), monitor=True)
    assert talk.relay_plain(TWICE, True) == [TWICE]
    assert [(hit.applied, hit.detail) for hit in talk.hits] == [(False, "duplicate key 'text'")]


class Broken:
    """A detector's form that fails on some texts."""

    candidates = None

    def spans(self, view: object) -> Iterator[tuple[int, int]]:
        if "boom" in view.text:  # type: ignore[attr-defined]
            raise ZeroDivisionError("in the detector")
        return iter(())


BROKEN = Detector("broken", "A detector that fails", "high", (Broken(),), longest=4)
FAILS = Condition(texts=CARDS.texts, detect=(BROKEN,))


@pytest.mark.parametrize(
    ("on_error", "monitor", "crosses"), [("block", False, False), ("pass", False, True), ("block", True, True), ("pass", True, True)]
)
@pytest.mark.parametrize("action", ["redact", "block", "alert", "allow"])
def test_a_policy_that_fails_counts_as_it_says(action: str, on_error: str, monitor: bool, crosses: bool) -> None:
    talk = Talk(policy(action, FAILS, on_error=on_error), monitor=monitor)  # type: ignore[arg-type]
    assert bool(talk.client(user_text("boom"))) == crosses
    assert [(hit.detail, hit.applied) for hit in talk.hits] == [("ZeroDivisionError in this policy", not crosses)]
    assert talk.client(user_text("calm"))


def test_the_others_go_on_after_one_that_failed_and_may_pass() -> None:
    talk = Talk(policy("alert", FAILS, "broken", on_error="pass"), policy("redact"))
    talk.client(user_text(f"boom {CARD}"))
    assert talk.events[0]["item"]["content"][0]["text"] == "boom [card]"


@pytest.mark.parametrize(("on_error", "said"), [("block", ""), ("pass", "so boom ")])
def test_a_redactor_that_fails_on_pieces(on_error: str, said: str) -> None:
    talk = Talk(policy("redact", FAILS, on_error=on_error))
    for piece in ("so ", "boom "):
        talk.server(delta(piece))
    talk.later(1)
    assert talk.said() == said


def test_a_redactor_that_fails_only_when_time_is_up_lets_nothing_out() -> None:
    talk = Talk(policy("redact", FAILS))
    talk.server(delta("calm "))
    next(iter(talk.judge._streams.open.values())).text = "boom "  # what no message brought, since a message would have been blocked
    talk.later(1)
    assert talk.said() == "[redacted]"
    assert [hit.detail for hit in talk.hits] == ["ZeroDivisionError in this policy"]


ASKED = Condition(at=compile_path("$.item.content[*].text"), regex=Regex("nothing"))
"""What is asked for itself, though it finds nothing."""


def ticking(step: float) -> object:
    ticks = count()
    return lambda: next(ticks) * step


@pytest.mark.parametrize(
    ("on_errors", "crosses"), [(("block", "block", "block"), False), (("block", "block", "pass"), True), (("pass", "pass", "block"), False)]
)
def test_what_is_not_reached_in_time_counts_as_it_says(on_errors: tuple[str, ...], crosses: bool) -> None:
    policies = [policy("alert", ASKED, f"p{number}", on_error=on_error) for number, on_error in enumerate(on_errors)]
    talk = Talk(*policies, clock=ticking(0.0012), budget=0.002, per=1 << 30)  # type: ignore[arg-type]
    assert bool(talk.client(user_text("hello"))) == crosses
    assert [(hit.policy, hit.detail) for hit in talk.hits] == [("p2", "1 policies were not asked within 2.0 ms")]


def test_a_larger_message_has_more_time() -> None:
    policies = [policy("block", ASKED, f"p{number}") for number in range(3)]
    for length, crosses in ((10, False), (5_000, True)):
        talk = Talk(*policies, clock=ticking(0.0012), budget=0.002, per=4096)  # type: ignore[arg-type]
        assert bool(talk.client(user_text("x" * length))) == crosses


def test_a_look_that_takes_too_long_counts_as_it_says() -> None:
    ticks = iter([0.0, 0.011, 0.011, 0.011])
    talk = Talk(policy("alert", words("nothing"), "a"), policy("block", words("nothing"), "b"), clock=lambda: next(ticks), per=1 << 30)
    assert talk.client(user_text("hello")) == []
    assert [(hit.policy, hit.detail) for hit in talk.hits] == [("b", "1 policies were not asked within 10.0 ms")]


def test_in_time_is_in_time() -> None:
    talk = Talk(*(policy("alert", ASKED, f"p{number}") for number in range(3)), clock=ticking(0.0009), budget=0.002, per=1 << 30)  # type: ignore[arg-type]
    assert talk.client(user_text("hello"))
    assert talk.hits == []


# -- hostile JSON -------------------------------------------------------------------------------------------------------------

_NAMES = (
    "type item content text delta session tools instructions response output id event_id role part item_id response_id content_index"
    " arguments transcript serverContent modelTurn parts outputTranscription turnComplete logprobs"
)
KINDS = (
    "conversation.item.create session.update response.create response.done response.output_text.delta response.output_text.done x audio"
    " response.output_item.done conversation.item.input_audio_transcription.text message function_call mcp agent_response"
)
KEYS, TYPES = st.sampled_from(_NAMES.split()), st.sampled_from(KINDS.split())
LEAVES = st.one_of(
    TYPES,
    st.sampled_from([CARD, f"a {CARD} b", "\ud800", "🎉", "", '{"a":"\\u0034111 1111 1111 1111"}', "assistant"]),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=20)
DIALECTS = st.sampled_from(["openai", "openai-live", "openai-translation", "gemini", "elevenlabs", "vllm"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.booleans(), TYPES, st.dictionaries(KEYS, TREES, max_size=6)), max_size=4), DIALECTS, st.booleans())
def test_no_event_crashes_or_carries_a_number_through(
    events: list[tuple[bool, str, dict[str, object]]], dialect: str, ascii_only: bool
) -> None:
    talk = Talk(policy("redact", Condition(detect=("card",))), policy("redact", name="texts"), dialect=dialect)
    for from_client, kind, event in events:
        talk.send(from_client, json.dumps({"type": kind, **event}, ensure_ascii=ascii_only).encode(errors="replace"))
    talk.later(1)
    talk.flush()
    for payload in talk.crossed:
        assert CARD not in json.dumps(json.loads(payload), ensure_ascii=False)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"{", b"}", b'"', b"type", b":", b",", b"[", b"]", b"\\", b"1e9", b"\xff", b"\0", CARD.encode()])).map(
        b"".join
    ),
    st.booleans(),
)
@example(b'{"type":' + b"[" * 2000, True)
def test_no_bytes_crash_or_carry_a_number_through(payload: bytes, text: bool) -> None:
    talk = Talk(policy("block", Condition(detect=("card",))), policy("alert", Condition(at=compile_path("$..a"))))
    for crossed in talk.relay_plain(payload, text):
        assert not text or not list(find(crossed.replace(b"\0", b"").decode(errors="replace"), ["card"]))


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.dictionaries(KEYS, TREES, max_size=6), DIALECTS)
def test_text_slots_stand_where_they_say(from_client: bool, event: dict[str, object], dialect: str) -> None:
    frame = Frame(from_client, json.dumps(event).encode())
    for text in texts(dialect, frame):
        assert str(value_at(frame.event, text.keys)) == text.value


def test_a_final_that_is_blocked_takes_what_was_held_with_it() -> None:
    talk = Talk(policy("redact", words("zzz")), policy("block", words("enough"), "enough"))
    talk.server(delta("this is "))
    talk.server(done("this is enough"))
    assert [event["type"] for event in talk.events] == ["response.output_audio_transcript.delta", "error"]
    assert talk.said() == ""


@pytest.mark.parametrize("condition", [Condition(detect=("card",)), Condition(regex=Regex("4111[ 1]*"))])
def test_a_type_that_is_no_name_is_not_told_as_it_is(condition: Condition) -> None:
    for event in ({"type": CARD}, {"type": f"so {CARD}", "x": [CARD]}, {"x": {CARD: "4111 1111 1111 1111"}}):
        talk = Talk(policy("block", condition), policy("alert", condition))
        talk.client(event)
        assert talk.hits
        assert not [hit for hit in talk.hits if "1111" in f"{hit.event_type} {hit.path} {hit.excerpt}"]
