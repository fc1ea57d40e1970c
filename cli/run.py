"""`run -- COMMAND`: an unmodified program behind the intercept door, without touching the system's trust store."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated
from typing import Final

import certifi
import typer

from cli.doctor_machine import CA_NAME
from cli.environment import child_environment
from cli.errors import Failure
from cli.keystore import stored_ids
from cli.options import DATA
from cli.options import RULES
from cli.options import DataFolder
from cli.options import RulesFile
from cli.output import err
from cli.output import progress
from cli.proxyprocess import proxy_process
from cli.proxyprocess import signalled
from cli.rulesfile import valid_rules
from cli.runfile import find_running
from rules.match import decrypts
from rules.model import Rules

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_FORWARDED: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
_NOT_FOUND: Final = 127
_NOT_EXECUTABLE: Final = 126


def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments, best after `--`.")],
    rules: RulesFile = RULES,
    data: DataFolder = DATA,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this credential variable in place; may be repeated.")
    ] = None,
) -> None:
    """Run a program behind the proxy: it trusts the local CA and holds no credential that the proxy injects.

    Uses the proxy that serves this data folder, or starts one while the program runs. Exits with the program's code.
    A program that insists on having a key gets any: `run -- env OPENAI_API_KEY=unused COMMAND`.
    """
    known = valid_rules(rules, stored_ids(data))
    with _intercept(known, rules, data) as address:
        environment, scrubbed = child_environment(
            os.environ,
            proxy=address,
            ca=str(_extra(data)),
            bundle=str(_bundle(data)),
            scrub=credentials_to_scrub(known) - set(keep or ()),
            bypass=[host for host in _LOOPBACK if not decrypts(known, host)],
        )
        if scrubbed:
            err().print(f"voicetap: not passed on: {', '.join(scrubbed)}", markup=False, soft_wrap=True)
        code = _run(command, environment)
    raise typer.Exit(code)


def credentials_to_scrub(rules: Rules) -> set[str]:
    """The variables with credentials of the rules, except those of providers that only take the app's own on the intercept door."""
    own = {route.provider for route in rules.routes if route.match.door == "intercept" and route.credential != "inject"}
    injected = {route.provider for route in rules.routes if route.match.door != "gateway" and route.credential == "inject"}
    names = {
        provider.credential.name
        for name, provider in rules.providers.items()
        if provider.credential is not None and provider.credential.source == "env" and name not in own - injected
    }
    store = rules.log.store
    return names | ({store.removeprefix("env:")} if store.startswith("env:") else set())


@contextmanager
def _intercept(known: Rules, rules: Path, data: Path) -> Iterator[str]:
    """The address of a running intercept door; its own proxy lasts as long as the block."""
    found = find_running(data)
    if found is not None and found.intercept is not None:
        yield found.intercept
        return
    if found is not None:
        raise Failure(
            "VT106",
            "the running proxy has no intercept door",
            "add `intercept: 127.0.0.1:8788` under `listen` in the rules and start again",
        )
    if not any(route.match.door != "gateway" and route.match.host and not route.tunnel for route in known.routes):
        err().print("voicetap: no route names a host for the intercept door, so nothing will be decrypted", style="yellow", soft_wrap=True)
    anywhere = "127.0.0.1:0"
    options = ["--gateway", anywhere, "--control", anywhere, "--intercept", str(known.listen.intercept or anywhere)]
    with progress("starting a proxy") as bar, proxy_process(rules, data, options):
        bar.stop()
        started = find_running(data)
        if started is None or started.intercept is None:
            raise Failure("VT106", "the proxy that was started has no intercept door")
        yield started.intercept


def _run(command: list[str], environment: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(command, env=environment)
    except FileNotFoundError:
        err().print(f"voicetap: {command[0]}: command not found", markup=False, soft_wrap=True)
        return _NOT_FOUND
    except OSError as error:
        err().print(f"voicetap: {command[0]}: {error.strerror}", markup=False, soft_wrap=True)
        return _NOT_EXECUTABLE

    def forward(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or not _from_terminal():
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        return signalled(child.wait())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _from_terminal() -> bool:
    """Whether Ctrl-C reaches the child by itself, because both stand in the terminal's foreground group."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _bundle(data: Path) -> Path:
    """The authorities the user trusts already, and ours."""
    known = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile or certifi.where()
    return _joined(data / "ca" / "bundle.pem", [Path(known), data / "ca" / CA_NAME])


def _extra(data: Path) -> Path:
    """Ours, after those the user gave to Node."""
    given = os.environ.get("NODE_EXTRA_CA_CERTS")
    return _joined(data / "ca" / "extra.pem", [*([Path(given)] if given else []), data / "ca" / CA_NAME])


def _joined(target: Path, parts: Collection[Path]) -> Path:
    try:
        text = b"\n".join(part.read_bytes().strip() for part in parts) + b"\n"
        made = target.with_suffix(f".{os.getpid()}")
        made.touch(0o600)
        made.write_bytes(text)
        return made.replace(target)
    except OSError as error:
        raise Failure("VT102", f"{error.filename}: {error.strerror}", f"check the folder {target.parent}") from None
