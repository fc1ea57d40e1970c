"""Turns over the control port: of all sessions, of one, and what one adds up to."""

from __future__ import annotations

import httpx
import pytest
from controlled import client as client
from controlled import log as log
from controlled import proxy as proxy
from controlled import refusal


async def test_turns_of_a_session_say_where_they_are_from_and_what_was_found_in_them(client: httpx.AsyncClient) -> None:
    first, second = (await client.get("/api/logs/sessions/ses_2")).json()["turns"]
    assert [first[name] for name in ("transport", "provider", "principal", "grouping")] == ["websocket", "azure-eu", "kiosk", "call-7"]
    assert first["findings"] == []
    assert second["findings"] == [{"id": "fnd_2", "kind": "policy", "action": "redact", "mode": "monitor", "policy": "cards"}]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [("ses_3", 0), ("ses_2", 1), ("ses_2", 0)]),
        ("?order=asc&limit=2", [("ses_2", 0), ("ses_2", 1)]),
        ("?limit=1&offset=1", [("ses_2", 1)]),
        ("?offset=9", []),
        ("?key=lab", [("ses_3", 0)]),
        ("?provider=azure-eu", [("ses_2", 1), ("ses_2", 0)]),
        ("?model=other", []),
        ("?status=cancelled", [("ses_2", 1)]),
        ("?text=weather", [("ses_2", 0)]),
        ("?since=2026-11-21T10:00:01Z&until=2026-11-21T10:00:05Z", [("ses_2", 1)]),
        ("?session_id=ses_3", [("ses_3", 0)]),
        ("?session_id=ses_3&parent_request_id=call-7", [("ses_2", 1), ("ses_2", 0)]),
    ],
)
async def test_turns_of_all_sessions(client: httpx.AsyncClient, query: str, expected: list[tuple[str, int]]) -> None:
    found = (await client.get(f"/api/logs{query}")).json()
    assert [(turn["session"], turn["index"]) for turn in found["logs"]] == expected


async def test_more_turns_than_a_page_holds(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/logs?limit=2")).json()["has_more"] is True
    found = (await client.get("/api/logs?limit=3")).json()
    assert (found["has_more"], found["limit"], found["offset"], found["order"]) == (False, 3, 0, "desc")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=501", "limit is 1 to 500, not 501"),
        ("status=live", "status is one of completed, cancelled, incomplete, failed, interrupted, not 'live'"),
        ("since=now", "since is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not 'now'"),
    ],
)
async def test_bad_values_for_turns_get_the_exact_reason(client: httpx.AsyncClient, query: str, reason: str) -> None:
    assert await refusal(client, f"/api/logs?{query}") == (400, reason)


async def test_what_a_session_adds_up_to(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/logs/sessions/ses_2/summary")).json() == {
        "count": 2,
        "total_cost": 0.25,
        "partial": True,
        "total_tokens": 446,
        "started_at": "2026-11-21T10:00:02.000Z",
        "latest_at": "2026-11-21T10:01:02.000Z",
        "duration_ms": 60000,
    }
    running = (await client.get("/api/logs/sessions/ses_4/summary")).json()
    assert running["latest_at"] > running["started_at"]
    assert (running["total_cost"], running["partial"]) == (None, False)
