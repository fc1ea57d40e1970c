"""`erase`: what was said in sessions goes for good, texts and sound, also while a proxy runs; that it went stays on record."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import UTC
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated
from typing import Final

import typer

from addons.bills import complete
from cli.completion import complete_key
from cli.completion import complete_session
from cli.errors import Failure
from cli.options import DATA
from cli.options import AsJson
from cli.options import DataFolder
from cli.output import err
from cli.output import print_json
from cli.records import find_session
from cli.whoami import user
from store.clock import stamp
from store.clock import utc_now
from store.erasing import Done
from store.errors import LogLocked
from store.errors import StoreError
from store.inventory import Inventory
from store.inventory import Target
from store.log import Log
from store.reader import LogReader
from store.requests import Request
from store.requests import Requests
from store.requests import fulfil

_WAIT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.2


def erase(
    session: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", autocompletion=complete_session, help="A session, or the start of its id; may be repeated."),
    ] = None,
    key: Annotated[str | None, typer.Option(metavar="NAME", autocompletion=complete_key, help="All sessions of this key.")] = None,
    before: Annotated[str | None, typer.Option(metavar="DATE", help="All sessions that ended before this day or time, UTC.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataFolder = DATA,
    as_json: AsJson = False,
) -> None:
    """Erase texts and sound of sessions and destroy their keys; their records stay, and the log still verifies."""
    if (bool(session), key is not None, before is not None).count(True) != 1:
        raise Failure("VT105", "erase takes one of --session, --key and --before", "./run.sh erase --help")
    ids = [find_session(data, name)["id"] for name in session or ()]
    request = Request("", stamp(utc_now()), user(), tuple(ids), key, None if before is None else stamp(_moment(before)))
    targets = _targets(data, request)
    if targets and not yes:
        _confirm(targets)
    done = _erased(data, request) if targets else Done()
    if as_json:
        print_json({name: value for name, value in asdict(done).items() if name != "days"})
    else:
        err().print(f"erased the texts of {done.contents} session(s) and the sound of {done.recordings}", markup=False)


def _targets(data: Path, request: Request) -> list[Target]:
    """What there is to be erased. Raises Failure VT102, and VT104 for a key without any session."""
    try:
        inventory = Inventory(LogReader(data), data)
        found = request.targets(inventory)
    except (OSError, StoreError) as error:
        raise Failure("VT102", str(error), f"check {data}") from None
    if request.key is not None and all(known.principal != request.key for known in inventory.sessions.values()):
        raise Failure("VT104", f"no session in {data} is one of a key {request.key!r}", "./run.sh sessions shows whose they are")
    return found


def _confirm(targets: list[Target]) -> None:
    """Ask the person at the terminal. Raises Failure VT105 where there is none."""
    texts, sound = sum(bool(target.contents) for target in targets), sum(target.folder is not None for target in targets)
    question = f"Erase the texts of {texts} session(s) and the sound of {sound}, for good?"
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        raise Failure("VT105", "nothing is erased", "answer y, or add --yes") from None


def _erased(data: Path, wanted: Request) -> Done:
    """Ask for it, then see to it that it is done. Raises Failure VT102."""
    try:
        requests = Requests(data)
        before = None if wanted.before is None else datetime.fromisoformat(wanted.before)
        request = requests.ask(wanted.by, sessions=wanted.sessions, key=wanted.key, before=before)
        return _carried_out(data, requests, request)
    except (OSError, StoreError) as error:
        raise Failure("VT102", str(error), f"check {data}; what is not done is done by the next proxy that uses it") from None


def _carried_out(data: Path, requests: Requests, request: Request) -> Done:
    """By the proxy where one runs, else here. Raises StoreError."""
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        if (done := requests.outcome(request)) is not None:
            return done
        try:
            log = Log.open(data)
        except LogLocked:
            if time.monotonic() >= until:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return _here(log, data, requests, request)


def _here(log: Log, data: Path, requests: Requests, request: Request) -> Done:
    try:
        log.recover(utc_now(), partial(complete, log))
        done = asyncio.run(fulfil(log, data, request, lambda folder: None))
        requests.done(request, done)
        return done
    finally:
        log.close()


def _moment(text: str) -> datetime:
    """A day or a time, UTC where it does not say. Raises Failure VT105."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Failure("VT105", f"{text!r} is no day or time", "write it as 2026-11-21 or 2026-11-21T09:30:00Z") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
