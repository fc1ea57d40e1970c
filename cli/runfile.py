"""`run.json` in the data folder: where the running proxy listens, for the commands that look for it. It holds no token."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "run.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that serves. Addresses are `HOST:PORT`; None where that door is off."""

    pid: int
    gateway: str
    intercept: str | None
    control: str


def write_running(data: Path, running: Running) -> None:
    """Replaces the file in one step, readable by its owner only."""
    made = data / f".{NAME}.{running.pid}"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(running), file)
    made.replace(data / NAME)


def remove_running(data: Path, pid: int) -> None:
    """Removes the file of this process; a newer proxy's file stays."""
    found = _read(data)
    if found is not None and found.pid == pid:
        (data / NAME).unlink(missing_ok=True)


def find_running(data: Path) -> Running | None:
    """The proxy that serves this data folder, or None when there is none or its process is gone."""
    found = _read(data)
    return found if found is not None and _alive(found.pid) else None


def _read(data: Path) -> Running | None:
    try:
        return Running(**json.loads((data / NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
