"""`doctor`: what it looks at, what it says is wrong, and that it never shows a secret."""

from __future__ import annotations

import socket
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commandline import ROOT
from commandline import RULES
from commandline import Cli
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cli.doctor_machine import authority
from cli.doctor_machine import packages

SECRET = "sk-canary-0123456789"
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def findings(found: Any) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in found.json["findings"]}


def test_a_healthy_installation(cli: Cli, rules: Path, data: Path) -> None:
    rules.write_text("version: 1\nlisten: {gateway: 127.0.0.1:0, control: 127.0.0.1:0}\nproviders: {sim: {kind: simulator}}\n")
    cli("keys", "new", "kiosk")
    found = cli("doctor", "--json")
    assert found.code == 0
    assert found.json["ok"] is True
    states = {name: finding["state"] for name, finding in findings(found).items()}
    assert {name for name, state in states.items() if state == "ok"} >= {
        "python",
        "data",
        "disk",
        "log",
        "rules",
        "keys",
        "gateway",
        "control",
    }
    assert states["ca"] == "warn"
    assert all(finding["fix"] for finding in found.json["findings"] if finding["state"] != "ok")


def test_text_has_marks_and_fixes(cli: Cli) -> None:
    found = cli("doctor")
    assert "✓ python               Python 3." in found.out
    assert "! provider openai      the environment variable OPENAI_API_KEY is not set\n" in found.out
    assert "fix: export OPENAI_API_KEY=…" in found.out


def test_a_port_in_use(cli: Cli, rules: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        rules.write_text(RULES.replace("gateway: 127.0.0.1:0", f"gateway: {address}"))
        found = cli("doctor", "--json")
    assert found.code == 1
    assert findings(found)["gateway"]["state"] == "fail"
    assert address in findings(found)["gateway"]["text"]


def test_files_that_others_may_read(cli: Cli, data: Path) -> None:
    cli("keys", "new", "kiosk")
    data.chmod(0o755)
    (data / "state.jsonl").chmod(0o644)
    found = cli("doctor", "--json")
    assert found.code == 1
    assert findings(found)["data"]["fix"] == f"chmod -R go-rwx {data}"


def test_broken_rules(cli: Cli, rules: Path) -> None:
    rules.write_text("version: 2\n")
    found = cli("doctor", "--json")
    assert found.code == 1
    assert findings(found)["rules"]["fix"] == f"./run.sh check {rules}"


def test_an_unreachable_provider_and_its_secret(cli: Cli, rules: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    rules.write_text(f'version: 1\nproviders: {{p: {{kind: openai, url: "https://127.0.0.1:{port}", credential: env:P_KEY}}}}\n')
    for arguments in (("doctor",), ("doctor", "--json")):
        found = cli(*arguments, P_KEY=SECRET)
        assert found.code == 1
        assert SECRET not in found.out + found.err
    assert findings(found)["provider p"]["state"] == "fail"


def test_a_server_of_ones_own_may_be_off(cli: Cli, rules: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    listen = "listen: {gateway: 127.0.0.1:0, control: 127.0.0.1:0}"
    rules.write_text(f'version: 1\n{listen}\nproviders: {{p: {{kind: compatible, url: "http://127.0.0.1:{port}/v1"}}}}\n')
    found = cli("doctor", "--json")
    assert found.code == 0
    assert findings(found)["provider p"]["state"] == "warn"


def test_a_wide_address(cli: Cli, rules: Path) -> None:
    cli("keys", "new", "kiosk")
    rules.write_text("version: 1\nlisten: {gateway: 0.0.0.0:0, control: 127.0.0.1:0}\n")
    found = cli("doctor", "--json")
    assert [finding["state"] for finding in found.json["findings"] if finding["check"] == "gateway"] == ["ok", "warn"]


@pytest.mark.parametrize(("left", "state"), [(timedelta(days=400), "ok"), (timedelta(days=10), "warn"), (timedelta(days=-1), "fail")])
def test_the_authority(tmp_path: Path, left: timedelta, state: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW - timedelta(days=500), NOW + left).sign(key, SHA256())
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "mitmproxy-ca-cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "ca" / "mitmproxy-ca.pem").touch(0o600)
    [finding] = authority(tmp_path, NOW)
    assert finding.state == state
    assert made.fingerprint(SHA256()).hex(":").upper() in finding.text
    (tmp_path / "ca" / "mitmproxy-ca.pem").chmod(0o644)
    assert [found.state for found in authority(tmp_path, NOW)] == [state, "fail"]


def test_packages_beside_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("typer==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1.0 \\\n    --hash=sha256:00\n")
    found = packages(lock)
    assert found.state == "warn"
    assert "instead of 0.0.1" in found.text
    assert "no-such-package missing" in found.text
    assert packages(ROOT / "requirements.txt").state == "ok"
