"""What `doctor` finds out about WebRTC, with real workers and ports."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cli.doctor_sidecar import sidecar
from cli.finding import Finding
from rules.media import WebRTC

SECRET = "turn-canary-0123456789"


def found(folder: Path, **webrtc: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in sidecar(WebRTC.model_validate(webrtc), folder)}


def test_a_worker_starts_and_gathers(tmp_path: Path) -> None:
    findings = found(tmp_path)
    assert {name: finding.state for name, finding in findings.items()} == {"sidecar": "ok", "udp ports": "ok"}
    assert findings["sidecar"].text.startswith("a worker starts and carries media on ")


def test_webrtc_that_is_off(tmp_path: Path) -> None:
    assert found(tmp_path, workers=0) == {"sidecar": Finding("sidecar", "ok", "off: webrtc.workers is 0")}


def test_few_ports(tmp_path: Path) -> None:
    findings = found(tmp_path, ports="45200-45219", calls=50)
    assert findings["sidecar"].state == "ok"
    assert findings["udp ports"].state == "warn"
    assert findings["udp ports"].text == "20 of 20 in 45200-45219 are free, enough for 10 calls; webrtc.calls and workers allow 50"
    assert found(tmp_path, ports="45200-45219", calls=10)["udp ports"].state == "ok"


def test_no_port(tmp_path: Path) -> None:
    with ExitStack() as taken:
        for port in (45230, 45231):
            taken.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(("0.0.0.0", port))
            taken.enter_context(only_ipv6()).bind(("::", port))
        findings = found(tmp_path, ports="45230-45231")
    assert findings["sidecar"].state == findings["udp ports"].state == "fail"
    assert "it starts but cannot gather: no UDP port is free" in findings["sidecar"].text
    assert "webrtc.ports" in findings["sidecar"].fix


def only_ipv6() -> socket.socket:
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def test_an_address_of_another_computer(tmp_path: Path) -> None:
    findings = found(tmp_path, bind="203.0.113.77")
    assert findings["sidecar"].state == "fail"
    assert "webrtc.bind" in findings["sidecar"].fix


def test_servers_that_do_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_SECRET", SECRET)
    turn = {"url": "turn:127.0.0.1:9", "username": "me", "credential": "env:TURN_SECRET"}
    findings = found(tmp_path, stun="stun:127.0.0.1:9", turn=turn)
    assert {name: finding.state for name, finding in findings.items()} == {
        "sidecar": "ok",
        "stun": "warn",
        "turn": "warn",
        "udp ports": "ok",
    }
    assert SECRET not in str(findings)


def test_a_password_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TURN_SECRET", raising=False)
    findings = found(tmp_path, turn={"url": "turn:127.0.0.1:9", "username": "me", "credential": "env:TURN_SECRET"})
    assert findings["sidecar"].state == "fail"
    assert "TURN_SECRET" in findings["sidecar"].text


def test_a_worker_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addons.workerprocess.START_SECONDS", 0.0)
    findings = found(tmp_path)
    assert findings["sidecar"].state == "fail"
    assert "the media worker was not ready within 0 s" in findings["sidecar"].text
