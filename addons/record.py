"""Writing to the log from hooks: a log that cannot be written never breaks the traffic; `on_error` decides what it means."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from store.errors import LogUnavailable

logger = logging.getLogger(__name__)


def write(call: Callable[..., Any], *arguments: Any) -> None:
    """Call a method of the log. What cannot be written now waits there, or is said to be lost."""
    try:
        call(*arguments)
    except LogUnavailable as error:
        if not error.kept:
            logger.error("a record is lost: %s", error)
