"""`run`: an unmodified client behind the intercept door, its environment, its exit code and its signals."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from commandline import COMMAND
from commandline import Cli
from commandline import ready
from commandline import spawned
from commandline import started

from cli.run import credentials_to_scrub
from rules.load import load

SECRET = "sk-canary-0123456789"
RULES = """\
version: 1
listen: {gateway: 127.0.0.1:0, control: 127.0.0.1:0}
providers:
  openai: {kind: simulator, credential: env:OPENAI_API_KEY}
routes:
  - {name: apps, match: {door: intercept, host: api.openai.com}, provider: openai, credential: inject}
"""
CLIENT = """\
import json, os, sys
from openai import OpenAI
with OpenAI(api_key="the app's own") as client, client.realtime.connect(model="gpt-realtime") as connection:
    print(json.dumps({"event": connection.recv().type, "environment": dict(os.environ)}))
sys.exit(7)
"""
SLEEPER = """\
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
print("asleep", flush=True)
time.sleep(60)
"""


def test_an_unmodified_client_behind_a_proxy_for_the_time_being(cli: Cli, rules: Path, data: Path) -> None:
    rules.write_text(RULES)
    found = cli("run", "--", sys.executable, "-c", CLIENT, OPENAI_API_KEY=SECRET)
    assert found.code == 7, found.err
    assert json.loads(found.out)["event"] == "session.created"
    environment = json.loads(found.out)["environment"]
    assert SECRET not in json.dumps(environment)
    assert "voicetap: not passed on: OPENAI_API_KEY\n" in found.err
    assert environment["HTTPS_PROXY"] == environment["wss_proxy"]
    assert b"BEGIN CERTIFICATE" in Path(environment["NODE_EXTRA_CA_CERTS"]).read_bytes()
    [record] = cli("sessions", "--json").json
    assert (record["door"], record["principal"], record["route"], record["model"]) == ("intercept", "local", "apps", "gpt-realtime")
    assert not (data / "run.json").exists()


def test_the_proxy_that_runs_is_used(cli: Cli, rules: Path, data: Path) -> None:
    rules.write_text(RULES)
    with started(rules, data, "--intercept", "127.0.0.1:0") as proxy:
        ready(proxy)
        intercept = json.loads((data / "run.json").read_text())["intercept"]
        found = cli("run", "--", sys.executable, "-c", "import os; print(os.environ['https_proxy'])")
        assert (found.code, found.out) == (0, f"http://{intercept}\n")
        assert cli("run", "--", "no-such-program").code == 127
        assert cli("run", str(rules)).code == 126
        assert cli("run", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)").code == 137
        with spawned([*COMMAND, "run", "--rules", str(rules), "--data", str(data), sys.executable, "-c", SLEEPER]) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "asleep\n"
            child.send_signal(signal.SIGTERM)
            assert child.wait(30) == 9
        assert proxy.poll() is None


def test_a_running_proxy_without_the_door(cli: Cli, rules: Path, data: Path) -> None:
    with started(rules, data) as proxy:
        ready(proxy)
        found = cli("run", "--", "true")
    assert found.code == 1
    assert "error VT106: the running proxy has no intercept door" in found.err


@pytest.mark.parametrize(
    ("routes", "scrubbed"),
    [
        ("", {"A_KEY", "B_KEY"}),
        ("{name: r, match: {door: intercept, host: a.example}, provider: a}", {"B_KEY"}),
        ("{name: r, match: {door: intercept, host: a.example}, provider: a, credential: inject}", {"A_KEY", "B_KEY"}),
        ("{name: r, match: {door: gateway}, provider: a}", {"A_KEY", "B_KEY"}),
        (
            "{name: r, match: {door: intercept, host: a.example}, provider: a},"
            "{name: s, match: {door: intercept, host: b.example}, provider: a, credential: inject}",
            {"A_KEY", "B_KEY"},
        ),
    ],
)
def test_only_a_credential_that_the_app_itself_needs_stays(routes: str, scrubbed: set[str]) -> None:
    text = (
        "version: 1\n"
        "providers:\n"
        "  a: {kind: openai, credential: env:A_KEY}\n"
        "  b: {kind: xai, credential: env:B_KEY}\n"
        "  c: {kind: gemini, credential: file:/run/secrets/c}\n"
        f"routes: [{routes}]\n"
    )
    rules = load(text, env={}).rules
    assert rules is not None
    assert credentials_to_scrub(rules) == scrubbed


def test_a_kept_credential(cli: Cli, rules: Path) -> None:
    rules.write_text(RULES)
    found = cli("run", "--keep", "OPENAI_API_KEY", "--", "printenv", "OPENAI_API_KEY", OPENAI_API_KEY=SECRET)
    assert (found.code, found.out) == (0, f"{SECRET}\n")
    assert "not passed on" not in found.err
