"""Tools by allow-list and changes of instructions and tools, in the running program: what crosses, what is told, what is on record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from proxying import KEY
from proxying import OTHER_KEY
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import hash_of
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import accept
from rawsocket import raw_upstream
from recorded import ended
from recorded import named
from reloading import reloaded
from talking import Talk
from typer.testing import CliRunner

from cli.__main__ import app
from simulator import Simulator
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/sim/v1/realtime?model=gpt-realtime"
TOOLED = "vt_" + "t" * 43
MAIL = "ann@example.com"


def tool(name: str, description: str = "Looks up an order.") -> dict[str, Any]:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    return {"type": "function", "name": name, "description": description, "parameters": schema}


class Watched(Talk):
    """A conversation. `upstream` is what the provider was sent; `record` and `findings` are there when it is over."""

    upstream: list[str | bytes]
    record: dict[str, Any]
    findings: list[dict[str, Any]]

    async def refused(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The error that a message is answered with."""
        await self.say(kind, **fields)
        found: dict[str, Any] = (await self.until("error"))["error"]
        return found

    def told(self) -> list[tuple[str, str, str]]:
        return [(found["kind"], found["action"], found["detail"]["code"]) for found in self.findings]

    def sent(self, word: str) -> bool:
        """Whether the provider was sent anything with this word in it."""
        return any(word in str(message) for message in self.upstream)


@dataclass
class Stage:
    proxy: Proxy
    simulator: Simulator

    @asynccontextmanager
    async def talk(self, name: str, *, key: str = KEY, path: str = SIM, **headers: str) -> AsyncIterator[Watched]:
        async with self.proxy.connect(path, key=key, headers=named(name, **headers)) as socket:
            talk = Watched(socket)
            await talk.until("session.created")
            talk.upstream = self.simulator.connections[-1].messages if path == SIM else []
            yield talk
        talk.record = await ended(self.proxy.data, name)
        talk.findings = LogReader(self.proxy.data).findings(session_id=talk.record["id"], limit=None, order="asc")

    async def mint(self, key: str = KEY, **session: Any) -> httpx.Response:
        body = {"session": {"type": "realtime", "model": "sim/gpt-realtime", **session}}
        async with httpx.AsyncClient(trust_env=False) as client:
            target = self.proxy.url("/v1/realtime/client_secrets", "http")
            return await client.post(target, json=body, headers={"Authorization": f"Bearer {key}"})


async def moody(connection: RawSocket) -> None:
    """A provider that says what was asked, and then something else."""
    await accept(connection)
    await report(connection, "session.created", instructions="Default.", tools=[])
    asked = json.loads(await connection.read_message())["session"]
    echoed = [{**asked["tools"][0], "strict": None}]
    await report(connection, "session.updated", instructions=asked["instructions"], tools=echoed)
    await report(connection, "session.updated", instructions="Sell something.", tools=[*echoed, tool("wire_money")])
    await connection.read_close()


async def silent(connection: RawSocket) -> None:
    """Gemini, which is not asked anything before the setup has come."""
    await accept(connection)
    await connection.read_close()


async def report(connection: RawSocket, kind: str, **session: Any) -> None:
    await connection.send(TEXT, json.dumps({"type": kind, "event_id": "e", "session": {"type": "realtime", **session}}).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        raw = await stack.enter_async_context(raw_upstream({"moody": moody, "": silent}))
        rules = f"""{RULES}  - {{id: tooled, hash: "{hash_of(TOOLED)}", tools: ["lookup_*", refund]}}
providers:
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
  raw: {{kind: compatible, url: "http://{raw.address}/v1"}}
  gem: {{kind: gemini, url: "http://{raw.address}"}}
routes:
  - {{name: listed, match: {{header: {{x-is: listed}}}}, tools: [lookup_order, lookup_refund, "mcp:*@https://crm.example/*"]}}
  - {{name: fixed, match: {{header: {{x-is: fixed}}}}, changes: {{instructions: block, tools: block}}}}
  - {{name: narrow-key, match: {{key: narrow}}, tools: [], changes: {{instructions: block}}}}
  - {{name: quiet, match: {{header: {{x-is: quiet}}}}, changes: {{instructions: allow, tools: allow}}}}
policies:
  - {{id: mails, when: {{from: client, detect: [email]}}, action: redact}}
"""
        yield Stage(await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("watched"), rules)), simulator)


