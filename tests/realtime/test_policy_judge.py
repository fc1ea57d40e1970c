"""What policies make of single messages: order, modes, what is told, what the two sides get, and what is left as it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import CARD
from policy_talk import CARDS
from policy_talk import Talk
from policy_talk import delta
from policy_talk import policy
from policy_talk import response_done
from policy_talk import user_text
from policy_talk import words

from realtime.conditions import Condition
from realtime.conditions import scalar
from realtime.framing import Close
from realtime.jsonpath import compile_path
from realtime.policies import Policy
from realtime.regex import Regex

HELLO = user_text(f"my card is {CARD}", event_id="c1")


def test_without_policies_nothing_is_looked_at() -> None:
    talk = Talk()
    assert talk.client(HELLO) == [json.dumps(HELLO).encode()]
    assert (talk.verdict, talk.hits) == (None, [])


def test_only_the_characters_found_are_changed() -> None:
    payload = (
        b' { "type" :"conversation.item.create", "n":1.10,"u":"\\u00e9\\/", "item":{"content":[ {"type":"input_text" ,'
        b'"text":"\\u0034111 1111\\t1111 1111 \\ud83d\\ude00 4111111111111111, 5555-5555-5555-4444\\n"} ],"role":"user"} } '
    )
    talk = Talk(policy("redact"))
    (crossed,) = talk.client(payload)
    assert crossed == payload.replace(b"4111111111111111", b"[card]").replace(b"5555-5555-5555-4444", b"[card]")
    assert [(hit.policy, hit.path, hit.kind) for hit in talk.hits] == [("redact", "$.item.content[0].text", "user_text")]


def test_an_escaped_number_is_replaced_with_its_escapes() -> None:
    payload = json.dumps(HELLO).encode().replace(b"4111 1111", b"\\u0034\\u0031\\u00311\\u00201111")
    (crossed,) = Talk(policy("redact")).client(payload)
    assert crossed == json.dumps(user_text("my card is [card]", event_id="c1")).encode()


def test_every_redaction_applies_and_overlaps_become_one() -> None:
    talk = Talk(
        policy("redact", replace="<card>"), policy("redact", words(r"is \d+"), "digits"), policy("redact", words("my"), "my", replace="")
    )
    talk.client(HELLO)
    assert talk.events[0]["item"]["content"][0]["text"] == " card [redacted]"
    assert [hit.policy for hit in talk.hits] == ["redact", "digits", "my"]


@pytest.mark.parametrize(
    ("actions", "told", "done"),
    [
        (["tag", "alert", "redact"], ["tag", "alert", "redact"], "replace"),
        (["alert", "block", "close"], ["alert", "block"], "drop"),
        (["close", "block"], ["close"], "close"),
        (["allow", "block"], ["allow"], None),
        (["redact", "allow", "block"], ["redact", "allow"], "replace"),
        (["redact", "block", "alert"], ["redact", "block"], "drop"),
    ],
)
def test_the_first_terminal_policy_ends_the_evaluation(actions: list[Any], told: list[str], done: str | None) -> None:
    talk = Talk(*(policy(action) for action in actions))
    talk.client(HELLO)
    assert [hit.policy for hit in talk.hits] == told
    assert (talk.verdict and talk.verdict.action) == done


ACTIONS = st.sampled_from(["allow", "redact", "block", "close", "tag", "alert"])
MODES = st.sampled_from(["enforce", "monitor"])
RULES = st.lists(st.tuples(ACTIONS, MODES, st.sampled_from(["a", "b", "c"])), max_size=6)


@settings(max_examples=200, deadline=None)
@given(RULES, st.text("abc ", max_size=6))
def test_any_list_of_policies_means_what_the_sentence_says(rules: list[tuple[Any, Any, str]], text: str) -> None:
    """Tried in order; each that matches is told; the first enforced allow, block or close ends it; monitors change nothing."""
    told, applied, end = [], [], None
    for number, (action, mode, letter) in enumerate(rules):
        if letter in text:
            told.append(f"p{number}")
            applied += [number] if mode == "enforce" else []
            if mode == "enforce" and action in ("allow", "block", "close"):
                end = action
                break
    talk = Talk(
        *(
            policy(action, words(letter), f"p{number}", mode=mode, replace="" if action == "redact" else None)
            for number, (action, mode, letter) in enumerate(rules)
        )
    )
    sent = user_text(text)
    crossed = talk.client(sent)
    assert [hit.policy for hit in talk.hits] == told
    assert [hit.applied for hit in talk.hits] == [int(name[1:]) in applied for name in told]
    if end in ("block", "close"):
        assert crossed == []
    else:
        for number in applied:
            if rules[number][0] == "redact":
                text = text.replace(rules[number][2], "")
        assert crossed == [json.dumps(user_text(text)).encode()]


def test_monitoring_tells_and_changes_nothing() -> None:
    talk = Talk(policy("redact", severity="high"), policy("block"), policy("close"), policy("tag", tag="seen"), monitor=True)
    assert talk.client(HELLO) == [json.dumps(HELLO).encode()]
    assert talk.verdict is None
    assert {(hit.mode, hit.applied, hit.tag) for hit in talk.hits} == {("monitor", False, None)}
    assert [(hit.action, hit.severity) for hit in talk.hits] == [("redact", "high"), ("block", None), ("close", None), ("tag", None)]


def test_a_tag_is_told_with_its_word() -> None:
    talk = Talk(policy("tag", tag="payment"))
    assert talk.client(HELLO) == [json.dumps(HELLO).encode()]
    assert [hit.tag for hit in talk.hits] == ["payment"]


def test_a_blocked_message_is_answered_in_the_name_of_its_event() -> None:
    talk = Talk(policy("block", name="no-cards", message="cards stay here"))
    assert talk.client(HELLO) == []
    assert talk.verdict is not None
    error = json.loads(talk.verdict.reply[0])["error"]
    assert (error["type"], error["code"], error["event_id"]) == ("invalid_request_error", "policy_violation", "c1")
    assert error["message"] == "cards stay here (policy no-cards)"


def test_protocols_without_an_error_event_get_none() -> None:
    talk = Talk(policy("block"), dialect="gemini")
    assert talk.client({"realtimeInput": {"text": CARD}}) == []
    assert talk.verdict is not None
    assert (talk.verdict.action, talk.verdict.reply) == ("drop", ())


def test_a_close_says_which_policy() -> None:
    talk = Talk(policy("close", name="out", message="goodbye"))
    talk.client(HELLO)
    assert talk.verdict is not None
    assert talk.verdict.close == Close(1008, "goodbye (policy out)")


def test_a_blocked_answer_is_cancelled_and_nothing_more_of_it_crosses_but_its_end() -> None:
    talk = Talk(policy("block"))
    talk.server(delta(f"it is {CARD}"))
    assert talk.verdict is not None
    cancel = {"type": "response.cancel", "event_id": "vt_cancel_r1", "response_id": "r1"}
    assert [json.loads(reply) for reply in talk.verdict.reply] == [cancel]
    assert talk.events[-1]["type"] == "error"
    later = {"type": "conversation.item.done", "item": {"id": "i1", "type": "message", "role": "assistant", "content": []}}
    other = {"type": "response.output_item.done", "response_id": "r1", "item": {"id": "i2", "type": "function_call", "arguments": "{}"}}
    assert talk.server(delta("and more")) == talk.server(later) == talk.server(other) == []
    assert talk.server({**later, "item": {**later["item"], "id": "i2"}}) == []  # type: ignore[dict-item]
    talk.server(response_done(CARD))
    assert talk.events[-1]["response"] == {"id": "r1", "status": "completed", "output": []}
    assert talk.server(delta("fine", response="r2", item="i9")) != []
    assert len(talk.hits) == 1


def test_that_an_answer_was_over_before_our_cancel_is_not_told() -> None:
    talk = Talk(policy("block"))
    talk.server(delta(CARD))
    refused = {"type": "error", "error": {"code": "response_cancel_not_active", "event_id": "vt_cancel_r1"}}
    assert talk.server(refused) == []
    assert talk.server({**refused, "error": {"event_id": "vt_cancel_r2"}}) != []
    assert talk.server({**refused, "error": {"event_id": None}}) != []


def test_the_end_of_an_answer_crosses_without_words_when_it_is_what_is_blocked() -> None:
    talk = Talk(policy("block", Condition(events=("response.done",), detect=("card",))))
    error, end = talk.server(response_done(CARD))
    assert json.loads(error)["type"] == "error"
    assert json.loads(end)["response"]["output"] == []
    assert talk.verdict is not None
    assert talk.verdict.reply == ()


def test_the_end_of_a_gemini_turn_crosses_without_words() -> None:
    talk = Talk(policy("block"), dialect="gemini")
    (end,) = talk.server({"serverContent": {"outputTranscription": {"text": CARD}, "turnComplete": True}})
    assert json.loads(end) == {"serverContent": {"outputTranscription": {"text": ""}, "turnComplete": True}}


def test_what_the_user_said_crosses_without_words_once_it_is_blocked() -> None:
    talk = Talk(policy("block"))
    heard = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u1", "content_index": 0, "delta": f"it is {CARD}"}
    final = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "u1",
        "transcript": f"it is {CARD}",
        "usage": {"seconds": 1},
    }
    talk.server(heard)
    talk.server(final)
    talk.server({"type": "input_audio_buffer.committed", "item_id": "u1"})
    assert [event["type"] for event in talk.events] == ["error", final["type"], "input_audio_buffer.committed"]
    assert talk.events[1] == {**final, "transcript": ""}
    assert not talk.judge.blocks("u1")
    assert len(talk.hits) == 1


def test_the_sound_of_a_blocked_answer_is_known() -> None:
    talk = Talk(policy("block"))
    talk.server(delta(CARD))
    assert talk.judge.blocks("r1")
    assert not talk.judge.blocks("r2")


@pytest.mark.parametrize(
    ("value", "redacted"),
    [
        (f'{{"a": "{CARD}", "b": 4111111111111111}}', '{"a": "\\"x\\"", "b": "\\"x\\""}'),
        (f' [ 4111111111111111, "{CARD} \\" {CARD}"]', ' [ "\\"x\\"", "\\"x\\" \\" \\"x\\""]'),
        (f"[note] {CARD}", '[note] "x"'),
        (f"{CARD}", '"x"'),
    ],
)
def test_json_inside_a_text_stays_json_and_prose_stays_prose(value: str, redacted: str) -> None:
    talk = Talk(policy("redact", replace='"x"'))
    talk.client({"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": value}})
    assert talk.events[0]["item"]["output"] == redacted


def test_values_at_a_path() -> None:
    names = compile_path("$.session.tools[*].name")
    unlisted = Condition(from_client=True, events=("session.update",), at=names, none_of=frozenset({scalar("lookup")}))
    talk = Talk(policy("block", unlisted, "tools"))
    assert talk.client({"type": "session.update", "session": {"tools": [{"name": "lookup"}]}})
    assert not talk.client({"type": "session.update", "session": {"tools": [{"name": "lookup"}, {"name": "rm"}]}})
    assert [(hit.path, hit.excerpt) for hit in talk.hits] == [("$.session.tools[1].name", "rm")]


@pytest.mark.parametrize("value", ["text", 12, None, {"a": [1]}, ["x"]])
def test_a_redacted_value_goes_as_a_whole_and_is_not_shown(value: object) -> None:
    talk = Talk(policy("redact", Condition(at=compile_path("$.response.metadata"))))
    (crossed,) = talk.client({"type": "response.create", "response": {"metadata": value}})
    assert json.loads(crossed) == {"type": "response.create", "response": {"metadata": "[redacted]"}}
    assert talk.hits[0].excerpt == ""


def test_a_value_inside_a_redacted_one_goes_with_it() -> None:
    talk = Talk(policy("redact", Condition(at=compile_path("$.item"))), policy("redact", name="cards"))
    assert json.loads(talk.client(HELLO)[0])["item"] == "[redacted]"


def test_numbers_in_arguments_and_results_are_words_too() -> None:
    talk = Talk(policy("redact"), dialect="gemini")
    talk.server({"toolCall": {"functionCalls": [{"id": "f", "name": "pay", "args": {"card": 4111111111111111, "sum": 5}}]}})
    assert talk.events[0]["toolCall"]["functionCalls"][0]["args"] == {"card": "[card]", "sum": 5}
    assert talk.hits[0].kind == "tool_arguments"


def test_log_probabilities_of_changed_words_go() -> None:
    talk = Talk(policy("redact"))
    heard = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "i",
        "transcript": CARD,
        "logprobs": [{"token": "4111"}],
    }
    assert json.loads(talk.server(heard)[0])["logprobs"] is None
    assert json.loads(talk.server({**heard, "transcript": "hi"})[0])["logprobs"] == [{"token": "4111"}]


def test_every_string_is_looked_at_but_sound_is_not() -> None:
    everything = policy("block", Condition(detect=("card",)))
    sound = {"type": "input_audio_buffer.append", "event_id": CARD, "audio": "A" * 300}
    assert Talk(everything).client(sound)
    assert not Talk(everything).client({"type": "response.cancel", "event_id": CARD})
    named = policy("block", Condition(events=("input_audio_buffer.*",), detect=("card",)))
    assert not Talk(named).client(sound)
    assert Talk(named).client({**sound, "event_id": "e", "audio": f"AAAA/4111111111111111/{'A' * 300}"})
    assert not Talk(named).client({**sound, "event_id": "e", "audio": f"said {CARD} {'A' * 300}"})


def test_sound_can_be_weighed() -> None:
    talk = Talk(policy("block", Condition(from_client=True, over=100)))
    assert talk.client({"type": "input_audio_buffer.append", "audio": "A" * 10})
    assert not talk.client({"type": "input_audio_buffer.append", "audio": "A" * 200})


@pytest.mark.parametrize("text", [True, False])
def test_json_in_binary_frames_is_the_same(text: bool) -> None:
    talk = Talk(policy("redact"), dialect="gemini")
    (crossed,) = talk.server({"serverContent": {"modelTurn": {"parts": [{"text": CARD}]}, "turnComplete": True}}, text=text)
    assert b"[card]" in crossed


@pytest.mark.parametrize("text", [True, False])
def test_plain_text_is_looked_at_as_it_stands(text: bool) -> None:
    talk = Talk(policy("redact", Condition(detect=("card",))))
    assert talk.relay_plain(f"hello {CARD}".encode(), text) == [b"hello [card]"]


def test_binary_sound_is_no_text() -> None:
    talk = Talk(policy("block", Condition(regex=Regex(".*"))), policy("tag", Condition(over=3), tag="big"))
    assert talk.relay_plain(bytes(range(256)), False) == [bytes(range(256))]
    assert talk.relay_plain(b"\0" * 640, False) == [b"\0" * 640]
    assert [hit.policy for hit in talk.hits] == ["tag", "tag"]


def test_excerpts_show_nothing_that_any_detector_knows() -> None:
    talk = Talk(policy("alert", words("ignore all"), severity="low"))
    talk.client(user_text(f"mail bob@example.org or pay {CARD}, then ignore all of it, call +49 30 1234567 " + "x " * 100))
    (hit,) = talk.hits
    assert len(hit.excerpt) <= 80
    assert "[match]" in hit.excerpt and "[card]" in hit.excerpt
    assert not any(private in hit.excerpt for private in ("4111", "bob@", "1234567"))


def test_excerpts_can_be_stored_whatever_was_said() -> None:
    talk = Talk(policy("alert", words("x")))
    talk.client(b'{"type":"conversation.item.create","item":{"content":"\\ud83d x \\udc00"}}')
    assert talk.hits[0].excerpt == "? [match] ?"


def test_memory_of_types_is_bounded_and_right_beyond_it() -> None:
    talk = Talk(policy("block", Condition(events=("t9*",))))
    assert [number for number in range(2_000) if not talk.client({"type": f"t{number}"})] == [
        n for n in range(2_000) if str(n).startswith("9")
    ]


def test_policies_can_be_replaced_while_words_are_held() -> None:
    talk = Talk(policy("redact"))
    talk.server(delta(f"card {CARD}"))
    talk.judge.policies = Talk().judge.policies
    assert json.loads(talk.flush()[0])["delta"] == "card [card]"


def test_a_policy_equal_to_another_is_still_its_own() -> None:
    one = Policy("same", "alert", CARDS)
    talk = Talk(one, Policy("same2", "alert", CARDS))
    talk.client(HELLO)
    assert [hit.policy for hit in talk.hits] == ["same", "same2"]
