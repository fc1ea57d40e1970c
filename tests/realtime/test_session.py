"""A session from frames to records, without a socket."""

import json
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest

from realtime.delay import Delay
from realtime.dialects import make
from realtime.frame import Frame
from realtime.leg import Ending
from realtime.pin import ModelPin
from realtime.prices import PriceBook
from realtime.secrecy import Secret
from realtime.secrecy import Secrets
from realtime.session import Client
from realtime.session import Session


def session(**changed: Any) -> Session:
    pin = ModelPin("openai", lambda model: True, lambda model: (model, model), False, False, "gpt-realtime", 100.0)
    facts: dict[str, Any] = {
        "id": "ses_1",
        "door": "gateway",
        "principal": "tester",
        "route": None,
        "provider": "openai",
        "kind": "openai",
        "model": "gpt-realtime",
        "upstream_model": "gpt-realtime",
        "upstream_host": "api.openai.com",
        "family": "realtime",
        "dialect": make("openai"),
        "pin": pin,
        "opened": 100.0,
        "offset": 1_000_000.0,
        "text_limit": 1024,
        "prices": PriceBook(now=lambda: datetime(2026, 11, 21, tzinfo=UTC)),
        "aliases": {},
        "grouping": None,
        "client": Client("127.0.0.1", "test", None, "/v1/realtime"),
    }
    return Session(**{**facts, **changed})


def told(made: Session, at: float, event: dict[str, Any] | str, *, client: bool = False) -> None:
    payload = event if isinstance(event, str) else json.dumps(event)
    made.observe(Frame(client, payload.encode(), at=at))


ANSWER: list[dict[str, Any]] = [
    {
        "type": "session.created",
        "session": {"type": "realtime", "object": "realtime.session", "id": "sess_9", "model": "gpt-realtime-2025"},
    },
    {"type": "response.created", "response": {"id": "r1"}},
    {"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "i1", "delta": "hi"},
    {
        "type": "response.done",
        "response": {"id": "r1", "status": "completed", "output": [], "usage": {"input_tokens": 3, "output_tokens": 4}},
    },
]


def test_a_session_that_ran_and_ended() -> None:
    made = session()
    for number, event in enumerate(ANSWER):
        told(made, 101.0 + number, event)
    turns = made.turns_to_write()
    assert [turn.record(content=True)["output"] for turn in turns] == ["hi"]
    assert turns[0].cost is not None
    assert made.turns_to_write() == []
    made.end(Ending(1000, "bye", "client"), 110.0, Delay())
    record = {**made.opening_record(), **made.closing_record()}
    assert record["started_at"] == "1970-01-12T13:48:20.000Z"
    assert record["ended_at"] == "1970-01-12T13:48:30.000Z"
    assert record["turns"] == 1
    assert record["usage"]["total_tokens"] == 7
    assert (record["provider_session"], record["provider_model"]) == ("sess_9", "gpt-realtime-2025")
    assert record["close"] == {"code": 1000, "reason": "bye", "side": "client"}
    assert record["frames"]["upstream"]["frames"] == len(ANSWER)


@pytest.mark.parametrize(("side", "status"), [("client", 499), ("upstream", 502), ("proxy", 503)])
def test_an_open_turn_ends_with_its_session(side: Any, status: int) -> None:
    made = session()
    for event in ANSWER[:3]:
        told(made, 101.0, event)
    made.end(Ending(1006, "connection lost", side), 110.0, Delay())
    record = made.turns_to_write()[0].record(content=False)
    assert record["status"] == "interrupted"
    assert record["error"]["status"] == status


def test_unreadable_messages_are_counted_by_side_and_reason() -> None:
    made = session()
    told(made, 101.0, "{nonsense", client=True)
    told(made, 101.0, "{nonsense", client=True)
    told(made, 101.0, '{"type":"x","type":"y"}')
    made.end(None, 102.0, Delay())
    assert made.closing_record()["unreadable"] == {"client: invalid JSON": 2, "upstream: duplicate key 'type'": 1}


def test_a_quota_that_is_used_up_is_noted() -> None:
    made = session()
    told(made, 101.0, {"type": "error", "error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "pay"}})
    assert made.quota is not None
    assert made.closing_record()["error"]["status"] == 429


def test_a_failed_handshake_is_a_session_that_ended() -> None:
    made = session()
    made.fail(502, 401, 100.5)
    record = {**made.opening_record(), **made.closing_record()}
    assert record["close"] == {"code": 1006, "reason": "no session: the provider answered 401", "side": "upstream"}
    assert record["error"]["status"] == 502


def test_a_server_of_unknown_make_gives_its_dialect_away() -> None:
    made = session(undecided=True)
    told(made, 101.0, {"type": "session.created", "id": "sess", "created": 1_790_000_000})
    assert made.dialect.name == "vllm"
    told(
        made,
        102.0,
        {"type": "transcription.done", "text": "hi", "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}},
    )
    assert made.closing_record()["usage"]["total_tokens"] == 12


def test_no_credential_is_in_the_representation() -> None:
    made = session(secrets=Secrets(Secret(b"sk-canary"), Secret(b"vt_canary")))
    assert "canary" not in repr(made)
