"""What the tests of the command line share: real runs of `python -m cli`, never coloured by the environment of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cli(tmp_path: Path, rules: Path, data: Path) -> Cli:
    """Runs a command from a foreign folder, with the rules and the data folder of the test unless it names others."""

    def run(*arguments: str, timeout: float = 60, **environment: str) -> Ran:
        known = clean_environment(VOICETAP_RULES=str(rules), VOICETAP_DATA=str(data)) | environment
        command = [sys.executable, "-m", "cli", *arguments]
        return Ran(subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True, timeout=timeout, check=False))

    return run


@contextmanager
def running_simulator(*arguments: str) -> Iterator[str]:
    """HOST:PORT of a simulator in a process of its own."""
    command = [sys.executable, "-m", "simulator", "--pace", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split()[-1]
        child.terminate()


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with running_simulator() as address:
        yield address


@pytest.fixture(scope="session")
def picky_simulator() -> Iterator[str]:
    """One that knows a key which nobody here has."""
    with running_simulator("--require-key", "another-key") as address:
        yield address
