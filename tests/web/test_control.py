"""The control port on a real socket: who may use it, what it lists, what it refuses and why."""

from __future__ import annotations

import httpx
import pytest
from controlled import TOKEN
from controlled import Proxy
from controlled import client as client
from controlled import log as log
from controlled import proxy as proxy
from controlled import refusal
from controlled import session

from store.export.native import FIELDS


async def ids(client: httpx.AsyncClient, query: str = "") -> list[str]:
    found = await client.get(f"/api/sessions{query}")
    assert found.status_code == 200, found.text
    return [record["id"] for record in found.json()["sessions"]]


async def test_health_needs_no_token(client: httpx.AsyncClient) -> None:
    found = await client.get("/healthz", headers={"authorization": ""})
    assert (found.status_code, found.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer tökén"])
async def test_everything_else_does(client: httpx.AsyncClient, authorization: str) -> None:
    found = await client.get("/api/sessions", headers={"authorization": authorization.encode("latin-1")})
    assert found.status_code == 401
    assert found.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in found.text


async def test_the_metrics_are_behind_the_same_token(client: httpx.AsyncClient) -> None:
    assert 'voicetap_sessions_active{transport="websocket"} 1.0' in (await client.get("/metrics")).text
    assert (await client.get("/metrics", headers={"authorization": ""})).status_code == 401


async def test_the_token_may_stand_in_the_query(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/api/sessions?token={TOKEN}", headers={"authorization": ""})).status_code == 200
    assert (await client.get("/api/sessions?token=no", headers={"authorization": ""})).status_code == 401
    assert (await client.get(f"/api/sessions?token=no&token={TOKEN}x", headers={"authorization": ""})).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "user@localhost", "", "[::1"])
async def test_a_foreign_host_is_misdirected(client: httpx.AsyncClient, host: str) -> None:
    found = await client.get("/healthz", headers={"host": host})
    assert (found.status_code, found.json()["error"]["code"]) == (421, "misdirected_request")


async def test_each_refusal_is_noted(client: httpx.AsyncClient, proxy: Proxy) -> None:
    await client.get("/api/sessions?token=guessed", headers={"authorization": "", "user-agent": "scanner"})
    await client.get("/healthz", headers={"host": "evil.example"})
    await client.get("/api/sessions", headers={"origin": "null"})
    await client.get("/api/sessions?limit=0")
    assert [(refused.status, refused.code, refused.path) for refused in proxy.refused] == [
        (401, "unauthorized", "/api/sessions"),
        (421, "misdirected_request", "/healthz"),
        (403, "foreign_origin", "/api/sessions"),
    ]
    first = proxy.refused[0]
    assert (first.door, first.address, first.agent, first.principal) == ("control", "127.0.0.1", "scanner", None)
    assert proxy.refused[2].origin == "null"
    assert "guessed" not in str(proxy.refused)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8789", "voice.internal:8789"])
async def test_a_known_host_is_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/sessions", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1:1", "http://localhost", "file://"])
async def test_a_foreign_origin_is_refused(client: httpx.AsyncClient, origin: str) -> None:
    found = await client.post("/api/sessions/ses_4/kill", headers={"origin": origin})
    assert (found.status_code, found.json()["error"]["code"]) == (403, "foreign_origin")


async def test_the_own_origin_is_served(client: httpx.AsyncClient) -> None:
    own = str(client.base_url).rstrip("/")
    assert (await client.get("/api/sessions", headers={"origin": own})).status_code == 200


async def test_answers_are_not_cached_and_not_sniffed(client: httpx.AsyncClient) -> None:
    for path in ("/api/sessions", "/api/sessions/none", "/nowhere"):
        found = await client.get(path)
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in found.headers


async def test_sessions_live_and_past(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/sessions")).json()
    assert [record["id"] for record in found["sessions"]] == ["ses_4", "ses_3", "ses_2", "ses_1"]
    assert [record["live"] for record in found["sessions"]] == [True, False, False, False]
    assert found["sessions"][0]["model"] == "live-model"
    assert (found["has_more"], found["limit"], found["offset"], found["order"]) == (False, 50, 0, "desc")
    assert (await client.get("/api/sessions?limit=3")).json()["has_more"] is True


async def test_a_live_session_without_a_record_is_listed(client: httpx.AsyncClient, proxy: Proxy) -> None:
    proxy.now.append(session(5, ended_at=None, close=None, provider="sim"))
    assert await ids(client, "?limit=2") == ["ses_5", "ses_4"]
    assert await ids(client, "?order=asc&offset=3") == ["ses_4", "ses_5"]
    assert await ids(client, "?provider=sim") == ["ses_5"]
    assert (await client.get("/api/sessions/ses_5")).json()["live"] is True


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?order=asc&limit=2", ["ses_1", "ses_2"]),
        ("?limit=1&offset=1", ["ses_3"]),
        ("?offset=9", []),
        ("?key=lab", ["ses_3"]),
        ("?provider=azure-eu", ["ses_2"]),
        ("?model=gpt-realtime&limit=9", ["ses_4", "ses_3", "ses_2", "ses_1"]),
        ("?session_id=ses_2", ["ses_2"]),
        ("?session_id=ses_3&parent_request_id=call-7", ["ses_2"]),
        ("?status=live", ["ses_4"]),
        ("?status=failed", ["ses_3"]),
        ("?status=ended", ["ses_2", "ses_1"]),
        ("?since=2026-11-21T10:00:03Z", ["ses_4", "ses_3"]),
        ("?until=2026-11-21T11:00:02%2B01:00", ["ses_1"]),
        ("?since=1795255203", ["ses_4", "ses_3"]),
        ("?text=WEATHER", ["ses_2"]),
    ],
)
async def test_filters(client: httpx.AsyncClient, query: str, expected: list[str]) -> None:
    assert await ids(client, query) == expected


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=0", "limit is 1 to 500, not 0"),
        ("limit=501", "limit is 1 to 500, not 501"),
        ("limit=ten", "limit is a whole number, 1 to 500, not 'ten'"),
        ("limit=", "limit is a whole number, 1 to 500, not ''"),
        ("limit=1e2", "limit is a whole number, 1 to 500, not '1e2'"),
        ("offset=-1", "offset is a whole number, 0 or more, not '-1'"),
        ("order=up", "order is asc or desc, not 'up'"),
        ("status=open", "status is one of live, failed, ended, not 'open'"),
        ("since=yesterday", "since is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not 'yesterday'"),
        ("until=2027-01-31", "until is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not '2027-01-31'"),
    ],
)
async def test_bad_values_get_the_exact_reason(client: httpx.AsyncClient, query: str, reason: str) -> None:
    assert await refusal(client, f"/api/sessions?{query}") == (400, reason)


