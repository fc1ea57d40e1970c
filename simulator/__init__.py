"""A realtime voice provider on loopback: for demos, tests, benchmarks, and apps in development. See `docs/simulator.md`."""

from __future__ import annotations

from simulator.cassette import Cassette
from simulator.cassette import Mismatch
from simulator.cassette import load_cassette
from simulator.cassette import play_client
from simulator.script import Rule
from simulator.script import Script
from simulator.script import ToolCall
from simulator.script import load_script
from simulator.server import Simulator

__all__ = ["Cassette", "Mismatch", "Rule", "Script", "Simulator", "ToolCall", "load_cassette", "load_script", "play_client"]
