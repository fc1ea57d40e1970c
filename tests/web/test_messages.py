"""The messages of a session as its page lists them: folded and not, one by one, hostile names, and none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from portserver import TOKEN
from portserver import Port
from portserver import here
from portserver import session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from store.days import file_of
from store.days import folder_of
from store.frames import Event
from store.frames import Found
from store.table import AppendDB
from web.answers import Refused
from web.messages import Messages

EVENTS = [
    Event(1, 10_000, "server", "session.created", 700, payload='{"type":"session.created"}'),
    *(Event(2 + n, 20_000 + 100_000 * n, "client", "input_audio_buffer.append", 6_000) for n in range(3)),
    Event(
        5, 400_000, "client", "conversation.item.create", 90, outcome="changed", findings=[Found("f", "policy", "redact", "cards")], turn=1
    ),
    Event(6, 410_000, "server", "response.output_text.delta", 20, payload='{"delta":"Hel"}'),
    Event(9, 420_000, "server", "response.output_text.delta", 20, payload='{"delta":"lo <b>"}'),
]


CARDS = {"kind": "policy", "policy": "cards", "action": "redact"}


class Recorded:
    """What a reader of messages gives, without files."""

    readable, erased, unreadable = True, False, 0

    def events(self) -> list[Event]:
        return EVENTS

    def event(self, number: int) -> Event | None:
        return next((event for event in EVENTS if event.n == number), None)


class Log:
    def frames(self, session: str) -> Recorded:
        return Recorded()


def client() -> TestClient:
    async def find(name: str) -> dict[str, Any]:
        return session(1, id=name)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return error.answer

    return TestClient(Starlette(routes=Messages(find, here(Log())).routes, exception_handlers={Refused: refused}))


def test_pieces_of_one_thing_are_one_row() -> None:
    found = client().get("/sessions/ses_1/messages.json").json()
    assert found == {
        "rows": [
            [1, 1, 10, 10, "server", "session.created", 700, "", "passed", [], None],
            [2, 3, 20, 10, "client", "input_audio_buffer.append", 18_000, "", "passed", [], None],
            [5, 1, 400, 180, "client", "conversation.item.create", 90, "", "changed", [CARDS], 1],
            [6, 2, 410, 10, "server", "response.output_text.delta", 40, "Hello <b>", "passed", [], None],
        ],
        "more": False,
    }


def test_unfolded_each_stands_alone() -> None:
    rows = client().get("/sessions/ses_1/messages.json?fold=no").json()["rows"]
    assert [(row[0], row[1]) for row in rows] == [(event.n, 1) for event in EVENTS]


@pytest.mark.parametrize("number", ["0", "7", "x", "-1", "٣", "9" * 30])
def test_one_by_its_number(number: str) -> None:
    assert client().get("/sessions/ses_1/messages/9.json").json()["payload"] == '{"delta":"lo <b>"}'
    refusal = client().get(f"/sessions/ses_1/messages/{number}.json")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (404, "unknown_message")


@pytest.mark.parametrize("path", ["messages.json", "messages/1.json"])
def test_a_session_without_messages_says_why(tmp_path: Path, path: str) -> None:
    with AppendDB(file_of(folder_of(tmp_path), "2026-11-21")) as database:
        database.table("sessions").insert(session(1))
    made = TestClient(Port(tmp_path).app(), base_url="http://127.0.0.1:8789", headers={"authorization": f"Bearer {TOKEN}"})
    refusal = made.get(f"/sessions/ses_1/{path}")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (404, "no_events")
    assert "log.frames" in refusal.json()["error"]["message"]
