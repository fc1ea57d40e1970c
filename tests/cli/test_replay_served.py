"""The server of `replay --to client`: what it lets in, how it ends, what it bears; and the command around it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from commandline import COMMAND
from commandline import spawned
from servedsession import FAST
from servedsession import ID
from servedsession import OTHER
from servedsession import SAID
from servedsession import STRICT
from servedsession import Served
from servedsession import record
from servedsession import served
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from cli import playserver
from cli.__main__ import app
from cli.errors import Failure
from cli.playlines import Script
from cli.playscript import script_of
from cli.playserver import PlayServer
from cli.recording import load


def script(data: Path, *said: tuple[bool, Any], **more: Any) -> Script:
    return script_of(load(data, record(data, list(said) or SAID, **more)))


async def heard(connection: ClientConnection) -> tuple[list[Any], tuple[int, str] | None]:
    """Everything up to the end, and what ended it; None where nothing did."""
    got: list[Any] = []
    try:
        while True:
            got.append(await asyncio.wait_for(connection.recv(), 20))
    except ConnectionClosed as closed:
        return got, (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else None


def asking(**more: Any) -> str:
    return json.dumps({"type": "response.create", "event_id": "mine", **more})


@pytest.mark.parametrize(
    ("close", "told"),
    [
        ({"code": 1001, "reason": "session expired", "side": "upstream"}, (1001, "session expired")),
        ({"code": 4002, "reason": "quota", "side": "proxy"}, (4002, "quota")),
        ({"code": 1005, "reason": "", "side": "upstream"}, (1000, "")),
        ({"code": 1006, "reason": "connection lost", "side": "upstream"}, (1011, "upstream connection lost")),
        ({"code": 1002, "reason": "bad frame (from the upstream)", "side": "proxy"}, (1011, "upstream connection lost")),
        ({"code": 1006, "reason": "killed", "side": "proxy"}, None),
    ],
)
async def test_it_ends_as_the_recording_did(data: Path, close: dict[str, Any], told: tuple[int, str] | None) -> None:
    async with served(script(data, close=close)) as replay, replay.connect() as socket:
        await socket.send(asking())
        got, ended = await heard(socket)
        assert ([json.loads(message)["type"] for message in got], ended) == (["session.created", "response.done"], told)
        assert (await replay.over()).score.missing == []


async def test_where_the_app_left_it_is_the_app_that_leaves(data: Path) -> None:
    async with served(script(data, close={"code": 1000, "reason": "", "side": "client"})) as replay:
        async with replay.connect() as socket:
            await socket.send(asking())
            assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["session.created", "response.done"]
            await socket.send(asking())
            await socket.close(4001, "bye")
        played = await replay.over()
    assert (played.close, played.score.matched, played.score.n_unexpected, played.score.unsaid) == (4001, 1, 1, 0)


async def test_an_app_that_leaves_early_left_something_out(data: Path) -> None:
    async with served(script(data)) as replay:
        async with replay.connect("/v1/realtime?model=gpt-other") as socket:
            await socket.recv()
        played = await replay.over()
    assert ([line.kind for line in played.score.missing], played.score.unsaid, played.asked) == (["response.create"], 1, "gpt-other")


async def test_a_refusal_is_an_error_event_and_a_close(data: Path) -> None:
    async with served(script(data), manner=STRICT) as replay, replay.connect() as socket:
        await socket.send(asking(response={"voice": "alloy"}))
        got, ended = await heard(socket)
    why = 'not as recorded: response.create: $.response is {"voice": "alloy"}, recorded (message 2) is nothing'
    error = json.loads(got[-1])["error"]
    assert (error["message"], error["code"], error["event_id"]) == (why, "replay_mismatch", "mine")
    assert ended == (1008, why[:123])


async def test_a_dialect_without_error_events_is_told_by_the_close(data: Path) -> None:
    async with (
        served(script(data, (True, {"setup": {"model": "a"}}), dialect="gemini"), manner=STRICT) as replay,
        replay.connect() as socket,
    ):
        await socket.send(json.dumps({"setup": {"model": "b"}}))
        got, ended = await heard(socket)
    assert got == []
    assert ended == (1008, 'not as recorded: setup: $.setup.model is "b", recorded (message 1) is "a"')


async def test_other_places_are_refused_and_told_the_right_one(data: Path) -> None:
    async with served(script(data)) as replay:
        for path in ("/v1/other", "/", "/v1/realtime/calls"):
            with pytest.raises(InvalidStatus) as refused:
                async with replay.connect(path):
                    pass
            assert refused.value.response.status_code == 404
            assert "WebSockets at /v1/realtime," in json.loads(refused.value.response.body)["error"]["message"]
        async with replay.connect("//v1//realtime/?model=gpt-realtime") as socket:
            await socket.recv()
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port)
        writer.write(b"GET /v1/realtime HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404 ")
        writer.close()
        await writer.wait_closed()


async def test_a_known_subprotocol_is_agreed_to_and_a_key_is_not_said_back(data: Path) -> None:
    offered = [Subprotocol("openai-insecure-api-key.sk-123"), Subprotocol("realtime")]
    async with served(script(data)) as replay, replay.connect(subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"


async def test_binary_messages_stay_binary(data: Path) -> None:
    said = [(False, b'{"type": "session.created"}'), (True, b'{"type": "note", "n": 1}'), (False, b"\x00\x01sound")]
    async with served(script(data, *said), manner=STRICT) as replay, replay.connect() as socket:
        assert await socket.recv() == said[0][1]
        await socket.send(b'{"type":"note","n":1}')
        assert await socket.recv() == bytes(7)


UPGRADE = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_a_message_that_is_too_large_ends_that_connection_alone(data: Path) -> None:
    """It is refused by its header."""
    async with served(script(data)) as replay:
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port)
        writer.write(UPGRADE)
        await reader.readuntil(b'"sess_1"}}')
        writer.write(b"\x81\xff" + (playserver.MAX_MESSAGE + 1).to_bytes(8) + b"mask")
        closing = await asyncio.wait_for(reader.readexactly(4), 20)
        assert (closing[0], int.from_bytes(closing[2:])) == (0x88, 1009)
        writer.close()
        async with replay.connect() as socket:
            await socket.send(asking())
            assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["session.created", "response.done"]
        await replay.over(2)


async def test_only_so_many_at_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playserver, "MOST_CONNECTIONS", 2)
    async with served(script(data)) as replay:
        async with replay.connect() as first, replay.connect() as second:
            await first.recv()
            await second.recv()
            with pytest.raises(InvalidStatus) as refused:
                async with replay.connect():
                    pass
            assert refused.value.response.status_code == 503
        await replay.over(2)
        async with replay.connect() as third:
            await third.recv()


async def test_only_so_often(data: Path) -> None:
    scripts = script(data), script(data, (False, {"type": "session.created", "session": {"id": "sess_2"}}), name=OTHER)
    made = Served(0)
    server = PlayServer(scripts, FAST, 3, made.played.append)
    async with server.serving(0) as made.port:
        first: list[str] = []
        for _ in range(3):
            async with made.connect() as socket:
                first.append(json.loads(await socket.recv())["session"]["id"])
        await asyncio.wait_for(server.over(), 20)
        assert first == ["sess_1", "sess_2", "sess_1"]
        with pytest.raises(InvalidStatus):
            async with made.connect():
                pass


async def test_an_app_that_reads_nothing_is_left(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not read waits in bounds, and others are served meanwhile."""
    monkeypatch.setattr(playserver, "WRITE_SECONDS", 0.5)
    large = [(False, {"type": "note", "text": "words " * 200_000}) for _ in range(40)]
    async with served(script(data, *large)) as replay:
        reader, writer = await asyncio.open_connection("127.0.0.1", replay.port, limit=1 << 12)
        writer.write(UPGRADE)
        await reader.readline()
        async with replay.connect() as other:
            assert len([await other.recv() for _ in range(40)]) == 40
        await replay.over(2)
        writer.close()
    assert {played.broken for played in replay.played} == {None, "the app read nothing for 0.5 s"}
    [broken] = [played for played in replay.played if played.broken]
    assert broken.score.unsaid > 20


