"""Who may make a call, and who may touch one: ephemeral keys that are not good any more, tickets of the sidecar, calls of somebody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from phone import Phone
from proxying import KEY
from proxying import OTHER_KEY
from switchboard import CALLS
from switchboard import Switchboard
from switchboard import code_of
from websockets.exceptions import InvalidStatus

from store.state import State
from store.tokens import Token
from store.tokens import Tokens
from store.tokens import new_token
from store.tokens import sealed

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]

SECRETS = "/v1/realtime/client_secrets"


async def minted(board: Switchboard, key: str = KEY, **session: Any) -> str:
    answer = await board.post(SECRETS, {"session": {"type": "realtime", "model": "gpt-realtime", **session}}, key=key)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["value"]
    return found


def kept(board: Switchboard) -> Tokens:
    return Tokens(State(board.proxy.data))


def changed(board: Switchboard, text: str, **fields: Any) -> str:
    """Another ephemeral key like this one, but for some fields."""
    token, (name, other) = kept(board).find(text), new_token()
    assert token is not None
    assert kept(board).keep([sealed(replace(token, id=name, **fields), other)]) == [True]
    return other


def token_of(board: Switchboard, text: str) -> Token:
    token = kept(board).find(text)
    assert token is not None
    return token


async def refused(board: Switchboard, text: str, **options: Any) -> tuple[int, str]:
    """Status and code of an offer that goes nowhere."""
    phone, asked = Phone(), len(board.simulator.requests)
    answer = await board.offer(await phone.offer(), key=text, **{"model": None, "name": "by-token", **options})
    await phone.close()
    assert len(board.simulator.requests) == asked, "the provider was asked"
    assert board.sessions("by-token") == []
    return answer.status_code, code_of(answer)


async def test_an_ephemeral_key_makes_a_call_of_its_own_session(board: Switchboard):
    text = await minted(board, instructions="Be brief.")
    async with board.call(key=text, model=None, name="secret") as (phone, call):
        opened = phone.of("session.created")[0]["session"]
        assert (opened["model"], opened["instructions"]) == ("gpt-realtime", "Be brief.")
        asked = board.simulator.requests[-1]
        assert asked.headers["Authorization"] == f"Bearer {token_of(board, text).secret}"
        assert text not in str(list(asked.headers.raw_items()))
        assert (await board.post(f"{CALLS}/{call}/hangup", key=text)).status_code == 200
        await phone.over()
    record = (await board.record("secret")).session
    assert (record["principal"], record["client_secret"]) == ("tester", token_of(board, text).id)


async def test_ephemeral_keys_that_are_not_good(board: Switchboard):
    text = await minted(board)
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert await refused(board, changed(board, text, expires=past)) == (401, "invalid_api_key")
    assert await refused(board, changed(board, text, revoked=True)) == (401, "invalid_api_key")
    assert await refused(board, changed(board, text, principal="gone")) == (401, "invalid_api_key")
    assert await refused(board, "ek_68af296e8e408191a1120ab6383263c2") == (401, "invalid_api_key")
    assert await refused(board, "ek_vt_invented") == (401, "invalid_api_key")
    assert await refused(board, text + "x") == (401, "invalid_api_key")
    assert await refused(board, "sk-anything") == (401, "invalid_api_key")
    assert await refused(board, "") == (401, "missing_api_key")


async def test_an_ephemeral_key_for_something_else(board: Switchboard):
    text = await minted(board)
    assert await refused(board, text, model="gpt-4o-realtime") == (403, "model_not_allowed")
    assert await refused(board, text, path="/other/v1/realtime/calls") == (403, "provider_not_allowed")
    assert await refused(board, text, path="/v1/realtime/translations/calls") == (400, "wrong_path")
    page = f"http://{board.proxy.gateway}"
    bound = changed(board, text, origin="http://app.example")
    assert await refused(board, bound) == (403, "origin_not_allowed")
    assert await refused(board, bound, Origin=page) == (403, "origin_not_allowed")
    assert await refused(board, changed(board, text, origin=page), Origin="null") == (403, "origin_not_allowed")
    async with board.call(key=changed(board, text, origin=page), model=None, Origin=page, name="page") as (phone, _):
        assert phone.of("session.created")


async def test_an_ephemeral_key_that_is_good_once(board: Switchboard):
    once = changed(board, await minted(board), single_use=True)
    async with board.call(key=once, model=None, name="once") as (phone, _):
        assert await refused(board, once) == (401, "invalid_api_key")
        assert phone.connected


async def test_a_key_that_was_narrowed_since(board: Switchboard):
    """The token is for a model that its key may not use any more."""
    text = changed(board, await minted(board), principal="narrow", model="gpt-4o-realtime", upstream_model="gpt-4o-realtime")
    assert await refused(board, text) == (403, "model_not_allowed")


@pytest.mark.parametrize(
    "path", ["/v1/realtime?call_id={}", "/v1/realtime?model=gpt-realtime&call_id={}", "/v1/realtime?model=gpt-realtime"]
)
@pytest.mark.parametrize("ticket", ["vt_ticket_", "vt_ticket_invented"])
async def test_a_ticket_that_was_never_given(board: Switchboard, path: str, ticket: str):
    async with board.call(name="ticket") as (phone, call):
        with pytest.raises(InvalidStatus) as refusal:
            async with board.proxy.connect(path.format(call), key=ticket):
                pass
        assert refusal.value.response.status_code == 401
        assert (await board.post(f"{CALLS}/{call}/hangup", key=ticket)).status_code == 401
        assert phone.connected
    assert (await board.offer("v=0", key=ticket)).status_code == 401


@pytest.mark.parametrize("key", [OTHER_KEY, "secret"])
async def test_a_call_of_somebody_else_is_none(board: Switchboard, key: str):
    """Neither by our id nor by the provider's own."""
    if key == "secret":
        key = await minted(board, OTHER_KEY)
    async with board.call(name="owned") as (phone, call):
        upstream = (await board.live())[0]["call"]["upstream_id"]
        asked = len(board.simulator.requests) + len(board.simulator.connections)
        for named in (call, upstream, "call_" + "0" * 26):
            for control in ("hangup", "accept", "reject", "refer"):
                answer = await board.post(f"{CALLS}/{named}/{control}", {"model": "gpt-realtime"}, key=key)
                assert (answer.status_code, code_of(answer)) == (404, "unknown_call")
            with pytest.raises(InvalidStatus) as refusal:
                async with board.proxy.connect(f"/v1/realtime?call_id={named}", key=key):
                    pass
            assert refusal.value.response.status_code == 404
        assert len(board.simulator.requests) + len(board.simulator.connections) == asked, "the provider was asked"
        phone.ask("Are you still there?")
        await phone.until("response.done")


async def test_a_call_that_is_over_is_none(board: Switchboard):
    async with board.call(name="past") as (phone, call):
        assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
        await phone.over()
    await board.record("past")
    answer = await board.post(f"{CALLS}/{call}/hangup")
    assert (answer.status_code, code_of(answer)) == (404, "unknown_call")


async def test_an_id_that_is_none(board: Switchboard):
    asked = len(board.simulator.requests)
    for named in ("call_", "call_x", "call_" + "f" * 26):
        answer = await board.post(f"{CALLS}/{named}/hangup")
        assert (answer.status_code, code_of(answer)) == (404, "unknown_call")
    for path in ("/hangup", "//hangup", "/call_1/hang", "/a%2Fb/hangup", "/../hangup", "/" + "a" * 300 + "/hangup"):
        answer = await board.post(CALLS + path)
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert len(board.simulator.requests) == asked
    answer = await board.post(f"/openai{CALLS}/rtc_unknown/hangup")
    assert answer.status_code == 404, "only the provider could know it, and does not"
