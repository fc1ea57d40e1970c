"""`demo` from a foreign folder: no key, no network, a conversation and its record."""

from __future__ import annotations

from pathlib import Path

from commandline import Cli


def test_the_demo_talks_and_shows_the_record(cli: Cli, data: Path) -> None:
    found = cli("demo", "--data", str(data))
    assert found.code == 0, found.err
    assert "   user  Hello, can you hear me?\n" in found.out
    assert '   tool  get_weather({"city":"Paris"}) = sunny and 21 degrees in Paris\n' in found.out
    assert "  model  This is what I found: sunny and 21 degrees in Paris\n" in found.out
    assert "  model  No, it stays dry until the evening.\n" in found.out
    assert next(line for line in found.out.splitlines() if "the longest wait" in line).startswith("turn 4 ")
    assert "Ctrl-C" not in found.out, "without a terminal it ends"
    assert "first audio " in found.out
    assert "unpriced" not in found.out
    [record] = cli("sessions", "--json", "--data", str(data)).json
    assert (record["principal"], record["transport"], record["turns"]) == ("demo", "websocket", 4)
    assert record["usage"]["total_tokens"] == record["usage"]["input_tokens"] + record["usage"]["output_tokens"] > 0
    assert record["cost"]["priced"] is True
    assert record["cost"]["usd"] > 0
    assert (record["close"]["code"], record["close"]["side"]) == (1000, "client")
    turns = cli("show", record["id"], "--json", "--data", str(data)).json["turns"]
    assert [call["name"] for turn in turns for call in turn["tool_calls"]] == ["get_weather"]
    assert sum(turn["usage"]["total_tokens"] for turn in turns) == record["usage"]["total_tokens"]
    assert turns[3]["clocks"]["first_audio"] > 2_000 > max(turn["clocks"].get("first_audio", 0) for turn in turns[:3])
    assert record["recording"]["state"] == "ready"
    assert all(turn["clocks"]["first_audio"] > 0 for turn in turns if turn["audio"]["out_seconds"])
