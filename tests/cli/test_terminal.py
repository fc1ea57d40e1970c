"""Colours and progress are for terminals; a pipe gets letters. The help and its page in the docs are one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from commandline import ROOT
from commandline import Cli
from commandline import clean_environment

from cli.errors import KINDS
from cli.reference import render


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command prints on a pseudo-terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], env=clean_environment(COLUMNS="120", **environment), stdout=slave, stderr=slave, cwd=ROOT
    ) as child:
        os.close(slave)
        shown = b""
        while chunk := _read(master):
            shown += chunk
    os.close(master)
    assert child.returncode is not None
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / "broken.yaml"
    path.write_text("version: 2\n")
    return str(path)


def test_a_terminal_has_colours(broken: str) -> None:
    assert "\x1b[1;31mVT011" in on_a_terminal("check", broken)


def test_no_color_is_respected(broken: str) -> None:
    shown = on_a_terminal("check", broken, NO_COLOR="1")
    assert "VT011" in shown
    assert "\x1b[1;31m" not in shown
    assert "\x1b[3" not in shown


def test_a_pipe_has_none(cli: Cli, broken: str) -> None:
    for arguments in (("check", broken), ("--help",), ("keys", "list"), ("explain", "--model", "m"), ("doctor",), ("show", "x")):
        found = cli(*arguments)
        assert "\x1b" not in found.out + found.err, arguments


def test_progress_is_for_terminals(cli: Cli) -> None:
    assert cli("smoke", "sim/gpt-realtime").err == "billable: the provider may charge for this session; nothing is written to the log\n"
    assert "talking to sim" in on_a_terminal("smoke", "sim/gpt-realtime")


def test_an_unknown_command_names_the_nearest(cli: Cli) -> None:
    found = cli("sesions")
    assert found.code == 2
    assert "sessions" in found.err


def test_help_lists_every_command(cli: Cli) -> None:
    shown = cli("--help").out
    commands = ("start", "demo", "test", "check", "explain", "smoke", "doctor", "keys", "sessions", "show", "tail", "run", "simulator")
    assert [name for name in commands if f"\n  {name} " not in shown] == []


def test_the_page_in_the_docs_is_the_help() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == render()


def test_every_error_code_is_on_that_page() -> None:
    page = render()
    assert all(f"| {code} | {kind.exit_code} |" in page for code, kind in KINDS.items())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    found = cli("completion", shell)
    assert found.code == 0
    assert f"complete_{shell}" in found.out
    assert str(ROOT / "run.sh") in found.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run.sh ke", ["keys"]),
        ("run.sh explain --route ", ["eu", "rest"]),
        ("run.sh explain --route r", ["rest"]),
        ("run.sh keys revoke ", ["kiosk"]),
        ("run.sh smoke s", ["sim/sim-voice"]),
        ("run.sh findings k", ["key=", "kind="]),
        ("run.sh findings kind=c", ["kind=change"]),
        ("run.sh findings kind = c", ["change"]),
        ("run.sh findings kind=change severity =", ["info", "low", "medium", "high", "critical"]),
        ("run.sh findings kind = policy m", ["model=", "mode="]),
        ("run.sh findings nothing=", []),
    ],
)
def test_completion_of_words(cli: Cli, words: str, expected: list[str]) -> None:
    cli("keys", "new", "kiosk")
    found = cli(_VOICETAP_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1))
    assert found.out.split() == expected


def test_a_completion_script_that_bash_takes(cli: Cli, tmp_path: Path, rules: Path) -> None:
    script = tmp_path / "completion.sh"
    script.write_text(cli("completion", "bash").out)
    ask = f'source {script}; COMP_WORDS=(run.sh explain --route e); COMP_CWORD=3; _voicetap run.sh; echo "${{COMPREPLY[@]}}"'
    environment = clean_environment(VOICETAP_RULES=str(rules))
    assert subprocess.run(["bash", "-c", ask], env=environment, capture_output=True, text=True, check=True).stdout == "eu\n"
