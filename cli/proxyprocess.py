"""A proxy as a process of its own, for the commands that need one for a while: started, waited for, ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.errors import Failure
from cli.options import ROOT

READY: Final = re.compile(r"voicetap ready gateway=(\S+) control=(\S+) token=(\S+)")
_END_SECONDS: Final = 35.0


@dataclass(frozen=True, slots=True)
class Served:
    """What the ready line said."""

    gateway: str
    control: str
    token: str


@contextmanager
def proxy_process(
    rules: Path, data: Path, options: Sequence[str] = (), *, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A proxy that serves while the block runs. Raises Failure VT101 with what it said when it does not start."""
    command = [sys.executable, "-m", "cli", "start", "--quiet", "--rules", str(rules.resolve()), "--data", str(data.resolve()), *options]
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        yield _ready(child)
    finally:
        end(child)


def end(child: subprocess.Popen[str]) -> None:
    """Ask a process to end, and wait; one that does not is killed."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def signalled(returncode: int) -> int:
    """The exit code a shell would report: 128 + n for a child that signal n ended."""
    return 128 - returncode if returncode < 0 else returncode


def _ready(child: subprocess.Popen[str]) -> Served:
    assert child.stdout is not None
    for line in child.stdout:
        if match := READY.match(line):
            return Served(*match.groups())
    raise Failure(
        "VT101", f"the proxy ended with code {signalled(child.wait())} before it served", f"see above, or run {ROOT / 'run.sh'} doctor"
    )
