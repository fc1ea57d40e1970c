"""Who runs a command, as the log will say."""

from __future__ import annotations

import getpass


def user() -> str:
    """The name of the user of this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name, and no account either
        return "unknown"
