"""Every direct dependency is accounted for, and the locks are complete, hashed and name no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-test.txt")


def direct() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = project["dependencies"]
    return {"requirements.txt": run, "requirements-test.txt": run + project["optional-dependencies"]["test"]}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found.group().lower()


def test_each_direct_dependency_has_a_reason_and_a_licence() -> None:
    rows = re.findall(r"^\| (\S+) \| (.+) \| (.+) \|$", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    documented = {name.lower() for name, _, _ in rows} - {"package", "---"}
    assert documented == {name_of(requirement) for requirement in direct()["requirements-test.txt"]}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_every_direct_dependency(lock: str) -> None:
    locked = {name_of(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line}
    assert {name_of(requirement) for requirement in direct()[lock]} <= locked


@pytest.mark.parametrize("lock", LOCKS)
def test_each_locked_package_is_hashed_and_no_host_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9.-]+==\S+( ; .+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n|$))+", entry), entry.split("\n", 1)[0]


def test_what_runs_is_tested_in_the_same_version() -> None:
    run, test = ({line for line in (ROOT / lock).read_text().splitlines() if "==" in line} for lock in LOCKS)
    assert run <= test


def test_the_node_lock_names_no_registry() -> None:
    text = (ROOT / "tests/node/package-lock.json").read_text()
    assert '"integrity"' in text
    assert "resolved" not in text
    assert "://" not in text
