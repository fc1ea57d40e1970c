"""Fixtures of the tests with real clients: one stage for all of them, and the log as it grows in each."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from proxying import ROOT
from stage import Log
from stage import Stage
from stage import built

NODE = ROOT / "tests" / "node"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with built(tmp_path_factory.mktemp("clients")) as made:
        yield made


@pytest.fixture
def log(stage: Stage) -> Log:
    return Log(stage, len(stage.recorded()))


@pytest.fixture(scope="session")
def node_packages() -> None:
    """The packages of `tests/node` as its lock file has them; installed where `./run.sh test` has not done it yet."""
    lock, installed = NODE / "package-lock.json", NODE / "node_modules" / ".installed"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.fail("the tests with Node clients need node (20 or later) and npm; install them and start again")
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE, check=True, timeout=300)
        installed.write_bytes(lock.read_bytes())
