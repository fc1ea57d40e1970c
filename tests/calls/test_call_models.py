"""Names of deployments for models, and limits, as they hold for calls."""

from __future__ import annotations

import json
from typing import Any

import pytest
from phone import Phone
from proxying import KEY
from proxying import OTHER_KEY
from recorded import named
from reloading import reloaded
from switchboard import CALLS
from switchboard import FORM
from switchboard import UPSTREAM
from switchboard import Switchboard
from switchboard import code_of
from switchboard import form
from waiting import eventually
from websockets.exceptions import InvalidStatus

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("nothing_left")]


def configured(model: str, transcription: str) -> dict[str, Any]:
    return {"type": "realtime", "model": model, "audio": {"input": {"transcription": {"model": transcription}}}}


def sent_session(board: Switchboard) -> Any:
    """The configuration in the form that the provider got last."""
    body = board.simulator.requests[-1].body.decode()
    return json.loads(body.partition('name="session"')[2].partition("\r\n\r\n")[2].partition("\r\n--")[0])


@pytest.mark.parametrize("asked", ["azure/gpt-realtime", "azure/dep-rt"])
@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
async def test_a_deployment_by_the_url(board: Switchboard, asked: str, key: str):
    name = f"url {asked} {key[-1]}"
    async with board.call(model=asked, key=key, name=name) as (phone, call):
        request = board.simulator.requests[-1]
        assert (request.path, request.query["model"]) == ("/openai/v1/realtime/calls", "dep-rt")
        assert (request.headers["api-key"], "Authorization" in request.headers) == (UPSTREAM, False)
        upstream = await board.other_side(call)
        phone.say({"type": "session.update", "session": configured("gpt-realtime", "whisper-1")})
        phone.say({"type": "response.create", "response": {"output_modalities": ["text"]}})
        await phone.until("response.done")
        assert json.loads(upstream.messages[0])["session"] == configured("dep-rt", "dep-tx")
    record = await board.record(name)
    assert (record.session["model"], record.session["upstream_model"], record.session["provider"]) == ("gpt-realtime", "dep-rt", "azure")
    assert record.session["cost"]["priced"]


@pytest.mark.parametrize("asked", ["azure/gpt-realtime", "azure/dep-rt"])
async def test_a_deployment_by_the_session(board: Switchboard, asked: str):
    phone = Phone()
    body = form(("sdp", await phone.offer()), ("session", json.dumps(configured(asked, "whisper-1"))), ("extra", "kept 😀"))
    answer = await board.offer(body, model=None, key=OTHER_KEY, name=f"session {asked}", Content_Type=FORM)
    await phone.accept(answer.text)
    await phone.until("session.created")
    await phone.close()
    request = board.simulator.requests[-1]
    assert (sent_session(board), request.query) == (configured("dep-rt", "dep-tx"), {})
    assert 'name="extra"\r\n\r\nkept 😀\r\n' in request.body.decode()
    record = await board.record(f"session {asked}")
    assert (record.session["model"], record.session["upstream_model"]) == ("gpt-realtime", "dep-rt")


async def test_a_session_without_aliases_goes_on_as_it_was_written(board: Switchboard):
    phone = Phone()
    written = '{ "type":"realtime", "model":"gpt-realtime",  "instructions":"caf\\u00e9", "max_output_tokens": 100 }'
    answer = await board.offer(form(("sdp", await phone.offer()), ("session", written)), model=None, Content_Type=FORM)
    await phone.accept(answer.text)
    await phone.until("session.created")
    await phone.close()
    assert written in board.simulator.requests[-1].body.decode()


async def test_the_provider_filters_what_a_page_hears(board: Switchboard):
    """Azure's `webrtcfilter` is passed on; the record has what came."""
    async with board.call(model="azure/gpt-realtime&webrtcfilter=on", name="filtered", greeted=False) as (phone, _):
        assert board.simulator.requests[-1].query["webrtcfilter"] == "on"
        await phone.opened()
        phone.ask("Hello there.")
        await phone.until("output_audio_buffer.stopped")
        assert not phone.of("session.created")
    assert (await board.record("filtered")).close == (1000, "hung up", "client")


@pytest.mark.parametrize("limit", ["per_key: 1", "sessions: 1"])
async def test_calls_count_towards_the_limits(board: Switchboard, limit: str):
    usual = {"per_key: 1": "per_key: 50", "sessions: 1": "sessions: 100"}[limit]
    async with reloaded(board.proxy, usual, limit):
        assert (await board.offer("no offer at all")).status_code == 400
        async with board.call(name=f"only {limit}") as (phone, call):
            other = Phone()
            refused = await board.offer(await other.offer())
            await other.close()
            assert (refused.status_code, code_of(refused), refused.headers["retry-after"]) == (429, "too_many_sessions", "5")
            for path in ("/v1/realtime?model=gpt-realtime", f"/v1/realtime?call_id={call}"):
                with pytest.raises(InvalidStatus) as refusal:
                    async with board.proxy.connect(path):
                        pass
                assert refusal.value.response.status_code == 429
            assert (await board.post(f"{CALLS}/{call}/hangup")).status_code == 200
            await phone.over()
        await board.record(f"only {limit}")
        await eventually(board.idle)
        async with board.proxy.connect("/v1/realtime?model=gpt-realtime", headers=named(f"then {limit}")):
            other = Phone()
            assert (await board.offer(await other.offer())).status_code == 429
            await other.close()
    await board.record(f"then {limit}")
