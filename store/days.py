"""Which file a record belongs to: one per UTC day of the session's start."""

from __future__ import annotations

import os
import re
from datetime import UTC
from datetime import date
from datetime import datetime
from pathlib import Path
from typing import Final

FOLDER: Final = "log"
_SESSION: Final = re.compile("ses_([01][0-9a-f]{10})")
_NAME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl")


def folder_of(data: Path) -> Path:
    """Where a data folder keeps its log."""
    return data / FOLDER


def file_of(folder: Path, day: str) -> Path:
    """The file of a day, `YYYY-MM-DD`."""
    return folder / f"{day}.jsonl"


def day_of(moment: str) -> str:
    """The day of a moment as the log writes it. Raises ValueError for anything else."""
    return date.fromisoformat(moment[:10]).isoformat()


def day_in(session: str) -> str | None:
    """The day that the id of a session speaks of, as the proxy makes ids; most often that of its start."""
    found = _SESSION.match(session)
    return None if found is None else datetime.fromtimestamp(int(found[1], 16) / 1_000, UTC).date().isoformat()


def days_in(folder: Path) -> list[str]:
    """The days that have a file, oldest first; none where there is no folder. Raises OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(found[1] for name in names if (found := _NAME.fullmatch(name)))
