"""`replay --to client`: recorded sessions served to an app in the place of the provider, and a report of how the app did its part."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

import typer

from cli import playreport
from cli.errors import FAILED
from cli.errors import Failure
from cli.output import print_json
from cli.output import progress
from cli.player import Manner
from cli.playlines import Script
from cli.playscript import script_of
from cli.playserver import Played
from cli.playserver import PlayServer
from cli.playtls import tls_context
from cli.recording import load
from cli.records import readable
from realtime.jsonpath import Path as Place
from realtime.jsonpath import PathError
from realtime.jsonpath import compile_path


@dataclass(frozen=True, slots=True)
class Serving:
    """The options of the command: `times` None is until it is stopped."""

    pace: float
    port: int
    tls: bool
    strict: bool
    ignore: tuple[str, ...]
    times: int | None
    patience: float


def to_client(data: Path, sessions: list[str], serving: Serving, *, as_json: bool) -> None:
    """Serve to the end. Raises Failure VT101, VT102, VT103, VT105, VT110, and typer.Exit where an app did not do its part, or none came."""
    manner = Manner(serving.pace, serving.strict, tuple(map(_place, serving.ignore)), serving.patience)
    scripts = list(_scripts(data, sessions))
    done: list[Played] = []

    def over(played: Played) -> None:
        done.append(played)
        if not as_json:
            playreport.show(len(done), played)

    def announce(port: int) -> None:
        playreport.announce(scripts, port, data, tls=serving.tls)

    tls = tls_context(data) if serving.tls else None
    try:
        asyncio.run(_serve(PlayServer(scripts, manner, serving.times, over), serving.port, tls, announce))
    except OSError as error:
        raise Failure("VT101", f"port {serving.port} cannot be bound: {error.strerror or error}", "name another with --port") from None
    if as_json:
        print_json([playreport.told(played) for played in done])
    if not done or not all(map(playreport.is_good, done)):
        raise typer.Exit(FAILED)


def _scripts(data: Path, sessions: list[str]) -> Iterator[Script]:
    """Raises Failure VT102, VT103, VT105, VT110."""
    with progress("reading", len(sessions)) as bar, readable(data):
        for session in sessions:
            yield script_of(load(data, session))
            bar.advance(bar.task_ids[0])


async def _serve(server: PlayServer, port: int, tls: SSLContext | None, ready: Callable[[int], None]) -> None:
    """Until it is over, or SIGINT or SIGTERM comes. Raises OSError where the port cannot be bound."""
    loop = asyncio.get_running_loop()
    async with server.serving(port, tls) as bound:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.stop)
        ready(bound)
        await server.over()


def _place(text: str) -> Place:
    """Raises Failure VT105."""
    try:
        return compile_path(text)
    except PathError as error:
        raise Failure("VT105", f"--ignore {text}: {error}", "paths look like $.session.instructions, docs/rules.md has all of it") from None
