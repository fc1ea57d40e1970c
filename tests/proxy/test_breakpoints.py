"""Messages that are paused: looked at, changed, dropped, let go by hand and by the clock, both ways, in their order, and on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
import pytest_asyncio
from breakstage import CARD
from breakstage import Stage
from breakstage import breaking
from breakstage import codes
from operating import AGENT
from operating import Record
from talking import message
from waiting import eventually

from store.frames import row
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPDATE = "type=session.update"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with breaking(tmp_path_factory.mktemp("breaking")) as made:
        yield made


def typed(payload: str) -> str:
    return str(json.loads(payload)["type"])


async def test_a_message_is_paused_shown_and_let_go(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("resumed") as talk:
        point = await operator.stop_at(f"{UPDATE} session={talk.session} from=client")
        await talk.say("session.update", session={"type": "realtime", "instructions": "Be kind."})
        await talk.say("conversation.item.create", item=message("Hello"))
        found = await operator.one(point)
        assert json.loads(found["payload"])["session"]["instructions"] == "Be kind."
        assert (found["from"], found["type"], found["text"], found["session"]) == ("client", "session.update", True, talk.session)
        assert found["size"] == len(found["payload"])
        assert found["at"] < found["until"]
        await eventually(lambda: behind(stage, point, 1))
        assert talk.sent("session.update") == []
        assert await operator.resume(found["id"]) == {"id": found["id"], "reason": "resumed", "outcome": "passed"}
        await talk.until("session.updated")
        await talk.ask()
        [listed] = [one for one in (await operator.all())["breakpoints"] if one["id"] == point]
        assert (listed["hits"], listed["timeout"], listed["once"]) == (1, 60.0, False)
        assert listed["by"] == f"127.0.0.1 {AGENT}"
        await operator.remove(point)
    assert [typed(str(sent)) for sent in talk.upstream] == ["session.update", "conversation.item.create", "response.create"]
    assert codes(talk.findings) == [("hold", "paused"), ("release", "resumed")]
    held, let_go = [found["detail"] for found in talk.findings if found["kind"] == "breakpoint"]
    assert held["sha256"] == let_go["sha256"] == sha256(found["payload"].encode()).hexdigest()
    assert let_go["by"] == f"127.0.0.1 {AGENT}"
    assert let_go["breakpoint"] == point
    assert "Be kind." not in json.dumps(talk.findings)


async def behind(stage: Stage, point: str, count: int) -> bool:
    [listed] = await stage.operator.paused(point)
    return bool(listed["n_behind"] >= count)


async def test_a_message_is_changed_and_judged_anew(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("edited") as talk:
        point = await operator.stop_at(f"type=conversation.item.create session={talk.session}")
        await talk.text("Hello")
        found = await operator.one(point)
        edited = found["payload"].replace("Hello", f"My card is {CARD}")
        assert await operator.resume(found["id"], {"payload": edited}) == {"id": found["id"], "reason": "edited", "outcome": "changed"}
        await operator.remove(point)
        await talk.ask()
    [item] = talk.sent("conversation.item.create")
    assert item["item"]["content"][0]["text"] == "My card is [card]"
    assert codes(talk.findings) == [("hold", "paused"), ("edit", "edited")]
    assert talk.hits()[:1] == [("cards", "enforce", True)]
    detail = next(found["detail"] for found in talk.findings if found["action"] == "edit")
    assert detail["sha256"] == sha256(found["payload"].encode()).hexdigest()
    assert detail["sha256_after"] == sha256(edited.encode()).hexdigest()
    assert detail["size_after"] == len(edited)
    assert talk.shown.turns[0]["input"] == "My card is [card]"
    [event] = [one for one in messages(stage, talk.session) if one["type"] == "conversation.item.create"]
    assert (event["by"], event["outcome"], event["was"]["size"]) == ("operator", "changed", found["size"])
    assert [one["kind"] for one in event["findings"]] == ["breakpoint", "policy", "breakpoint"]


def messages(stage: Stage, session: str) -> list[Record]:
    """Those on record."""
    frames = LogReader(stage.proxy.data).frames(session)
    assert frames is not None
    return [row(event) for event in frames.events()]


async def test_an_edit_that_a_policy_stops_does_not_cross(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("stopped") as talk:
        point = await operator.stop_at(f"type=conversation.item.create session={talk.session}")
        await talk.text("Hello")
        found = await operator.one(point)
        edited = found["payload"].replace("Hello", "blast you")
        assert (await operator.resume(found["id"], {"payload": edited}))["outcome"] == "dropped"
        await operator.remove(point)
        assert (await talk.until("error"))["error"]["message"].startswith("mind your language")
    assert talk.sent("conversation.item.create") == []


async def test_a_message_is_dropped(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("dropped") as talk:
        point = await operator.stop_at(f"type=conversation.item.create session={talk.session} forget", once=True)
        await talk.text("Remember this")
        await talk.text("Forget this")
        found = await operator.one(point)
        assert point not in [one["id"] for one in (await operator.all())["breakpoints"]]
        await talk.text("Forget this too")
        assert await operator.drop(found["id"]) == {"id": found["id"], "reason": "dropped", "outcome": "dropped"}
        await talk.ask()
    said = [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")]
    assert said == ["Remember this", "Forget this too"]
    assert codes(talk.findings) == [("hold", "paused"), ("drop", "dropped")]
    dropped = [one for one in messages(stage, talk.session) if one["outcome"] == "dropped"]
    assert [len(one["findings"]) for one in dropped] == [2]


async def test_what_the_provider_says_is_paused_in_its_order(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("server") as talk:
        point = await operator.stop_at(f"type=response.created session={talk.session}")
        await talk.text("What is the weather like?")
        await talk.say("response.create")
        found = await operator.one(point)
        assert found["from"] == "server"
        event = json.loads(found["payload"])
        event["response"]["metadata"] = {"edited": "yes"}
        await eventually(lambda: behind(stage, point, 5))
        await operator.resume(found["id"], {"payload": json.dumps(event)})
        await talk.done()
        await operator.remove(point)
    kinds = [event["type"] for event in talk.heard]
    assert kinds.index("response.created") < kinds.index("response.output_item.added") < kinds.index("response.output_audio.delta")
    assert kinds[-1] == "response.done"
    assert talk.all("response.created")[0]["response"]["metadata"] == {"edited": "yes"}
    assert talk.shown.turns[0]["status"] == "completed"


async def test_it_goes_on_by_itself_when_its_time_is_up(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("timed out") as talk:
        point = await operator.stop_at(f"{UPDATE} session={talk.session}", timeout=1)
        await talk.update(instructions="Be kind.")
        await operator.remove(point)
    assert codes(talk.findings) == [("hold", "paused"), ("release", "timed_out")]
    assert talk.findings[-1]["detail"]["waited"] >= 1


async def test_removing_a_breakpoint_lets_go_what_it_paused(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("removed") as talk:
        point = await operator.stop_at(f"{UPDATE} session={talk.session}")
        await talk.say("session.update", session={"type": "realtime"})
        found = await operator.one(point)
        await operator.remove(point)
        await talk.until("session.updated")
        await operator.resume(found["id"], code=409)
        await operator.ask("DELETE", f"/api/breakpoints/{point}", code=404)
    assert codes(talk.findings) == [("hold", "paused"), ("release", "removed")]


async def test_each_message_that_fits_is_paused_when_it_is_its_turn(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("stepped") as talk:
        point = await operator.stop_at(f"type=conversation.item.create session={talk.session}")
        for words in ("one", "two", "three"):
            await talk.text(words)
        seen = []
        await eventually(lambda: behind(stage, point, 2))
        for left in (2, 1, 0):
            found = await operator.one(point)
            assert found["n_behind"] == left
            seen.append(json.loads(found["payload"])["item"]["content"][0]["text"])
            await operator.resume(found["id"])
        await operator.remove(point)
        await talk.ask()
    assert seen == ["one", "two", "three"]
    assert [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")] == seen


async def test_messages_are_made_either_way(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("injected") as talk:
        made = json.dumps({"type": "conversation.item.create", "item": message(f"My card is {CARD}")})
        told = await operator.inject(talk.session, "client", made)
        assert told == {"session": talk.session, "from": "client", "type": "conversation.item.create", "size": len(made), "waits": False}
        await operator.inject(talk.session, "server", '{"type": "note.of.mine", "words": "Hello app"}')
        assert (await talk.until("note.of.mine"))["words"] == "Hello app"
        await talk.ask()
    [item] = talk.sent("conversation.item.create")
    assert item["item"]["content"][0]["text"] == "My card is [card]"
    assert codes(talk.findings) == [("inject", "injected"), ("inject", "injected")]
    added = [(one["type"], one["by"], one["outcome"]) for one in messages(stage, talk.session) if one["by"] == "operator"]
    assert added == [("conversation.item.create", "operator", "added"), ("note.of.mine", "operator", "added")]
    await operator.inject(talk.session, "client", made, code=409)


async def test_a_message_that_is_made_has_its_place_behind_what_waits(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("made behind") as talk:
        point = await operator.stop_at(f"type=conversation.item.create session={talk.session}", once=True)
        await talk.text("first")
        found = await operator.one(point)
        made = json.dumps({"type": "conversation.item.create", "item": message("second")})
        assert (await operator.inject(talk.session, "client", made))["waits"]
        assert talk.sent("conversation.item.create") == []
        await operator.resume(found["id"])
        await talk.ask()
    assert [item["item"]["content"][0]["text"] for item in talk.sent("conversation.item.create")] == ["first", "second"]


async def test_two_sessions_are_paused_apart(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("left") as left, stage.talk("right") as right:
        point = await operator.stop_at(f"{UPDATE} key=test* model=gpt-*")
        for talk in (left, right):
            await talk.say("session.update", session={"type": "realtime"})
        found = {one["session"]: one["id"] for one in await operator.paused(point, 2)}
        await operator.resume(found[right.session])
        await right.until("session.updated")
        assert [one["session"] for one in await operator.paused(point)] == [left.session]
        await operator.resume(found[left.session])
        await left.until("session.updated")
        await operator.remove(point)


async def test_sound_is_paused_where_that_is_asked_for_alone(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("sound") as talk:
        point = await operator.stop_at(f"type=input_audio_buffer.append session={talk.session}", once=True)
        seconds = await talk.voice("What is the weather like?")
        found = await operator.one(point)
        assert not [event for event in talk.upstream if "append" in str(event)]
        await operator.resume(found["id"])
        await talk.done()
    assert talk.shown.turns[0]["status"] == "completed"
    assert talk.shown.session["audio"]["in_seconds"] == pytest.approx(seconds, abs=0.01)


async def test_of_two_operators_one_is_too_late(stage: Stage) -> None:
    operator = stage.operator
    async with stage.talk("raced") as talk:
        point = await operator.stop_at(f"{UPDATE} session={talk.session}", once=True)
        await talk.say("session.update", session={"type": "realtime"})
        name = (await operator.one(point))["id"]
        answers = await asyncio.gather(*(operator.http.post(f"/api/paused/{name}/{what}", json={}) for what in ("resume", "drop")))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(codes(talk.findings)) == 2


async def test_who_looks_on_is_told_as_it_happens(stage: Stage) -> None:
    operator = stage.operator
    told: list[tuple[str, Record]] = []

    async def listen(session: str) -> None:
        async with operator.http.stream("GET", "/api/live", params={"session_id": session}, timeout=30) as answer:
            name = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name in ("paused", "resumed"):
                    told.append((name, json.loads(value)))
                elif field == "retry":
                    joined.set()

    joined = asyncio.Event()
    async with stage.talk("told") as talk:
        listening = asyncio.create_task(listen(talk.session))
        await joined.wait()
        point = await operator.stop_at(f"{UPDATE} session={talk.session}", once=True)
        await talk.say("session.update", session={"type": "realtime"})
        found = await operator.one(point)
        await operator.drop(found["id"])
        await eventually(lambda: len(told) == 2)
        listening.cancel()
    (_, paused), (_, resumed) = told
    assert paused == {name: value for name, value in found.items() if name != "payload"}
    assert resumed == {"id": found["id"], "session": talk.session, "breakpoint": point, "reason": "dropped", "outcome": "dropped"}


async def test_there_are_only_so_many(stage: Stage) -> None:
    operator = stage.operator
    points = [await operator.stop_at("type=never.said") for _ in range(64)]
    error = (await operator.ask("POST", "/api/breakpoints", {"q": "x"}, code=409))["error"]
    assert error["code"] == "too_many_breakpoints"
    for point in points:
        await operator.remove(point)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"q": 5}, "q"),
        ({"q": "x" * 1001}, "q"),
        ({"q": "since=1h"}, "q"),
        ({"q": "x", "timeout": 0.5}, "timeout"),
        ({"q": "x", "timeout": 61}, "timeout"),
        ({"q": "x", "timeout": True}, "timeout"),
        ({"q": "x", "once": "yes"}, "once"),
        ({"q": "x", "ones": True}, "ones"),
    ],
)
async def test_what_cannot_be_asked_is_refused(stage: Stage, body: Record, param: str) -> None:
    assert (await stage.operator.ask("POST", "/api/breakpoints", body, code=400))["error"]["param"] == param
