"""What a request for an ephemeral key configures is judged by the policies, whoever makes the key: the words are the same in a session."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from proxying import KEY
from proxying import RULES
from proxying import Proxy
from proxying import started_proxy
from talking import Talk

from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111 1111 1111 1111"
SECRETS = "/v1/realtime/client_secrets"
BETA = "/v1/realtime/sessions"
POLICIES = """policies:
  - {id: cards, when: {detect: [card]}, action: redact}
  - {id: tools, when: {from: client, at: "$.session.tools[*].name", not_in: [get_weather]}, action: block, message: not listed}
  - {id: rude, when: {text: [instructions], regex: "be rude"}, action: close, message: mind your language}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> AsyncIterator[Proxy]:
    url = f'url: "http://{simulator.address}"'
    providers = f"providers:\n  there: {{kind: openai, {url}}}\n  here: {{kind: openai, {url}, mint: local}}\n"
    async with started_proxy(tmp_path_factory.mktemp("policed"), RULES + providers + POLICIES) as made:
        yield made


async def mint(proxy: Proxy, path: str, body: dict[str, Any]) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return await http.post(proxy.url(path, "http"), json=body, headers={"Authorization": f"Bearer {KEY}"})


def asked(path: str, provider: str, **session: Any) -> dict[str, Any]:
    configured = {"model": f"{provider}/gpt-realtime", **session}
    return configured if path == BETA else {"session": {"type": "realtime", **configured}}


@pytest.mark.parametrize("path", [SECRETS, BETA])
async def test_a_number_does_not_reach_the_provider_that_mints(proxy: Proxy, simulator: Simulator, path: str) -> None:
    answer = await mint(proxy, path, asked(path, "there", instructions=f"The card is {CARD}."))
    assert answer.status_code == 200, answer.text
    body = simulator.requests[-1].body.decode()
    assert "The card is [card]." in body
    assert CARD not in body
    assert CARD not in answer.text


async def test_a_number_is_not_kept_for_the_session_where_the_key_is_made_here(proxy: Proxy, simulator: Simulator) -> None:
    answer = await mint(proxy, SECRETS, asked(SECRETS, "here", instructions=f"The card is {CARD}."))
    async with proxy.connect("/v1/realtime", key=answer.json()["value"]) as socket:
        updated = (await Talk(socket).until("session.updated"))["session"]
    assert updated["instructions"] == "The card is [card]."
    assert CARD not in str(simulator.connections[-1].messages)


@pytest.mark.parametrize("provider", ["there", "here"])
@pytest.mark.parametrize(
    ("session", "message"),
    [
        ({"tools": [{"type": "function", "name": "wire_money"}]}, "not listed (policy tools)"),
        ({"instructions": "Please be rude."}, "mind your language (policy rude)"),
    ],
)
async def test_what_is_stopped_is_refused_before_anybody_hears_of_it(
    proxy: Proxy, simulator: Simulator, provider: str, session: dict[str, Any], message: str
) -> None:
    before = len(simulator.requests)
    answer = await mint(proxy, SECRETS, asked(SECRETS, provider, **session))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "policy_violation")
    assert answer.json()["error"]["message"] == message
    assert len(simulator.requests) == before


async def test_what_matched_is_a_finding_about_the_key(proxy: Proxy) -> None:
    await mint(proxy, SECRETS, asked(SECRETS, "there", instructions=f"Charge {CARD}"))
    found = LogReader(proxy.data).findings(kind="policy", policy="cards", key="tester", limit=1)[0]
    assert (found["session"], found["model"], found["action"]) == (None, "gpt-realtime", "redact")
    assert found["excerpt"] == "Charge [card]"
    assert CARD not in json.dumps(found)
