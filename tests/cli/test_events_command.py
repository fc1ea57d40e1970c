"""Recorded messages on the command line: listed, explained, and held before other rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commandline import RULES
from commandline import Cli
from test_log_commands import opening

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.policies import Judge
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.secrecy import Secrets
from store.framemaker import Crossed
from store.framemaker import FrameMaker
from store.framemaker import Manner
from store.frames import Found
from store.framewriter import FrameWriter
from store.framewriter import Job
from store.framewriter import Recording
from store.log import Log

ID = "ses_0aaa000001"
CARD = "4111 1111 1111 1111"
IDS = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
ANSWER = ["I have a lighthouse", " and a bad", "ger."]
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: badgers, mode: monitor, when: {from: server, text: any, regex: "badger"}, action: block}
  - {id: refunds, when: {from: client, text: [user_text], regex: "refund"}, action: alert}
"""
Record = Callable[..., None]


def item(text: str) -> tuple[bool, dict[str, Any]]:
    return True, {"type": "conversation.item.create", "item": {"type": "message", "content": [{"type": "input_text", "text": text}]}}


def answer() -> list[tuple[bool, dict[str, Any]]]:
    deltas = [(False, {"type": "response.output_audio_transcript.delta", **IDS, "delta": piece}) for piece in ANSWER]
    return [*deltas, (False, {"type": "response.output_audio_transcript.done", **IDS, "transcript": "".join(ANSWER)})]


SAID = [item("Good morning"), item(f"my \x1b[31mcard\u202e is {CARD}"), item("I want a refund"), *answer()]
THEN = PolicySet(
    [
        Policy("cards", "redact", Condition(from_client=True, detect=("card",))),
        Policy("old", "alert", Condition(from_client=True, texts=frozenset({"user_text"}))),
    ]
)


@pytest.fixture
def record(data: Path) -> Record:
    """A session whose messages met the policies of `THEN`."""

    def record(content: Any = "full", *, frames: bool = True) -> None:
        log = Log.open(data)
        session = opening(
            ID, 30, dialect="openai", events={"keeps": "events", "count": len(SAID), "lost": 0, "cut": None} if frames else None
        )
        log.session_opened(session)
        writer, judge = FrameWriter(), Judge(THEN, "openai")
        crossed = []
        for number, (from_client, event) in enumerate(SAID):
            frame = Frame(from_client, json.dumps(event, ensure_ascii=False).encode(), at=number / 10)
            judged = judge.judge(frame, frame.at)
            found = tuple(Found(f"fnd_{hit.policy}_{number}", "policy", hit.action, hit.policy) for hit in judged.hits)
            payload = judged.verdict.payload if judged.verdict is not None and judged.verdict.action == "replace" else frame.payload
            crossed.append(Crossed(frame, payload, False, None if from_client else 1, found))
        if frames:
            file = log.frame_file(ID, session["started_at"], "events", content)
            recording = Recording(file, FrameMaker(0.0, lambda: "openai", Secrets()))
            writer.append(Job(recording, crossed, Manner("events", content), (None, None), 0, last=True))
            writer.stop()
        log.close()

    return record


@pytest.fixture
def policies(rules: Path) -> Path:
    rules.write_text(RULES + POLICIES)
    return rules


def test_messages_are_listed_with_pieces_folded(cli: Cli, record: Record) -> None:
    record()
    found = cli("events", ID[:10])
    assert (found.code, found.err) == (0, "")
    lines = [" ".join(line.split()) for line in found.out.splitlines()]
    assert lines[0].startswith("1 0.000 s → conversation.item.create ")
    assert lines[1].endswith("changed, cards: redact, old: alert")
    assert lines[3] == "4-6 0.300 s ← response.output_audio_transcript.delta ×3 447 B turn 1 I have a lighthouse and a badger."
    assert len(lines) == 5
    flat = cli("events", ID, "--flat").out.splitlines()
    assert len(flat) == len(SAID)


def test_filters_and_pages(cli: Cli, record: Record) -> None:
    record()
    found = cli("events", ID, "--json", "--type", "*.delta", "--from", "server", "--offset", "1", "--limit", "1")
    assert [event["n"] for event in found.json["events"]] == [5]
    assert found.json["session"] == ID
    assert found.json["recorded"]["count"] == len(SAID)
    refused = cli("events", ID, "--from", "me")
    assert (refused.code, "VT105" in refused.err) == (2, True)


