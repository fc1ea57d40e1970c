"""`replay SESSION --to upstream PROVIDER/MODEL`: what a recorded client said, sent to another model, voice or provider, and compared.

It goes through the gateway as a session like any other, so that policies, budgets and records apply.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from typing import Final

import typer
from rich.progress import Progress as Bar
from rich.text import Text
from websockets.exceptions import InvalidStatus
from websockets.exceptions import WebSocketException

from cli.diff import aspects_of
from cli.diff import compared
from cli.errors import FAILED
from cli.errors import Failure
from cli.keystore import stored_ids
from cli.output import err
from cli.output import out
from cli.output import print_json
from cli.output import progress
from cli.plain import plain
from cli.probe import message_of
from cli.proxyprocess import proxy_process
from cli.recording import Recording
from cli.recording import load
from cli.records import readable
from cli.replaycall import is_call
from cli.replaycorpus import key_id
from cli.replaycorpus import shown_key
from cli.replaycourse import Course
from cli.replayedits import edits_of
from cli.replayplan import Plan
from cli.replayscript import payloads
from cli.replaysending import Line
from cli.replaysending import Outcome
from cli.replaysending import send
from cli.replayspelling import SPELLINGS
from cli.rulesfile import valid_rules
from cli.runfile import find_running
from cli.runfile import reached
from store.reader import LogReader

_LOG_SECONDS: Final = 10.0
_ANYWHERE: Final = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Sending:
    """How it is sent. `pace` multiplies the recorded times; an answer may take `patience` seconds. `only` and `within` are those of `diff`:

    with `only`, a difference is a failure.
    """

    pace: float
    patience: float
    voice: str | None = None
    instructions: Path | None = None
    settings: tuple[str, ...] = ()
    silence: bool = False
    only: str | None = None
    within: float = 0.0


def to_upstream(data: Path, rules: Path, session: str, model: str, how: Sending, *, key: str | None, yes: bool, as_json: bool) -> None:
    """Send it and compare. Raises Failure; typer.Exit where it did not come to its end, or differs in what was named."""
    aspects_of(how.only)
    known, recording = valid_rules(rules, stored_ids(data)), load(data, session)
    with readable(data):
        plan = Plan.of(known, recording, model, key_id(known, data, key), silence=how.silence)
    spelling = SPELLINGS[recording.dialect]
    edits = edits_of(
        spelling,
        plan.target.upstream_model,
        transcribes=recording.dialect == "openai" and recording.record.get("family") == "transcription",
        named_later=plan.target.named_later,
        flat=plan.script.beta,
        voice=how.voice,
        instructions=_text(how.instructions),
        settings=how.settings,
    )
    if not yes:
        _refuse(plan, how.pace, as_json=as_json)
    secret = shown_key(key)
    baked = bool(recording.record.get("client_secret") or is_call(recording))
    course = Course(plan.script, recording.dialect, spelling, edits, baked=baked)
    name = f"replays:{recording.id}:{os.urandom(3).hex()}"
    if not as_json:
        plan.show(how.pace)
    with _gateway(data, rules) as gateway, progress("connecting", len(plan.script.steps)) as bar:
        line = Line(f"ws://{gateway}{plan.target.path}", _headers(secret, name, beta=plan.script.beta), how.pace, how.patience)
        outcome = asyncio.run(_sent(recording, plan, course, line, bar))
        found = _logged(data, name)
    _tell(data, recording, plan, course, outcome, found, how, as_json=as_json)


async def _sent(recording: Recording, plan: Plan, course: Course, line: Line, bar: Bar) -> Outcome:
    """Raises Failure VT109."""
    opening = course.opening()
    messages = chain([(*opening, True)] if opening else [], payloads(recording, plan.script, SPELLINGS[recording.dialect]))

    def told(count: int, why: str) -> None:
        bar.update(bar.task_ids[0], completed=count, description=f"waiting for {why}" if why else "sending")

    try:
        return await send(line, messages, plan.script.end, course, told)
    except InvalidStatus as error:
        body = (error.response.body or b"").decode(errors="replace")
        raise Failure(
            "VT109",
            f"refused with {error.response.status_code}: {message_of(body) or 'no reason given'}",
            "docs/errors.md has every refusal",
        ) from None
    except (OSError, WebSocketException) as error:
        raise Failure("VT109", f"the gateway cannot be used: {error or type(error).__name__}", "./run.sh doctor") from None


@contextmanager
def _gateway(data: Path, rules: Path) -> Iterator[str]:
    """HOST:PORT of the proxy that serves the data folder, else of one that serves it as long as the block lasts. Raises Failure VT101."""
    running = find_running(data)
    if running is not None:
        yield reached(running.gateway)
        return
    with proxy_process(rules, data, ["--gateway", _ANYWHERE, "--control", _ANYWHERE]) as served:
        yield reached(served.gateway)


def _headers(secret: str, name: str, *, beta: bool) -> dict[str, str]:
    made = {"Authorization": f"Bearer {secret}", "baggage": f"session-id={name}"}
    return made | ({"OpenAI-Beta": "realtime=v1"} if beta else {})


def _text(file: Path | None) -> str | None:
    """Raises Failure VT105."""
    try:
        return None if file is None else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("VT105", f"--instructions: {error}", "name a text file") from None


def _refuse(plan: Plan, pace: float, *, as_json: bool) -> None:
    """Raises Failure VT115."""
    if as_json:
        print_json(plan.told(pace))
    else:
        plan.show(pace)
    raise Failure("VT115", "nothing was sent", "add --yes to send it")


def _logged(data: Path, name: str) -> str | None:
    """The session that was made, once its end is in the log; None for one that is not kept there."""
    reader, until = LogReader(data), time.monotonic() + _LOG_SECONDS
    with readable(data):
        while time.monotonic() < until:
            found = reader.sessions(grouping=name, limit=1)
            if found and found[0]["ended_at"] is not None:
                return str(found[0]["id"])
            time.sleep(0.05)
    return None


def _tell(
    data: Path, recording: Recording, plan: Plan, course: Course, outcome: Outcome, found: str | None, how: Sending, *, as_json: bool
) -> None:
    """Raises typer.Exit where it failed, or differs in what was named."""
    difference = compared(data, recording.id, found, how.only, how.within) if found is not None else None
    if as_json:
        made: dict[str, Any] = {"replayed": recording.id, "session": found, **asdict(outcome), "otherwise": dict(course.notes)}
        print_json(made | {"notes": plan.notes, "difference": difference.told() if difference is not None else None})
    else:
        _show(course, outcome, found)
        if difference is not None:
            difference.show()
    if outcome.failed is not None or found is None or (how.only is not None and difference is not None and not difference.equal):
        raise typer.Exit(FAILED)


def _show(course: Course, outcome: Outcome, found: str | None) -> None:
    """What became of it."""
    for note, times in course.notes.items():
        out().print(Text(f"{plain(note, 400)}{f' ({times} times)' if times > 1 else ''}"), soft_wrap=True)
    for error in outcome.errors:
        out().print(Text.assemble(("error ", "bold red"), plain(error, 400)), soft_wrap=True)
    if outcome.failed is not None:
        out().print(Text.assemble(("it did not come to its end: ", "bold red"), plain(outcome.failed, 400)), soft_wrap=True)
    left_out = f", {outcome.skipped} left out" if outcome.skipped else ""
    out().print(f"{outcome.sent} messages sent{left_out}", markup=False, highlight=False)
    if found is None:
        err().print("the log of this folder does not have the session: is it that of the proxy?", style="yellow", soft_wrap=True)
    else:
        out().print(Text.assemble("session ", (plain(found), "bold")), soft_wrap=True)
