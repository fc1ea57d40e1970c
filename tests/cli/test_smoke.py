"""`smoke` against the simulator and against things that are no provider: what is said, and why it failed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Cli

SECRET = "sk-canary-0123456789"


def point_at(rules: Path, url: str, kind: str = "compatible") -> None:
    rules.write_text(f'version: 1\nproviders: {{p: {{kind: {kind}, url: "{url}", credential: env:SMOKE_KEY}}}}\n')


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def plain_port() -> Iterator[int]:
    """A server that answers once, in plain text whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(65536)
                accepted.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_a_provider_that_answers(cli: Cli, data: Path) -> None:
    found = cli("smoke", "sim/gpt-realtime")
    assert found.code == 0
    assert "✓ sim/gpt-realtime answers" in found.out
    assert "session.created" in found.out
    assert "billable" in found.err
    assert not data.exists()


def test_json(cli: Cli) -> None:
    found = cli("smoke", "sim/gpt-realtime", "--json")
    assert found.code == 0
    assert found.json["ok"] is True
    assert found.json["billable"] is True
    assert found.json["model"] == found.json["reported_model"] == "gpt-realtime"
    assert 0 < found.json["handshake_ms"] <= found.json["first_event_ms"]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_provider_that_refuses(cli: Cli, status: int) -> None:
    found = cli("smoke", f"sim/sim-refuse-{status}", "--json")
    assert (found.code, found.json["ok"], found.json["failure"]) == (1, False, f"http_{status}")
    assert found.json["detail"]


def test_a_credential_that_the_provider_echoes_is_not_shown(cli: Cli, rules: Path, simulator: str) -> None:
    point_at(rules, f"http://{simulator}/v1")
    found = cli("smoke", "p/sim-echo-401", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["failure"]) == (1, "http_401")
    assert "•••" in found.json["detail"]
    assert SECRET not in found.out + found.err


def test_an_error_event_after_the_upgrade(cli: Cli, rules: Path, picky_simulator: str) -> None:
    point_at(rules, f"http://{picky_simulator}/v1")
    found = cli("smoke", "p/gpt-realtime", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["failure"]) == (1, "error_event")
    assert found.json["handshake_ms"] > 0
    assert SECRET not in found.out


def test_a_session_that_is_closed_at_once(cli: Cli, rules: Path, simulator: str) -> None:
    point_at(rules, f"http://{simulator}/v1")
    found = cli("smoke", "p/sim-hang-up", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["ok"]) == (1, False)


def test_no_model(cli: Cli) -> None:
    found = cli("smoke", "sim/")
    assert found.code == 2
    assert "VT105" in found.err


def test_a_refused_connection(cli: Cli, rules: Path, closed_port: int) -> None:
    point_at(rules, f"http://127.0.0.1:{closed_port}/v1")
    found = cli("smoke", "p/m", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["failure"]) == (1, "network")
    assert "127.0.0.1" in found.json["detail"]


def test_a_server_without_tls(cli: Cli, rules: Path, plain_port: int) -> None:
    point_at(rules, f"https://127.0.0.1:{plain_port}/v1")
    found = cli("smoke", "p/m", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["failure"]) == (1, "tls")


def test_a_name_that_is_none(cli: Cli, rules: Path) -> None:
    point_at(rules, "https://provider.invalid/v1")
    found = cli("smoke", "p/m", "--json", SMOKE_KEY=SECRET)
    assert (found.code, found.json["failure"]) == (1, "dns")


def test_the_credential_is_never_shown(cli: Cli, rules: Path) -> None:
    point_at(rules, "http://127.0.0.1:1/v1")
    found = cli("smoke", "p/m", SMOKE_KEY=SECRET)
    assert SECRET not in found.out + found.err


def test_a_missing_credential(cli: Cli, rules: Path) -> None:
    point_at(rules, "http://127.0.0.1:1/v1")
    found = cli("smoke", "p/m")
    assert found.code == 2
    assert "SMOKE_KEY is not set" in found.err


def test_an_unknown_provider(cli: Cli) -> None:
    found = cli("smoke", "none/m")
    assert found.code == 2
    assert "the rules have: sim, openai" in found.err