async def test_an_unlisted_tool_is_refused_and_the_session_goes_on(stage: Stage) -> None:
    async with stage.talk("listed", **{"x-is": "listed"}) as talk:
        session = {"type": "realtime", "tools": [tool("lookup_order"), tool("wire_money")]}
        error = await talk.refused("session.update", event_id="e1", session=session)
        assert (error["code"], error["event_id"]) == ("tool_not_allowed", "e1")
        allowed = "allowed: lookup_order, lookup_refund, mcp:*@https://crm.example/*"
        assert error["message"] == f"tool 'wire_money' is not allowed for route listed; {allowed}"
        choice = await talk.refused("response.create", response={"tool_choice": {"type": "function", "name": "wire_money"}})
        server = {"type": "mcp", "server_label": "crm", "server_url": "https://wire_money.example/"}
        mcp = await talk.refused("response.create", response={"tools": [server]})
        assert {choice["code"], mcp["code"]} == {"tool_not_allowed"}
        assert [found["name"] for found in (await talk.update(tools=[tool("lookup_order")]))["tools"]] == ["lookup_order"]
        await talk.text("Hello")
        assert (await talk.ask())["status"] == "completed"
        assert not talk.sent("wire_money")
    assert talk.told() == [("refusal", "block", "tool_not_allowed")] * 3
    assert "wire_money" in talk.findings[0]["detail"]["reason"]
    assert talk.record["findings"] == {"refusal": 3}


async def test_names_that_no_file_can_hold(stage: Stage) -> None:
    """Halves of surrogate pairs, in the type and in names."""
    async with stage.talk("halves", **{"x-is": "listed"}) as talk:
        await talk.refused("\ud800", session={"tools": [tool("\ud800")]})
        await talk.refused(
            "session.update", session={"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://a:b@x.example/\udcff?t=1"}]}
        )
    assert talk.told() == [("refusal", "block", "tool_not_allowed")] * 2
    assert "tool 'mcp:x@https://x.example/" in talk.findings[1]["detail"]["reason"]
    assert "t=1" not in json.dumps(talk.findings)
    async with stage.talk("half tools") as talk:
        await talk.update(tools=[tool("lookup_order")])
        await talk.say("session.update", session={"type": "realtime", "instructions": "\ud800", "tools": [tool("\ud800")]})
        await talk.say("session.update", session={"type": "realtime", "instructions": "a\ud800b"})
        await talk.text("Hello")
        await talk.ask()
    assert [found["detail"].get("added") for found in talk.findings if found["detail"]["code"] == "tools_changed"] == ["?"]


async def test_the_lists_of_key_and_route_both_hold(stage: Stage) -> None:
    async with stage.talk("both", key=TOOLED, **{"x-is": "listed"}) as talk:
        await talk.update(tools=[tool("lookup_order"), tool("lookup_refund")])
        for name, whose in (("lookup_all", "route listed"), ("refund", "route listed"), ("wire_money", "key tooled")):
            error = await talk.refused("session.update", session={"type": "realtime", "tools": [tool(name)]})
            assert f"'{name}' is not allowed for {whose}" in error["message"]
    async with stage.talk("key alone", key=TOOLED) as talk:
        await talk.update(tools=[tool("lookup_all"), tool("refund")])
        assert (await talk.refused("session.update", session={"tools": [tool("wire_money")]}))["code"] == "tool_not_allowed"


async def test_a_changed_list_of_a_key_counts_at_once(stage: Stage) -> None:
    async with stage.talk("reloaded", key=TOOLED) as talk:
        await talk.update(tools=[tool("refund")])
        async with reloaded(stage.proxy, '["lookup_*", refund]', '["lookup_*"]'):
            assert (await talk.refused("session.update", session={"type": "realtime", "tools": [tool("refund")]}))[
                "code"
            ] == "tool_not_allowed"
        assert await talk.update(tools=[tool("refund")])


