"""`show`: one session of the log: what it was, what was said when, which tools ran, how long it took, what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from typing import Any

import typer
from rich.text import Text

from cli.completion import complete_session
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import out
from cli.output import print_json
from cli.plain import plain
from cli.records import find_session
from cli.records import read_turns
from store.cells import SLOW_MS
from store.cells import clock
from store.cells import cost
from store.cells import duration
from store.cells import ending
from store.cells import first_audio
from store.cells import held
from store.cells import latency
from store.cells import media
from store.cells import moment
from store.cells import recorded
from store.cells import slowest
from store.cells import tokens

_LATENCIES = {
    "first_audio": "first audio",
    "first_output": "first output",
    "response": "answer",
    "barge_in_to_last_audio": "audio after barge-in",
}


def show(
    session: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete_session, help="The session, or the start of its id.")],
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Show one session with its turns."""
    record = find_session(data, session)
    turns = read_turns(data, record["id"])
    if as_json:
        print_json({"session": record, "turns": turns})
    else:
        print_session(record, turns)


def print_session(record: Mapping[str, Any], turns: list[dict[str, Any]]) -> None:
    """The session and its timeline, for people."""
    for line in session_lines(record, turns):
        out().print(line, soft_wrap=True)


def session_lines(record: Mapping[str, Any], turns: list[dict[str, Any]]) -> Iterator[Text]:
    """The same line by line."""
    for label, value in _facts(record):
        yield Text.assemble((f"{label:>10}  ", "bold"), plain(value))
    begun = moment(record["started_at"])
    slow = slowest(turns)
    for turn in turns:
        yield Text()
        yield from _turn(turn, begun, turn["index"] == slow)


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "session", f"{record['id']}  {record['transport']}, {ending(record)}"
    yield "started", f"{clock(record['started_at'])}, lasted {duration(record)}"
    yield "caller", f"{record['principal']}, route {record['route'] or 'none'}"
    yield "model", f"{record['provider']}/{record['model'] or 'not named'}"
    yield "turns", record["turns"]
    yield "usage", tokens(record["usage"])
    yield "cost", cost(record["cost"]) + _source(record["cost"])
    if record.get("media"):
        yield from zip(("media", ""), media(record["media"]), strict=True)
    if record.get("held"):
        yield "held", held(record["held"])
    if record.get("recording"):
        yield "sound", recorded(record["recording"])
    if kept := record.get("events"):
        yield "messages", f"{kept['count']} on record, ./run.sh events shows them" + (f" (cut short: {kept['cut']})" if kept["cut"] else "")
    if record.get("error"):
        yield "error", f"{record['error'].get('code')}: {record['error'].get('message')}"


def _source(found: Mapping[str, Any] | None) -> str:
    source = (found or {}).get("source")
    date = (found or {}).get("date")
    return f"  ({source}{f', {date}' if date else ''})" if source else ""


def _turn(turn: Mapping[str, Any], begun: datetime, slow: bool) -> Iterator[Text]:
    at = (moment(turn["started_at"]) - begun).total_seconds()
    head = f"turn {turn['index']}  at {at:.1f} s, {turn['status']}{f' ({turn["reason"]})' if turn.get('reason') else ''}"
    wait = (first_audio(turn) or 0.0) if slow else 0.0
    mark = ("  the longest wait" if slow else "", "red" if wait > SLOW_MS else "dim")
    yield Text.assemble((plain(head), "bold"), f"  by {plain(turn['trigger'])}", mark)
    why = turn.get("content", "not stored")
    yield _said("user", "→", turn.get("input"), turn["input_chars"], turn["audio"]["in_seconds"], why)
    for call in turn["tool_calls"]:
        yield _tool(call)
    yield _said("model", "←", turn.get("output"), turn["output_chars"], turn["audio"]["out_seconds"], why)
    spans = [f"{name} {latency(turn['clocks'][key])}" for key, name in _LATENCIES.items() if key in turn["clocks"]]
    if turn.get("held"):
        spans.append(f"held for {latency(turn['held']['first_ms'])}, at most {latency(turn['held']['longest_ms'])}")
    yield Text(f"   {', '.join(spans) or 'no latencies'}", style="dim")
    yield Text(f"   {tokens(turn['usage'])}, {cost(turn['cost'])}", style="dim")
    if turn.get("error"):
        yield Text(f"   error {plain(turn['error'].get('code'))}: {plain(turn['error'].get('message'))}", style="red")


def _said(who: str, arrow: str, text: str | None, chars: int, seconds: float, why: str) -> Text:
    """The words where they are stored, else how many there were and why they are not there."""
    words = f"“{plain(text)}”" if text else f"{chars} characters, text {why}" if chars else "no words"
    sound = f"  [{seconds:.1f} s audio]" if seconds else ""
    style = "cyan" if arrow == "→" else "magenta"
    return Text.assemble((f" {arrow} {who:<6}", style), words, (sound, "dim"))


def _tool(call: Mapping[str, Any]) -> Text:
    arguments = plain(call["arguments"], 200) if call.get("arguments") is not None else f"{call['arguments_chars']} characters"
    result = plain(call["result"], 200) if call.get("result") is not None else f"{call['result_chars']} characters"
    answer = "no result" if call["result_chars"] is None else f"{result} after {latency(call['result_ms'])}"
    return Text.assemble((" ⚙ tool  ", "yellow"), f"{plain(call['name'])}({arguments}) → {answer}")
