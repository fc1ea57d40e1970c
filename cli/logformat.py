"""The operator's log on standard error: what came over the wire cannot start a line of its own, nor reach the terminal's controls."""

from __future__ import annotations

import logging
from typing import Final

from cli.plain import plain

_FURTHER: Final = "\n    "


class LogFormat(logging.Formatter):
    """Time, level, message. Further lines of a record (diagnostics, tracebacks) are indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return _FURTHER.join(plain(line) for line in super().format(record).split("\n"))
