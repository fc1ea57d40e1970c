"""Cassettes: both players against each other, and every difference found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from simulator import Mismatch
from simulator import Simulator
from simulator import load_cassette
from simulator import play_client
from simulator.cassette import Cassette

SHIPPED = sorted((Path(__file__).parents[2] / "simulator" / "cassettes").glob("*.jsonl"))
HEAD = {"cassette": 1, "name": "small", "provider": "gemini", "path": "/ws/x", "query": {"key": "k"}}
LINES: list[dict[str, Any]] = [
    {"from": "client", "event": {"setup": {"model": "m"}}},
    {"from": "server", "event": {"setupComplete": {}}, "binary": True},
    {"from": "server", "event": {"text": "né"}, "after_ms": 1},
    {"from": "client", "bytes": "AAEC"},
    {"from": "server", "bytes": "AwQF"},
    {"from": "server", "close": 1011, "reason": "deadline"},
    {"expect": {"turns": 1}},
]


def write(folder: Path, lines: list[dict[str, Any]], head: dict[str, Any] = HEAD) -> Path:
    file = folder / "small.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]))
    return file


@pytest.fixture
def small(tmp_path: Path) -> Cassette:
    return load_cassette(write(tmp_path, LINES))


async def play(served: Cassette, played: Cassette) -> list[str]:
    """What the server found wrong; raises Mismatch for what the client did."""
    async with Simulator(cassette=served) as sim:
        async with connect(f"{sim.url}{played.path}?key=k", proxy=None, max_size=None) as socket:
            await play_client(played, socket)
        await sim.connections[0].ended.wait()
        return sim.connections[0].mismatches


async def test_small_one(small: Cassette):
    assert (small.query, small.expect) == ({"key": "k"}, {"turns": 1})
    assert await play(small, small) == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
async def test_shipped_ones_play_against_themselves(file: Path):
    cassette = load_cassette(file)
    assert await play(cassette, cassette) == []


async def test_any_path_is_served_and_recorded(small: Cassette):
    async with Simulator(cassette=small) as sim:
        async with connect(f"{sim.url}/anything//at/all?x=1", proxy=None) as socket:
            await play_client(small, socket)
        assert sim.connections[0].target == "/anything//at/all?x=1"
        await sim.connections[0].ended.wait()
        assert sim.connections[0].messages == ['{"setup":{"model":"m"}}', b"\x00\x01\x02"]


async def test_key_order_and_spaces_of_a_client_do_not_matter(tmp_path: Path):
    served = load_cassette(write(tmp_path, [{"from": "client", "event": {"a": 1, "b": [2]}}]))
    played = load_cassette(write(tmp_path, [{"from": "client", "event": {"b": [2], "a": 1.0}}]))
    assert await play(served, played) == []


@pytest.mark.parametrize(
    "other",
    [
        {"from": "client", "event": {"setup": {"model": "n"}}},
        {"from": "client", "bytes": "AAEC"},
        {"from": "client", "event": {}, "binary": True},
    ],
)
async def test_the_server_notes_what_a_client_did_otherwise(tmp_path: Path, other: dict[str, Any]):
    served = load_cassette(write(tmp_path, LINES[:1]))
    played = load_cassette(write(tmp_path, [other]))
    (found,) = await play(served, played)
    assert found.startswith('line 2: expected \'{"setup"')


async def test_the_server_notes_what_came_too_much(tmp_path: Path):
    played = load_cassette(write(tmp_path, [*LINES[:1], {"from": "client", "event": {"more": 1}}]))
    assert await play(load_cassette(write(tmp_path, LINES[:1])), played) == ["after the last line came '{\"more\":1}'"]


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (1, {"event": {"setupComplete": {"x": 1}}}),
        (1, {"binary": False}),
        (4, {"bytes": "AwQG"}),
        (5, {"close": 1000}),
        (5, {"reason": "other"}),
    ],
)
async def test_the_client_stops_at_the_first_difference(tmp_path: Path, line: int, change: dict[str, Any]):
    served = load_cassette(write(tmp_path, [*LINES[:line], {**LINES[line], **change}, *LINES[line + 1 :]]))
    played = load_cassette(write(tmp_path, LINES))
    with pytest.raises(Mismatch, match=f"^small, line {line + 2}: expected"):
        await play(served, played)


@pytest.mark.parametrize(
    ("lines", "head", "message"),
    [
        ([], {"name": "x"}, ":1: a cassette begins with"),
        ([{"from": "nobody", "event": {}}], HEAD, ":2: wants"),
        ([{"from": "client"}], HEAD, ":2: wants"),
    ],
)
def test_bad_files_are_named_with_their_line(tmp_path: Path, lines: list[dict[str, Any]], head: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        load_cassette(write(tmp_path, lines, head))


def test_lines_that_are_no_json(tmp_path: Path):
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps(HEAD) + "\n{\n")
    with pytest.raises(ValueError, match=":2: not JSON"):
        load_cassette(file)
