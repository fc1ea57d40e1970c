"""The file by which commands find the running proxy."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from cli.runfile import CONTROL
from cli.runfile import NAME
from cli.runfile import Running
from cli.runfile import find_running
from cli.runfile import read_token
from cli.runfile import remove_running
from cli.runfile import write_running

HERE = Running(os.getpid(), "127.0.0.1:1", None, "127.0.0.1:2")


def gone() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_running_proxy_is_found(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    write_running(tmp_path, HERE, "t0ken")
    assert find_running(tmp_path) == HERE


def test_only_the_owner_reads_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_running(tmp_path, HERE, "t0ken")
    finally:
        os.umask(before)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {NAME: 0o600, CONTROL: 0o600}
    assert "t0ken" not in (tmp_path / NAME).read_text()


def test_a_killed_proxy_is_not_found(tmp_path: Path) -> None:
    write_running(tmp_path, replace(HERE, pid=gone()), "t0ken")
    assert find_running(tmp_path) is None


def test_a_broken_file_is_not_found(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"pid": 1')
    assert find_running(tmp_path) is None


def test_only_the_own_file_is_removed(tmp_path: Path) -> None:
    write_running(tmp_path, HERE, "t0ken")
    remove_running(tmp_path, HERE.pid + 1)
    assert (find_running(tmp_path), read_token(tmp_path)) == (HERE, "t0ken")
    remove_running(tmp_path, HERE.pid)
    assert (list(tmp_path.iterdir()), read_token(tmp_path)) == ([], None)
