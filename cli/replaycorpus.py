"""`replay FILE`: a corpus of transcripts held through the running proxy, call by call, to see what its policies make of it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Final
from urllib.parse import quote
from urllib.parse import urlsplit

import typer

from cli.errors import FAILED
from cli.errors import Failure
from cli.keystore import stored_ids
from cli.keystore import stored_keys
from cli.output import err
from cli.output import print_json
from cli.rulesfile import valid_rules
from cli.runfile import find_running
from cli.runfile import reached
from providers import provider as provider_of
from rules.keys import hash_key
from rules.match import RequestFacts
from rules.model import Rules
from rules.resolve import Refusal
from rules.resolve import resolve
from rules.upstream import Provider

_USUAL: Final = "gpt-realtime"
_PATH: Final = "/v1/realtime"
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def replay_corpus(
    file: Path, *, rules: Path, data: Path, model: str | None, key: str | None, pace: float, yes: bool, as_json: bool
) -> None:
    """Hold the conversations of a file. Raises Failure VT100, VT105, VT108, VT109, typer.Exit where one was refused or ended."""
    from cli import replayed  # takes a while to import, which other commands need not wait for
    from cli.replaying import Line

    corpus, known, secret = replayed.corpus(file), valid_rules(rules, stored_ids(data)), shown_key(key)
    wanted = _model(known, model)
    name, provider = _provider(known, wanted, key_id(known, data, secret))
    if provider.kind != "simulator" and not yes:
        _confirm(name, len(corpus))
    line = Line(_url(data, wanted), {"Authorization": f"Bearer {secret}"}, _address(provider), pace)
    run = replayed.Replay(corpus, line, data, quiet=as_json)
    asyncio.run(run.all())
    if as_json:
        print_json(run.told)
    else:
        run.sum_up()
    if any(told["close"] for told in run.told):
        raise typer.Exit(FAILED)


def _model(rules: Rules, model: str | None) -> str:
    """The model that is asked for: where none is named, one of a simulator, best of one that can be played here. Raises Failure VT105."""
    if model is not None:
        return model
    simulators = sorted((entry.url is None, name) for name, entry in rules.providers.items() if entry.kind == "simulator")
    if not simulators:
        raise Failure("VT105", "the rules have no simulator", "name whom to talk to: --model PROVIDER/MODEL")
    return f"{simulators[0][1]}/{_USUAL}"


def _provider(rules: Rules, model: str, key: str | None) -> tuple[str, Provider]:
    """Who gets these conversations by the routes of the rules. Raises Failure VT105."""
    found = resolve(rules, RequestFacts("gateway", _PATH, model, key=key))
    if isinstance(found, Refusal):
        raise Failure("VT105", f"--model {model!r}: {found.message}", f"./run.sh explain --model {model} says why")
    entry = rules.providers[found.provider]
    if "openai" not in provider_of(entry.kind).capabilities.dialects:
        raise Failure("VT105", f"{found.provider} does not speak the protocol that is replayed", "choose a provider with OpenAI's protocol")
    return found.provider, entry


def _address(provider: Provider) -> tuple[str, int] | None:
    """Where the provider is played, host and port; None where it is a real one, or one that the proxy itself plays."""
    if provider.kind != "simulator" or provider.url is None:
        return None
    parts = urlsplit(str(provider.url))
    if parts.hostname not in _LOOPBACK or parts.port is None:
        raise Failure("VT105", f"a simulator at {provider.url} cannot be played here", "give it a url such as http://127.0.0.1:8790")
    with socket.socket(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((parts.hostname, parts.port))
        except OSError:
            err().print(f"{provider.url} is served already: answers are its own, and what reaches it does not show here", style="dim")
            return None
    return parts.hostname, parts.port


def _url(data: Path, model: str) -> str:
    """Raises Failure VT108."""
    running = find_running(data)
    if running is None:
        raise Failure("VT108", f"no proxy serves {data}", "start it, or name its folder with --data")
    return f"ws://{reached(running.gateway)}{_PATH}?model={quote(model, safe='')}"


def shown_key(key: str | None) -> str:
    """Raises Failure VT105."""
    if not key:
        raise Failure("VT105", "no key to show to the proxy", "set VOICETAP_KEY, or --key; ./run.sh keys new NAME makes one")
    return key


def key_id(rules: Rules, data: Path, key: str | None) -> str | None:
    """The key's id; None for one that is not known here."""
    digest = hash_key(key) if key else None
    return next((known.id for known in (*rules.keys, *stored_keys(data)) if known.hash == digest), None)


def _confirm(name: str, number: int) -> None:
    """Raises Failure VT105 where nobody says yes."""
    err().print(f"billable: {name} may charge for these {number} conversations", style="dim")
    try:
        typer.confirm("Send them?", abort=True, err=True)
    except typer.Abort:
        raise Failure("VT105", "nothing is sent", "answer y, or add --yes") from None
