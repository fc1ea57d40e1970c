"""The packages of `tests/node` as its lock file has them; installed where `./run.sh test` has not done it yet."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from proxying import ROOT

NODE = ROOT / "tests" / "node"


def installed() -> None:
    """Fails the test where they cannot be installed."""
    lock, noted = NODE / "package-lock.json", NODE / "node_modules" / ".installed"
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.fail("the tests with JavaScript clients need node (20 or later) and npm; install them and start again")
    if not noted.exists() or noted.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=NODE, check=True, timeout=300)
        noted.write_bytes(lock.read_bytes())
