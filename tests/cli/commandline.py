"""Real runs of the command line for its tests, never coloured by the environment of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.proxyprocess import READY

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = ("OPENAI_", "VOICETAP_", "AZURE_", "XAI_", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")

RULES = """\
version: 1
listen: {gateway: 127.0.0.1:0, control: 127.0.0.1:0}
providers:
  sim: {kind: simulator, models: [sim-voice]}
  openai: {kind: openai, credential: env:OPENAI_API_KEY}
routes:
  - {name: eu, match: {door: gateway, model: sim-*, header: {x-region: eu}}, provider: sim}
  - {name: rest, match: {door: gateway}, provider: openai}
"""

COMMAND = (sys.executable, "-m", "cli")


class Ran:
    """A command that ended: exit code, output, and its JSON where it has one."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Ran]


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | more


@contextmanager
def spawned(command: Sequence[str], folder: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """A process with its output in pipes; killed at the end where it still runs."""
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def started(rules: Path, data: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A proxy that was told to start."""
    with spawned([*COMMAND, "start", "--rules", str(rules), "--data", str(data), *options], rules.parent) as child:
        yield child


def ready(child: subprocess.Popen[str]) -> tuple[str, str, str]:
    """Gateway, control and token of the first line on standard output."""
    assert child.stdout is not None
    match = READY.fullmatch(child.stdout.readline().rstrip("\n"))
    assert match, child.stderr and child.stderr.read()
    return match[1], match[2], match[3]
