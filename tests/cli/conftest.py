"""Fixtures of the tests of the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commandline import COMMAND
from commandline import RULES
from commandline import Cli
from commandline import Ran
from commandline import clean_environment
from commandline import spawned


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
        done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, env=known, capture_output=True, text=True, timeout=timeout, check=False)
        return Ran(done)

    return run


@contextmanager
def _simulator(*arguments: str) -> Iterator[str]:
    """HOST:PORT of a simulator in a process of its own."""
    with spawned([sys.executable, "-m", "simulator", "--pace", "0", *arguments]) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split()[-1]


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    with _simulator() as address:
        yield address


@pytest.fixture(scope="session")
def picky_simulator() -> Iterator[str]:
    """One that knows a key which nobody here has."""
    with _simulator("--require-key", "another-key") as address:
        yield address