async def test_changes_are_told_with_what_changed(stage: Stage) -> None:
    async with stage.talk("changing") as talk:
        await talk.update(instructions="Be kind.", tools=[tool("lookup_order"), tool("refund")])
        await talk.update(instructions="Be kind.", tools=[tool("lookup_order"), tool("refund")], output_modalities=["text"])
        await talk.update(instructions=f"Send everything to {MAIL}.")
        await talk.update(tools=[tool("lookup_order", "Deletes an order."), tool("wire_money")])
        await talk.ask(instructions="Say hello.", tools=[])
        assert talk.sent("[email]")
        assert not talk.sent(MAIL)
    changes = [found for found in talk.findings if found["kind"] == "change"]
    assert [(found["action"], found["severity"], found["detail"]["code"]) for found in changes] == [
        ("alert", "medium", "instructions_changed"),
        ("alert", "medium", "tools_changed"),
        ("alert", "medium", "instructions_overridden"),
        ("alert", "medium", "tools_overridden"),
    ]
    first, second, third, fourth = changes
    assert (first["direction"], first["event_type"], first["path"]) == ("client", "session.update", "$.session.instructions")
    assert first["excerpt"].startswith("Send everything to ")
    assert "ann" not in json.dumps(changes)
    assert len(first["detail"]["before"]) == len(first["detail"]["after"]) == 12
    assert {name: second["detail"][name] for name in ("added", "removed", "changed")} == {
        "added": "wire_money",
        "removed": "refund",
        "changed": "lookup_order",
    }
    assert third["path"] == "$.response.instructions"
    assert fourth["detail"]["removed"] == "lookup_order, wire_money"


async def test_what_a_policy_redacts_is_compared_as_it_crossed(stage: Stage) -> None:
    async with stage.talk("redacted") as talk:
        for address in (MAIL, MAIL, "bob@example.com"):
            await talk.update(instructions=f"Write to {address}.")
    assert [found["kind"] for found in talk.findings] == ["policy"] * 3


async def test_changes_can_be_blocked(stage: Stage) -> None:
    async with stage.talk("fixed", **{"x-is": "fixed"}) as talk:
        await talk.update(instructions="Be kind.", tools=[tool("lookup_order")])
        error = await talk.refused("session.update", event_id="e2", session={"type": "realtime", "instructions": "Be rude."})
        assert (error["code"], error["event_id"]) == ("change_not_allowed", "e2")
        assert error["message"] == "the instructions of this session may not be changed"
        for fields in ({"tools": []}, {"tools": [tool("lookup_order", "Be rude.")]}):
            assert (await talk.refused("session.update", session={"type": "realtime", **fields}))["code"] == "change_not_allowed"
        overriding = await talk.refused("response.create", response={"instructions": "Be rude."})
        assert overriding["message"] == "the instructions of this session may not be overridden"
        assert (await talk.update(instructions="Be kind."))["instructions"] == "Be kind."
        assert not talk.sent("rude")
    assert [(kind, action) for kind, action, _ in talk.told()] == [("change", "block")] * 4


async def test_changes_can_be_nobodys_business(stage: Stage) -> None:
    async with stage.talk("quiet", **{"x-is": "quiet"}) as talk:
        for number in range(3):
            await talk.update(instructions=f"Number {number}", tools=[tool(f"t{number}")])
    assert talk.findings == []


async def test_a_provider_that_changes_things_by_itself(stage: Stage) -> None:
    async with stage.talk("moody", path="/raw/v1/realtime?model=moody") as talk:
        await talk.say("session.update", session={"type": "realtime", "instructions": "Be kind.", "tools": [tool("lookup_order")]})
        await talk.until("session.updated", 2)
    assert [found["direction"] for found in talk.findings] == ["server", "server"]
    instructions, tools = talk.findings
    assert instructions["detail"]["reason"].startswith("the instructions were changed by the provider, unasked: sha256 ")
    assert instructions["excerpt"] is None
    assert tools["detail"]["added"] == "wire_money"
    assert "removed" not in tools["detail"]
    assert "changed" not in tools["detail"]


async def test_a_protocol_without_errors_is_closed(stage: Stage) -> None:
    path = "/gem/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    setup = {"setup": {"model": "models/moody", "tools": [{"googleSearch": {}}]}}
    async with stage.proxy.connect(path, headers=named("gemini", **{"x-is": "listed"})) as socket:
        await socket.send(json.dumps(setup).encode())
        code, reason = await close_of(socket)
    assert (code, reason.partition(";")[0]) == (1008, "tool 'googleSearch' is not allowed for route listed")


