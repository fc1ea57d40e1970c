"""`replay`: a corpus held through the proxy, or a recorded session held again: served to an app, or sent to a provider."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from typing import Final

import typer

from cli.completion import complete_provider
from cli.errors import Failure
from cli.options import DATA
from cli.options import RULES
from cli.options import AsJson
from cli.options import DataFolder
from cli.options import RulesFile


class To(StrEnum):
    """Whom a recorded session is replayed to."""

    client = "client"
    upstream = "upstream"


PORT: Final = 8790
"""Where the provider `simulator` is looked for, so that a proxy with it can stand before a replay."""
PATIENCE: Final = 3.0

_ONLY: Final = {
    To.client: ("port", "tls", "strict", "ignore", "times", "once", "patience"),
    To.upstream: ("voice", "instructions", "settings", "silence", "wait", "only", "within"),
}
"""Options that mean something with that one alone."""
_ASKING: Final = ("model", "key", "yes")
"""Options of those that talk to a provider."""
_FIX: Final = "leave it out; docs/replay.md says what is there"
ANSWER: Final = 30.0


def replay(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...", help="A file with the messages of a conversation, or lines of a user, a line; with --to, recorded sessions."
        ),
    ],
    to: Annotated[
        To | None, typer.Option(help="Serve a recorded session to an app (client), or send its user's side to a provider (upstream).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", autocompletion=complete_provider, help="The model to ask for, as an app would; without, one of a simulator."
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="VOICETAP_KEY", metavar="KEY", help="The key of the proxy to show.")] = None,
    pace: Annotated[
        float | None,
        typer.Option(
            min=0, show_default="1 with --to, else 0", help="How slow it goes: 1 is real time or as recorded, 0 as fast as can be."
        ),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="The same as --pace 0.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before talking to a provider that bills.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="To a client: where to listen on 127.0.0.1; 0 takes a free port.")] = PORT,
    tls: Annotated[bool, typer.Option("--tls", help="To a client: speak TLS, with a certificate of the data folder's CA.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="To a client: refuse a message that is not what was recorded, and close.")
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="To a client: do not compare this place, such as $.session.instructions."),
    ] = None,
    times: Annotated[int | None, typer.Option(min=1, metavar="N", help="To a client: end after so many connections.")] = None,
    once: Annotated[bool, typer.Option("--once", help="To a client: serve each session once, then end.")] = False,
    patience: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="To a client: how long to wait for what the app skipped."),
    ] = PATIENCE,
    voice: Annotated[
        str | None, typer.Option(metavar="VOICE", help="To a provider: ask for this voice instead of the recorded one.")
    ] = None,
    instructions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="To a provider: give these instructions instead."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="To a provider: set this in the session's configuration, such as session.max_output_tokens=200; may be repeated.",
        ),
    ] = None,
    silence: Annotated[bool, typer.Option("--silence", help="To a provider: send silence where the sound was not kept.")] = False,
    wait: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="To a provider: how long to wait for an answer.")] = ANSWER,
    only: Annotated[
        str | None,
        typer.Option(metavar="WHAT,…", help="To a provider: compare only this, as diff; exit with 1 when it differs."),
    ] = None,
    within: Annotated[
        float,
        typer.Option(min=0, max=100, metavar="PERCENT", help="To a provider: numbers this close are equal."),
    ] = 0,
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Hold the conversations of a corpus through the running proxy, and show what reached the provider and which policies spoke.

    The other side is played here, from the transcripts, where the rules give a simulator a url on this computer that nobody serves.
    Any other provider gets the user's side only, in writing, and may bill it. Exits with 1 when a conversation was refused or ended.

    With --to client, serve recorded sessions to an app in the place of the provider, each connection the next one, and report how the
    app differed. With --to upstream, send what the app said in a recorded session to another model. docs/replay.md has both.
    """
    speed = 0.0 if fast else pace
    _check(context, to)
    match to:
        case To.client:
            from cli.replayclient import Serving
            from cli.replayclient import to_client

            number = len(what) if once else times
            serving = Serving(1.0 if speed is None else speed, port, tls, strict, tuple(ignore or ()), number, patience)
            to_client(data, what, serving, as_json=as_json)
        case To.upstream:
            from cli.replayupstream import Sending
            from cli.replayupstream import to_upstream

            session, wanted = _session_and_model(what, model)
            how = Sending(1.0 if speed is None else speed, wait, voice, instructions, tuple(settings or ()), silence, only, within)
            to_upstream(data, rules, session, wanted, how, key=key, yes=yes, as_json=as_json)
        case None:
            from cli.replaycorpus import replay_corpus

            file = _file(what)
            replay_corpus(file, rules=rules, data=data, model=model, key=key, pace=speed or 0.0, yes=yes, as_json=as_json)


def _check(context: typer.Context, to: To | None) -> None:
    """Raises Failure VT105 for an option that means nothing here."""
    given = {option.name: option.opts[0] for option in context.command.params if _is_typed(context, option.name)}
    for other, names in _ONLY.items():
        if (option := next((given[name] for name in names if name in given), None)) is not None and other is not to:
            raise Failure("VT105", f"{option} means something with --to {other} alone", _FIX)
    if to is To.client and (option := next((given[name] for name in _ASKING if name in given), None)) is not None:
        raise Failure("VT105", f"{option} means nothing with --to client: nobody is asked", _FIX)


def _is_typed(context: typer.Context, name: str | None) -> bool:
    source = context.get_parameter_source(name) if name else None
    return source is not None and source.name == "COMMANDLINE"


def _file(what: list[str]) -> Path:
    """Raises Failure VT105."""
    if len(what) > 1 or (what[0].startswith("ses_") and not Path(what[0]).exists()):
        raise Failure(
            "VT105", f"{' '.join(what)} is no file", "a recorded session needs --to client, or --to upstream PROVIDER/MODEL --yes"
        )
    return Path(what[0])


def _session_and_model(what: list[str], model: str | None) -> tuple[str, str]:
    """The session and whom to send it to, which is the word with a slash. Raises Failure VT105."""
    words = [*what, *([model] if model else [])]
    if len(words) != 2:
        raise Failure("VT105", "one session is sent to one model", "./run.sh replay SESSION --to upstream PROVIDER/MODEL --yes")
    session, wanted = reversed(words) if "/" in words[0] else words
    return session, wanted
