"""What policies find is not kept, whatever they do with it, also where a value is cut into pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.jsonpath import compile_path
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies.masking import Masker
from realtime.policies.masking import masks
from realtime.policies.masking import redactions

CARD = "4111 1111 1111 1111"
IDS = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
CARDS = Condition(detect=("card",))


def masker(*policies: Policy, dialect: str = "openai") -> Masker:
    made = masks(PolicySet(policies))
    assert made is not None
    return Masker(made, dialect)


def server(kind: str, **fields: Any) -> Frame:
    return Frame(False, json.dumps({"type": kind, **fields}).encode())


def item(text: str) -> Frame:
    content = [{"type": "input_text", "text": text}]
    return Frame(True, json.dumps({"type": "conversation.item.create", "item": {"type": "message", "content": content}}).encode())


@pytest.mark.parametrize(
    "policy",
    [
        Policy("p", "tag", CARDS, tag="seen"),
        Policy("p", "alert", CARDS),
        Policy("p", "redact", CARDS, mode="monitor"),
        Policy("p", "block", CARDS, mode="monitor"),
        Policy("p", "close", CARDS),
    ],
)
def test_what_only_watches_masks(policy: Policy) -> None:
    frame = item(f"my card: {CARD}.")
    assert masker(policy).masked(frame) == frame.payload.replace(CARD.encode(), b"[card]")


def test_every_carrier_of_a_text_is_masked_however_it_is_cut() -> None:
    said = f"It is {CARD}, thanks."
    for cut in range(1, len(said)):
        made = masker(Policy("p", "tag", CARDS, tag="seen"))
        kept = [made.masked(server("response.output_audio_transcript.delta", **IDS, delta=piece)) for piece in (said[:cut], said[cut:])]
        kept.append(made.masked(server("response.output_audio_transcript.done", **IDS, transcript=said)))
        whole = {"id": "r", "output": [{"id": "i", "type": "message", "content": [{"type": "output_audio", "transcript": said}]}]}
        kept.append(made.masked(server("response.done", response=whole)))
        shown = b" ".join(payload or b"" for payload in kept)
        assert shown.count(b"It is [card], thanks.") == 2
        assert not any(digits in shown for digits in (b"4111", b"1111"))


def test_pieces_that_no_policy_reads_keep_their_words() -> None:
    made = masker(Policy("p", "tag", Condition(texts=frozenset({"user_text"}), detect=("card",)), tag="seen"))
    frame = server("response.output_audio_transcript.delta", **IDS, delta="Good morning")
    assert made.masked(frame) == frame.payload


def test_a_value_that_is_looked_at_as_a_whole_is_masked_as_a_whole() -> None:
    path = Condition(at=compile_path("$.session.tools[*].name"), none_of=frozenset({(False, "weather")}))
    frame = Frame(True, b'{"type":"session.update","session":{"tools":[{"name":"weather"},{"name":"secret_tool"}]}}')
    assert masker(Policy("p", "alert", path)).masked(frame) == frame.payload.replace(b"secret_tool", b"[redacted]")


def test_what_an_earlier_policy_allows_is_kept() -> None:
    allowed = Policy("ours", "allow", Condition(regex=None, events=("conversation.item.create",)))
    frame = item(CARD)
    assert masker(allowed, Policy("p", "tag", CARDS, tag="seen")).masked(frame) == frame.payload
    assert masks(PolicySet([allowed])) is None
    assert masks(PolicySet()) is None


@pytest.mark.parametrize("payload", [b'{"type":"x","a":1,"a":"%b"}' % CARD.encode(), b'{"type":"x"', b'{"a":"\xff"}'])
@pytest.mark.parametrize("from_client", [True, False])
def test_what_cannot_be_read_with_certainty_is_not_kept(payload: bytes, from_client: bool) -> None:
    assert masker(Policy("p", "tag", CARDS, tag="seen", on_error="pass")).masked(Frame(from_client, payload)) is None


def test_what_was_stopped_is_kept_as_it_would_have_been_redacted() -> None:
    stop = Policy("stop", "block", CARDS)
    made = redactions(PolicySet([stop, Policy("cards", "redact", CARDS), Policy("seen", "redact", CARDS, mode="monitor")]))
    assert made is not None
    assert [policy.id for policy in made.policies] == ["cards"]
    assert Masker(made, "openai").masked(item(CARD)) == item("[card]").payload
    assert redactions(PolicySet([stop])) is None


def test_new_policies_count_from_the_next_message_on() -> None:
    made = masker(Policy("p", "tag", CARDS, tag="seen"))
    assert made.masked(item("bob@example.com")) == item("bob@example.com").payload
    later = masks(PolicySet([Policy("m", "tag", Condition(detect=("email",)), tag="mail")]))
    assert later is not None
    made.use(later)
    assert made.masked(item("bob@example.com")) == item("[email]").payload