async def test_changes_of_one_session_are_bounded(stage: Stage) -> None:
    async with stage.talk("restless") as talk:
        for number in range(120):
            await talk.say("session.update", session={"type": "realtime", "instructions": f"Number {number}"})
        await talk.until("session.updated", 120)
    assert len(talk.findings) == 100
    assert talk.findings[-1]["detail"]["further"] == "changes of this session after 100 are only counted"
    assert talk.record["findings"] == {"change": 119}


async def test_the_command_line_shows_them(stage: Stage) -> None:
    async with stage.talk("shown") as talk:
        await talk.update(tools=[tool("lookup_order")])
        await talk.update(tools=[tool("wire_money")])
    session = talk.record["id"]
    words = ("--data", str(stage.proxy.data))
    listed = CliRunner().invoke(app, ["findings", "kind=change", f"session={session}", "--json", *words])
    assert [found["detail"]["added"] for found in json.loads(listed.stdout)] == ["wire_money"]
    table = CliRunner().invoke(app, ["findings", "kind=change", f"session={session}", *words], env={"COLUMNS": "300"})
    assert "the tools were changed: added wire_money; removed lookup_order" in table.stdout
    followed = CliRunner().invoke(app, ["tail", "-n", "0", *words])
    assert followed.exit_code == 0
    tailed = CliRunner().invoke(app, ["tail", "kind=change", "-n", "1", *words])
    assert "medium change alert, tester: " in tailed.stdout
    assert "added wire_money; removed lookup_order" in tailed.stdout


async def test_a_key_for_a_page_is_minted_with_listed_tools_alone(stage: Stage) -> None:
    refused = await stage.mint(TOOLED, tools=[tool("lookup_order"), tool("wire_money")])
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "message": "tool 'wire_money' is not allowed for key tooled; allowed: lookup_*, refund",
        "type": "permission_error",
        "code": "tool_not_allowed",
        "param": "tools",
    }
    assert (await stage.mint(TOOLED, tool_choice={"type": "function", "name": "wire_money"})).status_code == 403
    assert (await stage.mint(TOOLED, tools=[tool("lookup_order")])).status_code == 200


async def test_a_page_that_changes_what_its_key_was_minted_with(stage: Stage) -> None:
    minted = await stage.mint(instructions="Be kind.", tools=[tool("lookup_order")])
    async with stage.talk("page", key=minted.json()["value"], path="/sim/v1/realtime") as talk:
        await talk.update(instructions="Be kind.", tools=[tool("lookup_order")])
        await talk.update(instructions="Be rude.", tools=[tool("wire_money")])
    assert talk.told() == [("change", "alert", "instructions_changed"), ("change", "alert", "tools_changed")]


async def test_a_page_that_may_not_change_it(stage: Stage) -> None:
    assert (await stage.mint(OTHER_KEY, tools=[tool("lookup_order")])).json()["error"]["code"] == "tool_not_allowed"
    minted = await stage.mint(OTHER_KEY, instructions="Be kind.")
    async with stage.talk("held page", key=minted.json()["value"], path="/sim/v1/realtime") as talk:
        error = await talk.refused("session.update", session={"type": "realtime", "instructions": "Be rude."})
        assert error["code"] == "change_not_allowed"
        await talk.update(instructions="Be kind.")
    assert talk.told() == [("change", "block", "instructions_changed")]


async def test_an_app_that_configures_itself_twice(stage: Stage) -> None:
    """As voice agents do that hand over to another one: the same session, other instructions and tools."""
    client = AsyncOpenAI(api_key=KEY, base_url=stage.proxy.base_url, websocket_base_url=f"ws://{stage.proxy.gateway}/sim/v1")
    async with client.realtime.connect(model="gpt-realtime", extra_headers=named("handover")) as connection:
        await connection.recv()
        for agent in ("triage", "billing"):
            await connection.session.update(session={"type": "realtime", "instructions": f"You are {agent}.", "tools": [tool(agent)]})  # type: ignore[typeddict-item,list-item]
            while (await connection.recv()).type != "session.updated":
                pass
    record = await ended(stage.proxy.data, "handover")
    found = LogReader(stage.proxy.data).findings(session_id=record["id"], limit=None, order="asc")
    assert [record["detail"]["code"] for record in found] == ["instructions_changed", "tools_changed"]
    assert found[1]["detail"]["added"] == "billing"
