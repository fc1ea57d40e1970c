"""Which file a record belongs to: one per UTC day of the session's start."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path
from typing import Final

FOLDER: Final = "log"
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


def days_in(folder: Path) -> list[str]:
    """The days that have a file, oldest first; none where there is no folder. Raises OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(found[1] for name in names if (found := _NAME.fullmatch(name)))
