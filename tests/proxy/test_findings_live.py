"""What a running proxy finds: refusals at its doors, sessions it ends, credentials it blanks; listed, followed and exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from proxying import KEY
from proxying import OTHER_KEY
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import command
from proxying import started_proxy
from rawsocket import TEXT
from rawsocket import RawSocket
from rawsocket import RawUpstream
from rawsocket import accept
from rawsocket import raw_upstream
from recorded import named
from typer.testing import CliRunner
from waiting import eventually

from cli.__main__ import app
from simulator import Simulator
from store.export.native import FIELDS
from store.reader import LogReader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIM = "/v1/realtime?model=sim/gpt-realtime"
SECRET = "sk-upstream-0123456789"
UNKNOWN = "vt_" + "u" * 43
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "tests" / "store" / "schemas").glob("*.json")}


@dataclass
class Stage:
    proxy: Proxy
    raw: RawUpstream

    @property
    def data(self) -> Path:
        return self.proxy.data

    async def found(self, **conditions: Any) -> list[dict[str, Any]]:
        """The findings that fit, once there are some."""
        found: list[dict[str, Any]] = await eventually(lambda: LogReader(self.data).findings(**conditions, limit=None, order="asc"))
        return found

    async def of_session(self, name: str) -> list[dict[str, Any]]:
        """The findings of the session that its client called so, once it is over."""
        session = await self.proxy.session(lambda record: record["grouping"] == name and record["ended_at"] is not None)
        return LogReader(self.data).findings(session_id=session["id"], limit=None, order="asc")

    async def asked(self, path: str, key: str | None = KEY, **headers: str) -> int:
        """The status of an answer of the gateway."""
        bearer = {"authorization": f"Bearer {key}"} if key else {}
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://{self.proxy.gateway}{path}", headers=bearer | headers)).status_code

    def control(self) -> httpx.AsyncClient:
        """A client of the control port."""
        headers = {"authorization": f"Bearer {self.proxy.token}"}
        return httpx.AsyncClient(base_url=f"http://{self.proxy.control}", headers=headers, trust_env=False)

    async def kill(self, name: str) -> None:
        async with self.control() as control:
            sessions = (await control.get("/api/sessions")).json()["sessions"]
            [session] = [record["id"] for record in sessions if record["grouping"] == name]
            assert (await control.post(f"/api/sessions/{session}/kill")).status_code == 202


async def echo(connection: RawSocket) -> None:
    """A provider that says the credential it was shown, twice."""
    await accept(connection)
    for _ in range(2):
        await connection.send(TEXT, json.dumps({"type": "error", "error": {"message": connection.headers["authorization"]}}).encode())
    await connection.read_close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_upstream({"echo": echo}))
        simulator = await stack.enter_async_context(Simulator(pace=0))
        rules = f"""{RULES}limits: {{message: 64KiB, per_key: 2}}
providers:
  raw: {{kind: compatible, url: "http://{raw.address}/v1", credential: "env:UPSTREAM_KEY"}}
  sim: {{kind: simulator, url: "http://{simulator.address}"}}
