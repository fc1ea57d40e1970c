"""Every dialect of the cassettes, recorded, then served to the client of its cassette, which wants each message verbatim."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from commandline import ROOT
from servedsession import STRICT
from servedsession import record
from servedsession import served
from websockets.typing import Subprotocol

from cli.playlines import ServerLine
from cli.playscript import script_of
from cli.recording import load
from realtime import dialects
from realtime.frame import Frame
from simulator import Cassette
from simulator import load_cassette
from simulator import play_client

CASSETTES: Final = {path.stem: load_cassette(path) for path in sorted(ROOT.joinpath("simulator/cassettes").glob("*.jsonl"))}

ASKED: Final = {"azure-preview", "gemini-vertex", "speaches", "zai"}
"""Where the app itself says that the user has finished, so that the server waits for that and not for sound."""


def dialect_of(cassette: Cassette) -> str:
    """As the first message that says it does."""
    frames = (Frame(False, _bytes(line.message), text=isinstance(line.message, str)) for line in cassette.lines if line.side == "server")
    return next((found for frame in frames if (found := dialects.detect(frame))), "openai")


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


@pytest.mark.parametrize("name", CASSETTES)
async def test_each_message_comes_as_it_was_when_the_client_said_its_part(name: str, data: Path) -> None:
    cassette = CASSETTES[name]
    said = [(line.side == "client", line.message) for line in cassette.lines if line.close is None]
    closes = [{"code": line.close, "reason": line.reason, "side": line.side} for line in cassette.lines if line.close is not None]
    close = {**closes[0], "side": "upstream" if closes[0]["side"] == "server" else "client"} if closes else None
    client = {"path": cassette.path}
    dialect = dialect_of(cassette)
    session = record(data, said, keeps="all", dialect=dialect, client=client, close=close)
    script = script_of(load(data, session))
    assert any(line.heard for line in script.lines if isinstance(line, ServerLine)) == (name not in ASKED)
    async with served(script, manner=STRICT) as replay:
        async with replay.connect(cassette.path, subprotocols=[Subprotocol("realtime")]) as socket:
            await play_client(cassette, socket)
        played = await replay.over()
    assert (played.score.refused, played.score.missing, played.score.n_unexpected, played.score.short) == (None, [], 0, 0)
    assert played.score.unsaid == 0
