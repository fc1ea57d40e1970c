"""A process that may not let files grow beyond a limit: writes a log until it cannot, then may again. Prints what it saw.

Arguments: data folder.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from store.clock import stamp
from store.clock import utc_now
from store.errors import LogUnavailable
from store.log import Log

LIMIT = 50_000


def main(data: Path) -> None:
    log = Log.open(data, retry=0.01)
    log.recover(utc_now())
    log.session_opened({"id": "s", "started_at": stamp(utc_now()), "ended_at": None})
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    acknowledged = 0
    seen: dict[str, object] = {}
    for index in range(1, 101):
        try:
            log.turn_written({"session": "s", "index": index, "output": f"{index:04d}" * 250})
            log.commit()
            acknowledged = index
        except LogUnavailable as error:
            seen.setdefault("error", str(error))
            seen.setdefault("kept", error.kept)
    failure = log.failure
    seen |= {"acknowledged": acknowledged, "failure": failure and failure.text, "waiting": log.counters.waiting_lines}
    seen["readable"] = len(log.turns("s"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    while log.failure is not None:
        pass
    log.commit()
    seen |= {"after": log.counters.waiting_lines, "lost": log.close(), "dropped": log.counters.dropped}
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
