"""The sweep: what `log.retention` keeps no longer goes, and the log says so. It may be interrupted anywhere; the next one does the rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Final

from store.erasing import Act
from store.erasing import Done
from store.erasing import Release
from store.erasing import carry_out
from store.errors import LogUnavailable
from store.errors import explained
from store.log import Log
from store.targets import Retention
from store.targets import expired
from store.targets import expired_days

BY: Final = "retention"


async def sweep(
    log: Log, data: Path, keep: Retention, now: datetime, *, busy: Collection[str], release: Release, every: bool
) -> Done | None:
    """Remove what is too old; None where nothing is. `every` at the first sweep of a process. Raises LogUnavailable.

    `busy` are folders in which sound is made, `release` as in `store.erasing`.
    """

    def act() -> Act:
        targets = expired(log.reader, data, keep, now, busy, every=every)
        days = expired_days(log.reader, keep, now)
        return Act(f"era_{os.urandom(10).hex()}", BY, "log.retention", [target for target in targets if target.day not in days], days)

    try:
        found = await asyncio.to_thread(act)
    except OSError as error:
        raise LogUnavailable(explained(error, data)) from error
    return await carry_out(log, data, found, release) if found.targets or found.days else None