async def test_a_misspelt_filter_is_no_filter(client: httpx.AsyncClient) -> None:
    status, reason = await refusal(client, "/api/sessions?provder=openai")
    assert status == 400
    assert reason.startswith("unknown parameter 'provder'; known: session_id")


@pytest.mark.parametrize("limit", [1, 500])
async def test_the_limits_themselves_are_taken(client: httpx.AsyncClient, limit: int) -> None:
    assert (await client.get(f"/api/sessions?limit={limit}")).json()["limit"] == limit


async def test_one_session_and_its_turns(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/sessions/ses_2")).json()["provider"] == "azure-eu"
    found = (await client.get("/api/logs/sessions/ses_2?limit=1")).json()
    assert [turn["index"] for turn in found["turns"]] == [0]
    assert (found["count"], found["has_more"]) == (2, True)
    found = (await client.get("/api/logs/sessions/ses_2?status=cancelled")).json()
    assert [turn["index"] for turn in found["turns"]] == [1]
    found = (await client.get("/api/logs/sessions/ses_2?text=weather")).json()
    assert [turn["index"] for turn in found["turns"]] == [0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1]),
        ("?order=asc&limit=2", [1, 2]),
        ("?limit=1&offset=1", [2]),
        ("?offset=9", []),
        ("?key=lab", [3]),
        ("?provider=sim", [2]),
        ("?model=m", [2]),
        ("?route=eu", [2, 1]),
        ("?session_id=ses_2", [2, 1]),
        ("?kind=refusal", [3]),
        ("?policy=cards&mode=enforce", [1]),
        ("?action=refuse", [3]),
        ("?severity=high", [2, 1]),
        ("?since=2026-11-21T10:00:02Z", [3, 2]),
        ("?until=2026-11-21T10:00:02Z", [1]),
    ],
)
async def test_findings(client: httpx.AsyncClient, query: str, expected: list[int]) -> None:
    found = (await client.get(f"/api/findings{query}")).json()
    assert [record["id"] for record in found["findings"]] == [f"fnd_{number}" for number in expected]
    assert all(list(record) == list(FIELDS) for record in found["findings"])


async def test_more_findings_than_a_page_holds(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/findings?limit=2")).json()["has_more"] is True
    found = (await client.get("/api/findings?limit=3")).json()
    assert (found["has_more"], found["limit"], found["offset"], found["order"]) == (False, 3, 0, "desc")
    assert (await client.get("/api/findings", headers={"authorization": ""})).status_code == 401


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("limit=0", "limit is 1 to 500, not 0"),
        ("order=up", "order is asc or desc, not 'up'"),
        ("kind=x", "kind is one of policy, gate, budget, revocation, refusal, limit, leak, change, hint, breakpoint, not 'x'"),
        ("severity=bad", "severity is one of info, low, medium, high, critical, not 'bad'"),
        ("mode=off", "mode is one of enforce, monitor, not 'off'"),
        ("since=now", "since is a time such as 2027-01-31T18:00:00Z, or seconds since 1970, not 'now'"),
    ],
)
async def test_bad_values_for_findings_get_the_exact_reason(client: httpx.AsyncClient, query: str, reason: str) -> None:
    assert await refusal(client, f"/api/findings?{query}") == (400, reason)


@pytest.mark.parametrize("path", ["/api/sessions/none", "/api/logs/sessions/none", "/api/logs/sessions/none/summary"])
async def test_an_unknown_session(client: httpx.AsyncClient, path: str) -> None:
    assert await refusal(client, path) == (404, "no session 'none'")


async def test_an_unknown_path(client: httpx.AsyncClient) -> None:
    assert (await refusal(client, "/api"))[0] == 404


async def test_kill(client: httpx.AsyncClient, proxy: Proxy) -> None:
    found = await client.post("/api/sessions/ses_4/kill")
    assert (found.status_code, found.json()) == (202, {"id": "ses_4", "killed": True})
    assert (await client.post("/api/sessions/ses_1/kill")).status_code == 409
    assert (await client.post("/api/sessions/none/kill")).status_code == 404
    assert (await client.get("/api/sessions/ses_4/kill")).status_code == 405
    assert proxy.killed == ["ses_4", "ses_1"]


async def test_all_sessions_of_a_key_are_killed_at_once(client: httpx.AsyncClient) -> None:
    found = await client.post("/api/keys/kiosk/kill")
    assert (found.status_code, found.json()) == (202, {"id": "kiosk", "killed": ["ses_4"]})
    assert (await client.post("/api/keys/nobody/kill")).json()["killed"] == []
    assert (await client.get("/api/keys/kiosk/kill")).status_code == 405
