"""`sessions`, `show` and `tail` over a real log: what they list, with the writer at work, done and killed."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commandline import COMMAND
from commandline import Cli
from commandline import spawned

from store.log import Log

FIRST = "ses_0aaa000001"
SECOND = "ses_0bbb000002"
USAGE = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10, "input_audio": 15, "output_audio": 8}
COST = {"usd": 0.00125, "priced": True, "partial": False, "source": "genai-prices", "date": "2026-10-01", "lines": []}


def opening(name: str, minute: int, **more: Any) -> dict[str, Any]:
    made = {
        "id": name,
        "started_at": f"2026-11-21T09:{minute:02d}:00.000Z",
        "ended_at": None,
        "transport": "websocket",
        "door": "gateway",
        "principal": "kiosk",
        "route": "rest",
        "provider": "openai",
        "upstream_host": "api.openai.com",
        "grouping": None,
        "client": {"address": "127.0.0.1", "agent": "test", "origin": None, "path": "/v1/realtime?model=gpt-realtime"},
        "model": "gpt-realtime",
        "turns": 0,
        "usage": {"total_tokens": 0, "input_tokens": 0, "output_tokens": 0},
        "cost": {**COST, "usd": 0.0},
        "error": None,
        "close": None,
    }
    return made | more


def turn(name: str, index: int, minute: int, **more: Any) -> dict[str, Any]:
    made = {
        "session": name,
        "index": index,
        "trigger": "vad",
        "status": "completed",
        "reason": None,
        "error": None,
        "started_at": f"2026-11-21T09:{minute:02d}:05.000Z",
        "ended_at": f"2026-11-21T09:{minute:02d}:08.500Z",
        "input": "what is the weather in \x1b[31mParis\x1b[0m",
        "output": "sunny \u202e with a little wind",
        "input_chars": 28,
        "output_chars": 25,
        "tool_calls": [
            {"call_id": "c", "name": "get_weather", "arguments_chars": 16, "result_chars": 5, "result_ms": 12.0}
            | {"arguments": '{"city":"Paris"}', "result": "sunny"}
        ],
        "usage": USAGE,
        "cost": COST,
        "clocks": {"first_audio": 412.3, "response": 2500.0, "since": "speech_stopped"},
        "audio": {"in_seconds": 2.1, "out_seconds": 3.4},
    }
    return made | more


CLOSING = {
    "ended_at": "2026-11-21T09:31:00.000Z",
    "turns": 1,
    "usage": USAGE,
    "cost": COST,
    "close": {"code": 1000, "reason": "bye \x1b]0;pwned\x07now", "side": "client"},
}


@pytest.fixture
def log(data: Path) -> Iterator[Log]:
    """A log with one session that is over and one that is open; its writer is at work."""
    made = Log.open(data)
    made.session_opened(opening(FIRST, 30))
    made.turn_written(turn(FIRST, 0, 30))
    made.session_closed(FIRST, CLOSING)
    made.session_opened(opening(SECOND, 40, provider="azure-eu", principal="lab"))
    made.commit()
    yield made
    made.close()


_WRITER = """
import json, sys, time
from pathlib import Path
from store.log import Log
log = Log.open(Path(sys.argv[1]))
log.session_opened(json.loads(sys.argv[2]))
log.commit()
print("written", flush=True)
time.sleep(60)
"""


def test_sessions_after_the_writer_was_killed(cli: Cli, data: Path) -> None:
    with spawned([sys.executable, "-c", _WRITER, str(data), json.dumps(opening(FIRST, 30))]) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        writer.kill()
    [record] = cli("sessions", "--json").json
    assert (record["id"], record["ended_at"], record["close"]) == (FIRST, None, None)


def test_no_log_is_an_empty_list(cli: Cli, data: Path) -> None:
    found = cli("sessions", "--json")
    assert (found.code, found.json, found.err) == (0, [], "")
    assert not data.exists()


def test_sessions_while_the_writer_works_and_after(cli: Cli, log: Log) -> None:
    for end in (log.close, lambda: None):
        found = cli("sessions", "--json")
        assert found.code == 0
        assert [record["id"] for record in found.json] == [SECOND, FIRST]
        record = found.json[1]
        assert record["turns"] == 1
        assert record["usage"]["total_tokens"] == 30
        assert record["cost"]["usd"] == 0.00125
        assert (record["close"]["code"], record["close"]["side"]) == (1000, "client")
        assert found.json[0]["ended_at"] is None
        end()


def test_the_table_is_plain_when_piped(cli: Cli, log: Log) -> None:
    found = cli("sessions")
    assert found.code == 0
    assert "\x1b" not in found.out
    head, *rows = found.out.splitlines()
    assert head.split() == ["session", "started", "lasted", "key", "route", "provider/model", "turns", "tokens", "cost", "end"]
    assert len(rows) == 2
    assert "$0.001250" in rows[1]
    assert "1000 by client bye now" in rows[1]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["key=lab"], [SECOND]),
        (["key=k*"], [FIRST]),
        (["provider=azure-*", "key=kiosk"], []),
        (["status=live"], [SECOND]),
        (["status=ended"], [FIRST]),
        (["session=ses_0aaa*"], [FIRST]),
        (["since=2026-11-21T09:40:00Z"], [SECOND]),
        (["until=2026-11-21T09:40:00Z", "key=*"], [FIRST]),
        (["--limit", "1"], [SECOND]),
        (["little wind"], [FIRST]),
        (["Little", "WIND", "key=k*"], [FIRST]),
        (["wind little"], []),
        (["gpt-realtime"], [SECOND, FIRST]),
    ],
)
def test_conditions(cli: Cli, log: Log, conditions: list[str], expected: list[str]) -> None:
    assert [record["id"] for record in cli("sessions", "--json", *conditions).json] == expected


@pytest.mark.parametrize("command", ["sessions", "tail"])
def test_a_condition_that_is_none(cli: Cli, command: str) -> None:
    found = cli(command, "colour=red")
    assert found.code == 2
    assert "error VT105: 'colour=red' is no condition" in found.err


def test_show(cli: Cli, log: Log) -> None:
    found = cli("show", FIRST)
    assert found.code == 0
    assert "“what is the weather in Paris”" in found.out
    assert "“sunny  with a little wind”" in found.out
    assert 'get_weather({"city":"Paris"}) → sunny after 12 ms' in found.out
    assert "first audio 412 ms, answer 2500 ms" in found.out
    assert "20 in, 10 out (input_audio 15, output_audio 8), $0.001250" in found.out
    assert "$0.001250  (genai-prices, 2026-10-01)" in found.out
    assert "pwned" not in found.out
    assert "\x1b" not in found.out


def test_show_by_the_start_of_the_id(cli: Cli, log: Log) -> None:
    found = cli("show", "ses_0aaa", "--json")
    assert found.code == 0
    assert found.json["session"]["id"] == FIRST
    assert [each["index"] for each in found.json["turns"]] == [0]


def test_show_without_stored_texts(cli: Cli, log: Log) -> None:
    bare = {name: value for name, value in turn(SECOND, 0, 40).items() if name not in ("input", "output")}
    bare["tool_calls"] = [{name: value for name, value in bare["tool_calls"][0].items() if name not in ("arguments", "result")}]
    log.turn_written(bare)
    log.commit()
    found = cli("show", SECOND)
    assert "28 characters, text not stored" in found.out
    assert "get_weather(16 characters) → 5 characters after 12 ms" in found.out


@pytest.mark.parametrize(("name", "said"), [("nothing", "no session 'nothing'"), ("ses_0", "fits 2 sessions")])
def test_show_of_what_is_not_there(cli: Cli, log: Log, name: str, said: str) -> None:
    found = cli("show", name)
    assert found.code == 1
    assert "error VT103: " in found.err
    assert said in found.err


def test_explain_a_session(cli: Cli, log: Log) -> None:
    found = cli("explain", "--session", FIRST, "--json")
    assert found.code == 0
    assert (found.json["route"], found.json["target"]["provider"]) == ("rest", "openai")
    assert found.json["request"]["key"] == "kiosk"


def test_tail_of_what_happened(cli: Cli, log: Log) -> None:
    found = cli("tail")
    assert found.code == 0
    assert [line.split()[2] for line in found.out.splitlines()] == ["open", "turn", "close", "open"]
    assert "0 completed, first audio 412 ms, tools get_weather, $0.001250, “sunny  with a little wind”" in found.out
    assert [line.split()[2] for line in cli("tail", "-n", "2").out.splitlines()] == ["close", "open"]
    assert cli("tail", "key=nobody").out == ""
    assert [line.split()[2] for line in cli("tail", "little wind").out.splitlines()] == ["turn"]
    assert cli("tail", "little wind", "kind=open").out == ""


def test_tail_follows(data: Path, log: Log) -> None:
    with spawned([*COMMAND, "tail", "--follow", "--json", "-n", "1", "--data", str(data), "key=lab"]) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["event"] == "open"
        log.turn_written(turn(SECOND, 0, 40, started_at="2126-11-21T09:40:05.000Z", ended_at="2126-11-21T09:40:08.000Z"))
        log.session_opened(opening("ses_0ccc000003", 50))
        log.session_closed(SECOND, {**CLOSING, "ended_at": "2126-11-21T09:41:00.000Z"})
        log.commit()
        lines = [json.loads(child.stdout.readline()) for _ in range(2)]
        child.send_signal(signal.SIGINT)
        assert child.wait() == 0
    assert [(line["event"], line["session"]) for line in lines] == [("turn", SECOND), ("close", SECOND)]
    assert lines[0]["record"]["status"] == "completed"
    assert lines[1]["record"]["close"]["code"] == 1000


def test_tail_goes_on_in_another_day_and_tells_of_ends_that_lie_before_it(data: Path, log: Log) -> None:
    """As where a proxy starts again after a crash: it ends what was open at its last line."""
    later = {"started_at": "2126-11-22T00:00:01.000Z"}
    with spawned([*COMMAND, "tail", "--follow", "--json", "-n", "1", "--data", str(data)]) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["event"] == "open"
        log.session_closed(SECOND, CLOSING)
        log.commit()
        closed = json.loads(child.stdout.readline())
        log.session_opened(opening("ses_0ddd000004", 0, **later))
        log.commit()
        opened = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGINT)
        assert child.wait() == 0
    assert len(list((data / "log").glob("*-*-*.jsonl*"))) >= 2
    assert [(line["event"], line["session"]) for line in (closed, opened)] == [("close", SECOND), ("open", "ses_0ddd000004")]


def test_tail_of_a_time(cli: Cli, log: Log) -> None:
    kinds = [line.split()[2] for line in cli("tail", "since=2026-11-21T09:30:01Z", "until=2026-11-21T09:35:00Z").out.splitlines()]
    assert kinds == ["turn", "close"]
    assert cli("tail", "since=tomorrow").code == 2


def test_a_log_that_cannot_be_read(cli: Cli, data: Path) -> None:
    data.mkdir()
    (data / "log").write_text("not a folder")
    found = cli("sessions")
    assert found.code == 1
    assert "error VT102: " in found.err
