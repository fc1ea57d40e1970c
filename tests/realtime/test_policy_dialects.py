"""Words that come in pieces in other protocols, and as drafts that replace each other: held and redacted like any."""

import pytest
from policy_talk import CARD
from policy_talk import Talk
from policy_talk import delta
from policy_talk import policy
from policy_talk import response_done


def heard(text: str, kind: str = "text", **more: str) -> dict[str, object]:
    return {"type": f"conversation.item.input_audio_transcription.{kind}", "item_id": "u1", "content_index": 0, "text": text, **more}


def test_drafts_are_held_and_redacted_at_their_end_too() -> None:
    talk = Talk(policy("redact"))
    for text, stash in [("", "it is"), ("it is", " 4111 1111"), ("it is 4111 1111", " 1111 1111"), (f"it is {CARD} and", " so")]:
        talk.server(heard(text, stash=stash))
    assert {(event["text"], event["stash"]) for event in talk.events} == {("", "")}
    talk.later(2)
    assert (talk.events[-1]["text"], talk.events[-1]["stash"]) == ("it is [card] and so", "")
    talk.server({**heard("", "completed"), "transcript": f"it is {CARD} and so on"})
    assert talk.events[-1]["transcript"] == "it is [card] and so on"
    assert len(talk.hits) == 1


def test_a_long_draft_shows_all_but_its_end() -> None:
    talk = Talk(policy("redact"))
    text = "word " * 40
    talk.server({"type": "conversation.item.input_audio_transcription.updated", "item_id": "u1", "transcript": f"{CARD} {text}"})
    assert talk.events[-1]["transcript"] == f"[card] {text}"[: -64 - len("wor")]


def gemini(text: str, **more: object) -> dict[str, object]:
    return {"serverContent": {"outputTranscription": {"text": text}, **more}}


def test_gemini_pieces_without_type_or_ids_and_with_sound_beside_them() -> None:
    talk = Talk(policy("redact"), dialect="gemini")
    sound = {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}]}
    for piece in ("4111 11", "11 1111 ", "1111 thanks"):
        talk.server(gemini(piece, modelTurn=sound), text=False)
    talk.server({"serverContent": {"turnComplete": True}}, text=False)
    said = "".join(event["serverContent"].get("outputTranscription", {}).get("text", "") for event in talk.events)
    assert said == "[card] thanks"
    assert sum("modelTurn" in event["serverContent"] for event in talk.events) == 3
    assert talk.events[-2] == gemini("[card] thanks")


def test_gemini_words_in_the_message_that_ends_the_turn_stay_in_it() -> None:
    talk = Talk(policy("redact"), dialect="gemini")
    talk.server(gemini("4111 1111 1111 "))
    talk.server(gemini("1111", turnComplete=True))
    assert talk.events[-1] == gemini("[card]", turnComplete=True)
    assert len(talk.crossed) == 2


@pytest.mark.parametrize(
    ("dialect", "piece", "final"),
    [
        ("vllm", lambda text: {"type": "transcription.delta", "delta": text}, {"type": "transcription.done", "text": CARD}),
        ("openai-live", lambda text: {"type": "session.output_transcript.delta", "delta": text, "start_ms": 1}, {"type": "session.closed"}),
        ("openai-translation", lambda text: {"type": "session.input_transcript.delta", "delta": text}, {"type": "session.closed"}),
        (
            "elevenlabs",
            lambda text: {"type": "agent_chat_response_part", "text_response_part": {"text": text, "type": "delta"}},
            {"type": "agent_response", "agent_response_event": {"agent_response": CARD}},
        ),
        ("openai", lambda text: delta("", "audio_timestamp", text=text), response_done(CARD)),
    ],
)
def test_every_dialect(dialect: str, piece: object, final: dict[str, object]) -> None:
    talk = Talk(policy("redact"), dialect=dialect)
    for text in ("4111 1111 ", "1111 1111"):
        event = piece(text)  # type: ignore[operator]
        talk.server(event)
    talk.server(final)
    talk.flush()
    assert "1111" not in b"".join(talk.crossed).decode()
    assert "[card]" in b"".join(talk.crossed).decode()
