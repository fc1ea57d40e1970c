"""Work beside the present thread, where a machine that has no thread left only makes it slower."""

from __future__ import annotations

import threading
from collections.abc import Callable


def beside[T](work: Callable[[T], object], part: T) -> threading.Thread | None:
    """The thread that does a part of the work; None where it could not be started, and the part is done already."""
    thread = threading.Thread(target=work, args=(part,), daemon=True)
    try:
        thread.start()
    except RuntimeError:
        work(part)
        return None
    return thread