async def test_an_app_that_says_whatever_it_likes(data: Path) -> None:
    async with served(script(data)) as replay, replay.connect() as socket:
        for message in ("", "[]", "null", '{"type": 7}', '{"type":"a","type":"b"}', "[" * 5_000, b"\xff\x00", '{"type":"\\ud800"}'):
            await socket.send(message)
        await socket.send(asking())
        assert [json.loads(await socket.recv())["type"] for _ in range(2)] == ["session.created", "response.done"]
        await socket.close()
        score = (await replay.over()).score
        assert (score.n_unexpected, score.heard) == (7, 2)


def test_a_recording_says_what_is_not_as_it_was(data: Path) -> None:
    sound = "A" * 4_000
    said = [(True, {"type": "input_audio_buffer.append", "audio": sound}), (False, {"type": "response.output_audio.delta", "delta": sound})]
    made = script(data, *said, events={"keeps": "events", "count": 2, "lost": 0, "cut": "size"})
    assert made.notes == (
        "the model's sound: silence as long as it was, in 1 messages",
        "the recording stops before the session did: the recording was full",
    )
    [line] = made.lines
    assert json.loads(line.payload)["delta"] == sound  # type: ignore[union-attr]


# -- the command ----------------------------------------------------------------------------------------------------------


@contextmanager
def command(data: Path, *words: str) -> Iterator[tuple[Popen[str], str]]:
    with spawned([*COMMAND, "replay", *words, "--to", "client", "--data", str(data), "--port", "0"]) as child:
        assert child.stderr is not None
        told = []
        for line in child.stderr:
            told.append(line)
            if line.startswith("replay ready "):
                break
        yield child, "".join(told)