"""
        env = {"UPSTREAM_KEY": SECRET}
        yield Stage(await stack.enter_async_context(started_proxy(tmp_path_factory.mktemp("found"), rules, env=env)), raw)


async def test_an_unknown_key_and_who_showed_it(stage: Stage) -> None:
    agent = f"curl {UNKNOWN}"
    assert await stage.asked(f"{SIM}&key=x", UNKNOWN, **{"user-agent": agent}) == 401
    [found] = [record for record in await stage.found(kind="refusal") if str(record["detail"]["agent"]).startswith("curl")]
    assert (found["action"], found["severity"], found["session"], found["principal"]) == ("refuse", "low", None, None)
    assert found["model"] == "sim/gpt-realtime"
    assert found["detail"] == {
        "status": 401,
        "code": "invalid_api_key",
        "reason": "this key is not known here; `./run.sh keys new <name>` makes one",
        "door": "gateway",
        "path": "/v1/realtime",
        "address": "127.0.0.1",
        "origin": None,
        "agent": "curl [redacted by voicetap]",
    }


async def test_every_door_that_stays_shut(stage: Stage) -> None:
    assert await stage.asked("/v1/models", None) == 401
    assert await stage.asked("/v1/models", origin="https://evil.example") == 403
    assert await stage.asked("/v1/models", host="evil.example") == 421
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    assert await stage.asked("/v1/realtime?model=sim/other", OTHER_KEY, **upgrade) == 403
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://{stage.proxy.control}/api/sessions?token=x")).status_code == 401
    async with stage.proxy.connect(SIM, key=None, subprotocols=[f"openai-insecure-api-key.{UNKNOWN}", "realtime"]) as socket:
        assert (await close_of(socket))[0] == 3000
    refused = {
        (None, 401, "missing_api_key"),
        (None, 403, "origin_not_allowed"),
        (None, 421, "misdirected_request"),
        ("narrow", 403, "model_not_allowed"),
        (None, None, "invalid_api_key"),
    }

    async def recorded() -> bool:
        records = await stage.found(kind="refusal")
        return refused <= {(record["principal"], record["detail"]["status"], record["detail"]["code"]) for record in records}

    await eventually(recorded)
    assert [record["detail"]["code"] for record in await stage.found(kind="refusal") if record["detail"]["door"] == "control"] == [
        "unauthorized"
    ]


async def test_a_limit_at_the_door(stage: Stage) -> None:
    async with stage.proxy.connect(SIM) as one, stage.proxy.connect(SIM) as two:
        await one.recv()
        await two.recv()
        refused = stage.proxy.connect(SIM)
        with pytest.raises(Exception, match="429"):
            await refused
    [found] = await stage.found(kind="limit", action="refuse")
    assert (found["principal"], found["detail"]["code"]) == ("tester", "too_many_sessions")


async def test_a_key_that_is_revoked_in_the_middle_of_a_session_and_shown_again(stage: Stage) -> None:
    words = ("--rules", str(stage.proxy.rules), "--data", str(stage.data))
    key = (await command("keys", "new", "visitor", *words)).strip()
    async with stage.proxy.connect(SIM, key=key, headers=named("revoked")) as socket:
        await socket.recv()
        await command("keys", "revoke", "visitor", *words)
        assert await close_of(socket) == (1008, "key revoked")
    [found] = await stage.of_session("revoked")
    assert (found["kind"], found["action"], found["severity"], found["principal"]) == ("revocation", "close", "medium", "visitor")
    assert found["detail"] == {"code": 1008, "reason": "key revoked"}
    assert await stage.asked("/v1/models", key) == 401
    [again] = await stage.found(kind="refusal", key="visitor")
    assert again["detail"]["reason"] == "this key is revoked"


async def test_a_session_that_the_operator_ends_is_seen_by_who_follows(stage: Stage) -> None:
    words = (sys.executable, "-m", "cli", "tail", "--follow", "--json", "-n", "0", "--data", str(stage.data))
    conditions = ("kind=finding", "key=tester", "severity=m*")
    following = await asyncio.create_subprocess_exec(*words, *conditions, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert following.stdout is not None
    try:
        for number in range(40):  # until it follows, which nothing tells
            async with stage.proxy.connect(SIM, headers=named(f"killed-{number}")) as socket:
                await socket.recv()
                await stage.kill(f"killed-{number}")
                assert await close_of(socket) == (1008, "ended by the operator")
            try:
                line = json.loads(await asyncio.wait_for(following.stdout.readline(), 2))
                break
            except TimeoutError:
                continue
    finally:
        following.terminate()
        await following.wait()
    assert line["event"] == "finding"
    assert (line["record"]["kind"], line["record"]["action"], line["record"]["session"]) == ("revocation", "kill", line["session"])


async def test_a_message_over_the_limit(stage: Stage) -> None:
    async with stage.proxy.connect(SIM, headers=named("large")) as socket:
        await socket.send("x" * (64 * 1024 + 1))
        assert (await close_of(socket))[0] == 1009
    [found] = await stage.of_session("large")
    assert (found["kind"], found["action"], found["detail"]["code"]) == ("limit", "close", 1009)


async def test_another_model_in_a_session(stage: Stage) -> None:
    async with stage.proxy.connect(SIM, key=OTHER_KEY, headers=named("model")) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "model": "dearer"}}))
        while json.loads(await socket.recv())["type"] != "error":
            pass
    [found] = await stage.of_session("model")
    assert (found["kind"], found["action"], found["direction"], found["event_type"]) == ("refusal", "block", "client", "session.update")
    assert found["detail"]["reason"] == "model 'dearer' is not allowed for this key"


async def test_credentials_that_were_about_to_cross(stage: Stage) -> None:
    async with stage.proxy.connect("/v1/realtime?model=raw/echo", headers=named("leaky")) as socket:
        await socket.recv()
        await socket.recv()
        await socket.send(json.dumps({"type": "session.update", "session": {"instructions": f"my key is {KEY}"}}))
        await socket.close(1000, KEY[:40] + KEY)
    found = await stage.of_session("leaky")
    assert [(record["kind"], record["action"], record["direction"], record["event_type"], record["severity"]) for record in found] == [
        ("leak", "blank", "server", "error", "high"),
        ("leak", "blank", "server", "error", "high"),
        ("leak", "blank", "client", "session.update", "medium"),
        ("leak", "blank", "client", "close", "medium"),
    ]
    session = LogReader(stage.data).sessions(session_id=found[0]["session"])[0]
    assert (session["findings"], session["redacted_credentials"]) == ({"leak": 4}, 4)


async def test_what_was_found_as_other_programs_read_it(stage: Stage) -> None:
    everything = await stage.found()
    for form in ("native", "ocsf", "ecs"):
        lines = listed(stage, "--format", form).splitlines()
        assert len(lines) == len(everything)
        for record in map(json.loads, lines):
            name = f"ocsf_{record['class_uid']}" if form == "ocsf" else form
            jsonschema.validate(record, SCHEMAS[name], jsonschema.Draft202012Validator)
    rows = list(csv.DictReader(io.StringIO(listed(stage, "--format", "csv"))))
    assert [row["id"] for row in rows] == [record["id"] for record in everything]
    assert tuple(rows[0]) == FIELDS


async def test_what_is_asked_for(stage: Stage) -> None:
    leaks = json.loads(listed(stage, "--json", "kind=leak", "severity=high", "since=1h"))
    assert [record["event_type"] for record in leaks] == ["error", "error"]
    assert json.loads(listed(stage, "--json", "until=1h")) == []
    assert len(json.loads(listed(stage, "--json", "--limit", "3"))) == 3
    [newest] = json.loads(listed(stage, "--json", "--limit", "1"))
    assert newest == LogReader(stage.data).findings(limit=1)[0]
    head, row, *_ = listed(stage, "action=kill").splitlines()
    assert head.split() == ["time", "severity", "kind", "action", "key", "session", "what"]
    assert row.split()[2:6] == ["medium", "revocation", "kill", "tester"]
    assert row.endswith("ended by the operator")
    async with stage.control() as control:
        answer = (await control.get("/api/findings?kind=leak&limit=3")).json()
    assert (len(answer["findings"]), answer["has_more"]) == (3, True)


async def test_nothing_secret_is_in_the_findings(stage: Stage) -> None:
    said = listed(stage, "--format", "native")
    assert [secret for secret in (SECRET, KEY, OTHER_KEY, UNKNOWN) if secret in said] == []


async def test_a_flood_of_bad_keys_fills_no_disk(tmp_path: Path) -> None:
    async with started_proxy(tmp_path, RULES + "providers: {sim: {kind: simulator}}\n") as proxy:
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://{proxy.gateway}") as client:
            for number in range(200):
                answer = await client.get("/v1/models", headers={"authorization": f"Bearer {UNKNOWN[:-3]}{number:03d}"})
                assert answer.status_code == 401
        await proxy.stop()
        found = LogReader(proxy.data).findings(limit=None, order="asc")
    *told, last = found
    assert 30 <= len(told) < 60
    assert {record["action"] for record in told} == {"refuse"}
    assert (last["action"], last["detail"]["code"], last["detail"]["count"]) == ("count", "flood", 200 - len(told))
    assert last["detail"]["reason"] == f"{200 - len(told)} more requests were refused: invalid_api_key {200 - len(told)}"
    assert sum("refused /v1/models" in line for line in proxy.output) == len(told)


def listed(stage: Stage, *words: str) -> str:
    """What `findings` prints."""
    result = CliRunner().invoke(app, ["findings", *words, "--data", str(stage.data)])
    assert result.exit_code == 0, result.output
    return result.stdout