def test_nothing_of_the_wire_reaches_the_terminal(cli: Cli, record: Record) -> None:
    record()
    for words in (["events", ID], ["explain", "--session", ID, "--event", "2", "--model", "sim-voice"]):
        found = cli(*words)
        assert not any(sign in found.out for sign in ("\x1b", "\u202e"))


@pytest.mark.parametrize(("number", "matched"), [(1, []), (2, []), (3, ["refunds"]), (4, []), (6, ["badgers"])])
def test_a_message_is_explained_with_all_that_came_before_it(
    cli: Cli, record: Record, policies: Path, number: int, matched: list[str]
) -> None:
    record()
    found = cli("explain", "--session", ID, "--event", str(number), "--json")
    event = found.json["event"]
    assert (event["n"], event["judged"]) == (number, True)
    assert [policy["policy"] for policy in event["policies"]] == ["cards", "badgers", "refunds"]
    assert [policy["policy"] for policy in event["policies"] if policy["matched"]] == matched
    assert "payload" not in event
    assert found.json["route"] == "rest"


def test_an_explanation_for_people(cli: Cli, record: Record, policies: Path) -> None:
    record()
    lines = cli("explain", "--session", ID, "--event", "6").out.splitlines()
    start = lines.index("message 6, from the server: response.output_audio_transcript.delta")
    assert lines[start + 4 : start + 8] == [
        "policy badgers: block (watched)  matches",
        "  ✓ from server, saw server",
        f"  ✓ text {KINDS}, saw 'I have a lighthouse and a badger.'",
        "  ✓ regex badger, saw 'I have a lighthouse and a [match].'",
    ]
    assert lines[-1] == "result changed", "the end of a text is held back where a policy redacts"


KINDS = "instructions, mcp, model_text, model_transcript, tool_arguments, tool_result, tool_schema, user_text, user_transcript"


def test_what_other_rules_would_have_done(cli: Cli, record: Record, policies: Path) -> None:
    record()
    found = cli("check", str(policies), "--replay", ID, "--json")
    assert found.code == 0
    assert found.json["messages"] == found.json["judged"] == len(SAID)
    told = [(one["n"], one["policy"], one["then"], one["now"], one["state"]) for one in found.json["found"]]
    assert told == [
        (1, "old", "alert", "", "gone"),
        (2, "cards", "redact", "", "unseen"),
        (2, "old", "alert", "", "unseen"),
        (3, "old", "alert", "", "gone"),
        (3, "refunds", "", "alert", "new"),
        (6, "badgers", "", "block (watched)", "new"),
    ]
    policies.write_text(RULES + POLICIES.replace("mode: monitor, ", "").replace("action: alert", "action: close"))
    found = cli("check", str(policies), "--replay", ID)
    assert "message 3 would end the session" in found.out
    assert "new 3 conversation.item.create: refunds, nothing then, close now" in found.out


def test_a_block_changes_what_would_be_blocked(cli: Cli, record: Record, policies: Path) -> None:
    record()
    policies.write_text(RULES + POLICIES.replace("mode: monitor, ", ""))
    found = cli("check", str(policies), "--replay", ID, "--json")
    assert found.json["blocked"] >= 1
    assert found.json["ends"] is None


def test_without_messages_it_is_said_what_to_set(cli: Cli, record: Record, policies: Path) -> None:
    record(frames=False)
    for words in (["events", ID], ["explain", "--session", ID, "--event", "1"], ["check", str(policies), "--replay", ID]):
        found = cli(*words)
        assert found.code == 1
        assert "VT110" in found.err
        assert "set log.frames: events" in found.err


def test_without_their_content_they_are_listed_alone(cli: Cli, record: Record, policies: Path) -> None:
    record("metadata")
    assert cli("events", ID).code == 0
    for words in (["explain", "--session", ID, "--event", "1"], ["check", str(policies), "--replay", ID]):
        found = cli(*words)
        assert (found.code, "without what was in them" in found.err) == (1, True)


def test_bad_arguments(cli: Cli, record: Record, policies: Path) -> None:
    record()
    assert "there is no message 99" in cli("explain", "--session", ID, "--event", "99").err
    assert "--event needs --session" in cli("explain", "--event", "1").err
    assert "VT103" in cli("check", str(policies), "--replay", "nobody").err
    policies.write_text("version: 1\nprovders: {}\n")
    assert cli("check", str(policies), "--replay", ID).code == 2