async def hold(address: str, *messages: str) -> list[Any]:
    async with connect(f"ws://{address}/v1/realtime", compression=None) as socket:
        for message in messages:
            await socket.send(message)
        return [json.loads(await asyncio.wait_for(socket.recv(), 20))["type"] for _ in range(len(messages) + 1)]


async def test_the_command_serves_tells_what_to_paste_and_reports(data: Path) -> None:
    with command(data, record(data)[:10], "--once", "--json") as (child, told):
        address = told.split()[-1]
        assert f"{ID}  ws://{address}/v1/realtime  3 messages, 1.0 s" in told
        assert f"export OPENAI_BASE_URL=http://{address}/v1\n" in told
        assert await hold(address, asking()) == ["session.created", "response.done"]
        out, _ = await asyncio.to_thread(child.communicate, timeout=30)
    assert child.returncode == 0
    [report] = json.loads(out)
    assert (report["session"], report["ok"], report["matched"], report["sent"], report["not_sent"]) == (ID, True, 1, 2, 0)


async def test_what_was_not_as_recorded_is_told_and_fails(data: Path) -> None:
    with command(data, record(data), "--fast", "--strict", "--times", "1") as (child, told):
        await hold(told.split()[-1], json.dumps({"type": "response.cancel"}))
        out, _ = await asyncio.to_thread(child.communicate, timeout=30)
    assert child.returncode == 1
    assert f"✗ connection 1, {ID}: 0 matched, 0 differing, 1 missing, 0 unexpected" in out
    assert "refused: response.cancel came where message 2, response.create, is recorded" in out
    assert "missing: message 2, response.create" in out


async def test_it_serves_until_it_is_stopped(data: Path) -> None:
    with command(data, record(data), "--pace", "0", "--ignore", "$.response") as (child, told):
        for _ in range(2):
            await hold(told.split()[-1], asking(response={"voice": "any"}))
        child.terminate()
        out, _ = await asyncio.to_thread(child.communicate, timeout=30)
    assert (child.returncode, out.count("✓ connection")) == (0, 2)


def test_nobody_who_came_is_a_failure(data: Path) -> None:
    with command(data, record(data)) as (child, _):
        child.terminate()
        out, _ = child.communicate(timeout=30)
    assert (child.returncode, out) == (1, "")


def test_what_cannot_be_served(data: Path) -> None:
    record(data, content="metadata")
    record(data, name=OTHER)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wrong = {
            "VT103": ("nobody",),
            "VT110": (ID,),
            "VT101": (OTHER, "--port", str(taken.getsockname()[1])),
            "VT105": (OTHER, "--ignore", "session"),
            "VT102": (OTHER, "--tls"),
        }
        for code, words in wrong.items():
            assert refusal(data, *words, "--to", "client").code == code
    assert "log.frames: events" in refusal(data, ID, "--to", "client").fix


def refusal(data: Path, *words: str) -> Failure:
    ran = CliRunner().invoke(app, ["replay", *words, "--data", str(data)])
    assert isinstance(ran.exception, Failure), ran.output
    return ran.exception


def test_a_session_without_a_word_of_whom_to_replay_it_to(data: Path) -> None:
    for words in ((ID,), ("a.jsonl", "b.jsonl")):
        failure = refusal(data, *words)
        assert (failure.code, "--to client" in failure.fix) == ("VT105", True)


@pytest.mark.parametrize(
    "words",
    [("a.jsonl", "--strict"), (ID, "--to", "client", "--set", "a=b"), (ID, "--to", "client", "--yes")],
    ids=["file", "client", "nobody asked"],
)
def test_options_of_something_else(words: tuple[str, ...], data: Path) -> None:
    """They are refused, so that nobody takes them for done."""
    assert " with --to " in (failure := refusal(data, *words)).message
    assert failure.code == "VT105"
