"""A process that writes a log until it is killed: prints the number of each turn once it is acknowledged.

Arguments: data folder, name of the session.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from store.clock import stamp
from store.clock import utc_now
from store.log import Log


def main(data: Path, session: str) -> None:
    log = Log.open(data)
    log.recover(utc_now())
    log.session_opened({"id": session, "started_at": stamp(utc_now()), "ended_at": None, "turns": 0, "usage": {}, "cost": None})
    index = 0
    while True:
        for _ in range(1 + index % 7):
            index += 1
            log.turn_written(
                {
                    "session": session,
                    "index": index,
                    "status": "completed",
                    "usage": {"total_tokens": 2},
                    "output": "y" * (index * 37 % 4000),
                }
            )
        log.session_changed(session, {"turns": index})
        log.commit()
        os.write(1, b"%d\n" % index)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
