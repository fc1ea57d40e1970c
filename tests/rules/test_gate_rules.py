"""Gates of routes that cannot be are refused when rules are checked; those that can are not."""

from __future__ import annotations

import pytest

from rules.load import load

HEAD = """version: 1
providers:
  openai: {kind: openai, credential: "env:K"}
  azure: {kind: azure, url: "https://a.openai.azure.com", credential: "env:K"}
  xai: {kind: xai, credential: "env:K"}
  bailian: {kind: bailian, credential: "env:K"}
  zai: {kind: zai, credential: "env:K"}
  gemini: {kind: gemini, credential: "env:K"}
  eleven: {kind: elevenlabs, credential: "env:K"}
  own: {kind: compatible, url: "http://127.0.0.1:1"}
  ears: {kind: compatible, url: "http://127.0.0.1:2", dialect: vllm}
routes:
"""


def refused(route: str) -> list[tuple[str, str]]:
    """Code and message of the errors about gates."""
    loaded = load(f"{HEAD}  - {{name: one, match: {{path: /v1/realtime}}, {route}}}\n", env={"K": "k"})
    return [(found.code, found.message) for found in loaded.diagnostics if found.code == "VT051"]


@pytest.mark.parametrize("provider", ["openai", "azure", "xai", "bailian", "zai", "gemini", "eleven", "own"])
def test_providers_whose_sound_can_wait(provider: str) -> None:
    assert refused(f"provider: {provider}, hold: transcript") == []


@pytest.mark.parametrize("provider", ["openai", "azure", "xai", "own"])
def test_providers_that_can_be_kept_from_answering(provider: str) -> None:
    assert refused(f"provider: {provider}, gate: transcript") == []


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("provider: ears, hold: transcript", "sends no sound"),
        ("provider: gemini, gate: transcript", "cannot be kept from answering"),
        ("provider: eleven, gate: transcript", "cannot be kept from answering"),
        ("provider: bailian, gate: transcript", "cannot be kept from answering"),
        ("provider: zai, gate: transcript", "cannot be kept from answering"),
        ("provider: ears, gate: transcript", "cannot be kept from answering"),
        ("provider: openai, hold: transcript, webrtc: sideband", "webrtc: sideband"),
        ("provider: openai, gate: transcript, webrtc: signal", "webrtc: signal"),
        ("hold: transcript, webrtc: signal", "webrtc: signal"),
    ],
)
def test_gates_that_cannot_be(keys: str, why: str) -> None:
    [(_, message)] = refused(keys)
    assert why in message


def test_each_gate_is_refused_by_itself() -> None:
    assert len(refused("provider: ears, hold: transcript, gate: transcript")) == 2


def test_there_is_one_thing_to_wait_for() -> None:
    loaded = load(f"{HEAD}  - {{name: one, match: {{}}, provider: openai, hold: words}}\n", env={"K": "k"})
    assert [found.code for found in loaded.diagnostics if found.severity == "error"] == ["VT011"]
