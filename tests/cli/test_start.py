"""`start` as whoever drives it from outside sees it: the ready line, a clean end, and clear refusals."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest
from commandline import RULES
from commandline import Cli
from commandline import ready
from commandline import started
from openai import OpenAI

_KEY = re.compile(r"export OPENAI_API_KEY=(vt_\S+)")


def _address(listener: socket.socket) -> str:
    return f"127.0.0.1:{listener.getsockname()[1]}"


def test_the_first_start(rules: Path, data: Path, cli: Cli) -> None:
    with started(rules, data) as child:
        gateway, control, token = ready(child)
        running = json.loads((data / "run.json").read_text())
        assert (running["pid"], running["gateway"], running["control"], running["intercept"]) == (child.pid, gateway, control, None)
        assert stat.S_IMODE((data / "run.json").stat().st_mode) == 0o600
        assert token not in (data / "run.json").read_text()
        answer = httpx.get(f"http://{control}/api/sessions", headers={"authorization": f"Bearer {token}"}, trust_env=False)
        assert (answer.status_code, answer.json()["sessions"]) == (200, [])
        with started(rules, data) as second:
            out, said = second.communicate(timeout=30)
        assert (second.returncode, out) == (1, "")
        assert f"process {child.pid}" in said
        assert (data / "run.json").exists()
        child.send_signal(signal.SIGTERM)
        rest, said = child.communicate(timeout=30)
    assert (child.returncode, rest) == (0, "")
    assert not (data / "run.json").exists()
    assert _KEY.search(said)
    assert f"export OPENAI_BASE_URL=http://{gateway}/v1" in said
    assert "export OPENAI_API_KEY=… and start again" in said
    assert "\x1b" not in said
    assert [(each["id"], each["state"]) for each in cli("keys", "list", "--json").json] == [("default", "ok")]


def test_the_first_key_works_and_its_session_outlives_the_proxy(rules: Path, data: Path, cli: Cli) -> None:
    rules.write_text(RULES.replace("routes:", "routes:\n  - {name: talk, match: {model: gpt-realtime}, provider: sim}"))
    with started(rules, data) as child:
        gateway, _, _ = ready(child)
        assert child.stderr is not None
        key = next(match[1] for line in child.stderr if (match := _KEY.search(line)))
        with OpenAI(base_url=f"http://{gateway}/v1", api_key=key) as client, client.realtime.connect(model="gpt-realtime") as connection:
            assert connection.recv().type == "session.created"
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    [record] = cli("sessions", "--json").json
    assert (record["principal"], record["route"], record["provider"], record["model"]) == ("default", "talk", "sim", "gpt-realtime")
    assert record["close"]["code"] == 1000
    assert record["ended_at"] is not None


def test_no_key_is_made_where_there_is_one(rules: Path, data: Path, cli: Cli) -> None:
    cli("keys", "new", "mine")
    with started(rules, data) as child:
        ready(child)
        child.kill()
        assert not _KEY.search(child.communicate(timeout=30)[1])
    assert cli("sessions", "--json").json == []
    assert [each["id"] for each in cli("keys", "list", "--json").json] == ["mine"]


def test_broken_rules(rules: Path, data: Path) -> None:
    rules.write_text("version: 1\nprovders: {}\n")
    with started(rules, data) as child:
        out, said = child.communicate(timeout=30)
    assert (child.returncode, out) == (2, "")
    assert "rules.yaml:2:1: VT010 " in said
    assert "error VT100: " in said


def test_a_wide_address_without_a_key(rules: Path, data: Path, cli: Cli) -> None:
    rules.write_text(RULES.replace("gateway: 127.0.0.1:0", "gateway: 0.0.0.0:0"))
    with started(rules, data) as child:
        out, said = child.communicate(timeout=30)
    assert (child.returncode, out) == (2, "")
    assert "VT060" in said
    assert cli("keys", "list", "--json").json == []


@pytest.mark.parametrize("door", ["gateway", "control"])
def test_a_port_in_use(rules: Path, data: Path, door: str, cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, started(rules, data, f"--{door}", _address(taken)) as child:
        out, said = child.communicate(timeout=30)
    assert (child.returncode, out) == (1, "")
    assert "error VT101: " in said
    assert "Traceback" not in said
    assert cli("keys", "list", "--json").json == []
    assert not (data / "run.json").exists()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--gateway", "nonsense"), 2, "error VT105: --gateway: should be an address such as 127.0.0.1:8787"),
        (("--gateway", "0.0.0.0:0"), 1, "error VT101: --gateway: 0.0.0.0:0 can be reached from other computers, but there is no key"),
        (("--control", "[::]:0"), 1, "error VT101: --control: [::]:0 can be reached from other computers, but there is no key"),
    ],
)
def test_an_address_that_is_not_taken(rules: Path, data: Path, options: tuple[str, str], code: int, said: str) -> None:
    with started(rules, data, *options) as child:
        out, err = child.communicate(timeout=30)
    assert (child.returncode, out) == (code, "")
    assert said in err
    assert not data.exists()


def test_a_data_folder_that_is_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command in ("start", "sessions", "demo"):
        found = cli(command, "--data", str(tmp_path / "file"))
        assert found.code == 1
        assert f"error VT102: {tmp_path / 'file'}" in found.err
        assert "Traceback" not in found.err
