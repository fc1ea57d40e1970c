"""A process that records messages until it is killed: prints how many are acknowledged after each batch.

Arguments: data folder, name of the session.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from framing_log import Recorded
from framing_log import numbered

from store.clock import stamp
from store.clock import utc_now
from store.log import Log


def main(data: Path, session: str) -> None:
    log = Log.open(data)
    log.recover(utc_now())
    recorded = Recorded(log, {"id": session, "started_at": stamp(utc_now()), "ended_at": None, "turns": 0, "usage": {}, "cost": None})
    log.commit()
    done = 0
    while True:
        count = 1 + done % 13
        recorded.put(numbered(done + 1, count, words="y" * (done * 37 % 9000)))
        recorded.writer.stop()
        done += count
        os.write(1, b"%d\n" % done)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
