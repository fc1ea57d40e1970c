"""What the proxy cannot start with, and what it cannot be changed to while it runs: said clearly, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from proxying import ROOT
from proxying import RULES
from proxying import Proxy
from proxying import close_of
from proxying import started_proxy
from rawsocket import dialled
from rawsocket import handshake
from reloading import reload
from reloading import reloaded
from reloading import said

from simulator import Simulator

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = """
version: 1
limits: {mesage: 16MiB, idle: 15}
providers:
  one: {kind: opnai}
  two: {kind: azure}
  three: {kind: openai, credential: sk-literal-secret-0123}
"""
SECRET = "sk-file-0123456789abcdefghij"


@dataclass
class Stage:
    proxy: Proxy
    folder: Path
    simulator: Simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("faulty")
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(pace=0))
        url = f'kind: compatible, url: "http://{simulator.address}/v1"'
        rules = f"""{RULES}
providers:
  sim: {{{url}}}
  nobody: {{{url}, credential: "env:NOT_SET_ANYWHERE"}}
  blank: {{{url}, credential: "env:BLANK"}}
  filed: {{{url}, credential: "file:secret"}}
"""
        proxy = await stack.enter_async_context(started_proxy(folder, rules, env={"BLANK": "  "}))
        yield Stage(proxy, folder, simulator)


async def failed_start(rules: str, folder: Path, data: Path | None = None) -> tuple[int, str, str]:
    """A start that does not succeed: its exit code, standard output and standard error."""
    file = folder / "other-rules.yaml"
    file.write_text(rules)
    words = ("start", "--rules", str(file), "--data", str(data or folder / "other-data"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *words), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def answer(proxy: Proxy, provider: str) -> tuple[int, str]:
    """What a session with a provider is answered with: the status, and the error's code and message where it is refused."""
    async with dialled(proxy.gateway) as client:
        await client.write(handshake(f"/v1/realtime?model={provider}/gpt-realtime"))
        await client.read_head()
        if client.status == 101:
            return 101, ""
        error = json.loads(await client.read_body())["error"]
        return client.status, f"{error['code']}: {error['message']}"


async def test_every_mistake_in_the_rules_is_shown_at_once(stage: Stage, tmp_path: Path) -> None:
    code, out, err = await failed_start(BROKEN, tmp_path)
    assert (code, out) == (2, "")
    assert [found for found in ("VT010", "VT011", "VT012", "VT020") if found not in err] == []
    assert "did you mean 'message'" in err
    assert "literal-secret" not in err
    assert "Traceback" not in err


async def test_a_store_that_this_version_lacks_is_refused(stage: Stage, tmp_path: Path) -> None:
    code, out, err = await failed_start(RULES.replace("content: full", 'store: "postgresql://db.example/voicetap"'), tmp_path)
    assert (code, out) == (2, "")
    assert "log.store: only tinydb is supported by this version" in err
    assert "db.example" not in err


async def test_a_second_proxy_on_the_same_data_names_the_first(stage: Stage, tmp_path: Path) -> None:
    code, out, err = await failed_start(RULES, tmp_path, stage.proxy.data)
    assert (code, out) == (1, "")
    assert f"is in use by process {stage.proxy.process.pid}; stop it, or use another data folder" in " ".join(err.split())
    assert "Traceback" not in err
    assert (await answer(stage.proxy, "sim")) == (101, "")
    assert json.loads((stage.proxy.data / "run.json").read_text())["pid"] == stage.proxy.process.pid


@pytest.mark.parametrize("door", ["intercept", "control"])
async def test_a_port_in_use_is_named(stage: Stage, door: str, tmp_path: Path) -> None:
    taken = getattr(stage.proxy, door)
    code, out, err = await failed_start(RULES.replace(f'{door}: "127.0.0.1:0"', f'{door}: "{taken}"'), tmp_path)
    assert (code, out) == (1, "")
    assert taken.rpartition(":")[2] in err
    assert "listen" in err
    assert "Traceback" not in err


async def test_broken_rules_change_nothing_while_it_runs(stage: Stage) -> None:
    good = stage.proxy.rules.read_text()
    async with stage.proxy.connect("/v1/realtime?model=sim/gpt-realtime") as client:
        await client.recv()
        for broken in (
            BROKEN,
            "version: [",
            "",
            "\0",
            good.replace("log: {", 'log: {store: "env:DATABASE_URL", '),
        ):
            before = len(stage.proxy.output)
            stage.proxy.rules.write_text(broken)
            await said(stage.proxy, r"rules generation \d+ stays active", before)
        assert await answer(stage.proxy, "sim") == (101, "")
        before = len(stage.proxy.output)
        stage.proxy.rules.unlink()
        await asyncio.sleep(1.2)
        assert await answer(stage.proxy, "sim") == (101, "")
        await reload(stage.proxy, good)
        await client.send('{"type":"session.update","session":{"type":"realtime"}}')
        assert json.loads(await client.recv())["type"] == "session.updated"
        assert "VT011" in "".join(stage.proxy.output)


async def test_every_valid_change_has_a_number(stage: Stage) -> None:
    before = len(stage.proxy.output)
    async with reloaded(stage.proxy, "id: narrow", "id: narrower"):
        pass
    lines = [line for line in stage.proxy.output[before:] if "rules generation" in line]
    first, second = (int(line.split("generation ")[1].split()[0]) for line in lines)
    assert second == first + 1


async def test_a_provider_without_its_credential_names_what_is_missing(stage: Stage) -> None:
    assert await answer(stage.proxy, "nobody") == (
        502,
        "provider_not_usable: provider nobody cannot be used: the environment variable NOT_SET_ANYWHERE is not set",
    )
    assert await answer(stage.proxy, "blank") == (
        502,
        "provider_not_usable: provider blank cannot be used: the environment variable BLANK is empty",
    )
    assert await answer(stage.proxy, "sim") == (101, "")


async def test_a_credential_file_is_used_as_soon_as_it_is_right(stage: Stage) -> None:
    file = stage.folder / "secret"
    status, message = await answer(stage.proxy, "filed")
    assert (status, "No such file" in message) == (502, True)
    file.mkdir()
    assert "Is a directory" in (await answer(stage.proxy, "filed"))[1]
    file.rmdir()
    for text, mode, reason in (
        (SECRET, 0o644, "others on this computer may read it; run chmod 600 on it"),
        ("\n", 0o600, "is empty"),
        (f"{SECRET}\nsecond line", 0o600, "more than one line"),
        ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), 0o600, "characters that a header cannot carry"),
    ):
        file.write_text(text)
        file.chmod(mode)
        status, message = await answer(stage.proxy, "filed")
        assert (status, reason in message, SECRET in message) == (502, True, False), message
    file.write_text(f"{SECRET}\n")
    file.chmod(0o600)
    assert await answer(stage.proxy, "filed") == (101, "")
    assert stage.simulator.connections[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert not [line for line in stage.proxy.output if SECRET in line]


async def test_a_changed_rule_reaches_open_sessions(stage: Stage) -> None:
    async with stage.proxy.connect("/v1/realtime?model=sim/gpt-realtime") as client:
        await client.recv()
        async with reloaded(stage.proxy, "keys:", "limits: {session: 1s}\nkeys:"):
            assert await close_of(client) == (1001, "session limit of 1 s reached")
