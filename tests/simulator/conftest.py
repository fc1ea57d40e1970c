"""Callers of the tests stay on loopback, where stock aiortc would not look."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
