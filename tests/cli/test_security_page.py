"""docs/security.md as a reader follows it: its commands in their order, in one shell, against the real program."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from commandline import ROOT
from commandline import clean_environment
from proxying import free_port

from store.reader import LogReader

PAGE = (ROOT / "docs" / "security.md").read_text()
SCHEMAS = ROOT / "tests" / "store" / "schemas"
CARD = "4111 1111 1111 1111"
SECONDS = 300
MARK = "@@ next @@"

ANYTHING = re.compile(
    r"; \d+ lines are newer than the last seal|(?<= )-(?= )|no seals|\d seals by the key \w+"
    r"|ses_\w+|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d|\b[0-9a-f]{16}\b|\d+(?:\.\d+)?| +"
)
"""What is another at every run: ids, times, sizes, counts, whether it took long enough for a seal, and the width of columns."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part of a checkout that the page uses, with ports of its own."""
    made = tmp_path_factory.mktemp("security")
    shutil.copytree(ROOT / "docs" / "examples", made / "docs" / "examples")
    rules = made / "docs" / "examples" / "security.yaml"
    listening = "version: 1\nlisten: {gateway: 127.0.0.1:0, control: 127.0.0.1:0}\n"
    rules.write_text(rules.read_text().replace("version: 1\n", listening).replace(":8790", f":{free_port()}"))
    start = made / "run.sh"
    start.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m cli "$@"\n')
    start.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def printed(folder: Path) -> list[str]:
    """What each block of commands printed."""
    script = f"\necho '{MARK}'\n".join(blocks("sh"))
    command = ["bash", "-c", script]
    with subprocess.Popen(
        command, cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as shell:
        try:
            out, _ = shell.communicate(timeout=SECONDS)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
    return out.split(f"{MARK}\n")


def block(printed: list[str], command: str) -> str:
    """What the block printed in which this command stands."""
    [found] = [out for commands, out in zip(blocks("sh"), printed, strict=True) if command in commands]
    return found


def alike(text: str) -> list[str]:
    return [ANYTHING.sub("#", line).strip("#") for line in text.splitlines()]


def test_every_line_that_the_page_shows_is_printed(printed: list[str]) -> None:
    told = alike("".join(printed))
    lines = [line for text in blocks("text") for line in alike(text) if "…" not in line]
    assert [line for line in lines if line not in told] == []


def test_every_policy_but_two_has_something_to_say(printed: list[str], folder: Path) -> None:
    """The example has no call to an MCP server and no long text."""
    spoke = {line.split()[0] for line in block(printed, "--by policy --by key").splitlines() if " monitor " in line and " support " in line}
    known = set(re.findall(r"^  - id: (\S+)$", (folder / "security.yaml").read_text(), flags=re.MULTILINE))
    assert known - spoke == {"unlisted-servers", "bulk-text"}


def test_the_number_reaches_the_provider_while_it_is_watched_and_never_after(printed: list[str]) -> None:
    watched, enforced = printed[1], block(printed, "--by policy mode=enforce")
    assert f"I have {CARD}" in watched
    assert "reached" not in watched
    assert f"user  Please charge my card {CARD}." in enforced
    assert "reached  Please charge my card [card]." in enforced
    assert f"I have {CARD}" not in enforced


def test_findings_are_ocsf(printed: list[str], folder: Path) -> None:
    records: list[dict[str, Any]] = [json.loads(line) for line in (folder / "findings.jsonl").read_text().splitlines()]
    assert {record["class_uid"] for record in records} == {2004, 2006}
    for record in records:
        schema = json.loads((SCHEMAS / f"ocsf_{record['class_uid']}.json").read_text())
        jsonschema.validate(record, schema, jsonschema.Draft202012Validator)
    assert CARD not in json.dumps(records)


def test_the_changed_copy_is_found_out_and_the_log_is_not(printed: list[str]) -> None:
    assert block(printed, "verify --data copy").rstrip().endswith("exit code 1")
    before, after = block(printed, "erase --session").split("erased the texts of 1 session(s)")
    said = re.findall(r"“(.+?)”", before)
    assert said != []
    assert [words for words in said if words in after] == []
    assert " were erased; " in after
    assert "bad at line" not in after


def test_no_number_is_kept_not_even_of_what_was_only_watched(printed: list[str], folder: Path) -> None:
    """Files are encrypted, so texts are looked at as they are shown, too."""
    data = folder / "security-data"
    reader = LogReader(data)
    texts = json.dumps([reader.turns(session["id"]) for session in reader.sessions(limit=None)], ensure_ascii=False)
    assert "[card]" in texts
    assert CARD not in texts
    assert "five five five five" not in texts
    files = [path for path in data.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path.name for path in files if CARD.encode() in path.read_bytes()] == []
