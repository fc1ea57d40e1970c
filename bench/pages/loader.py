"""`python -m bench.pages.loader PORT TOKEN PATH…`: loads pages one after the other until its input ends, then says how many."""

from __future__ import annotations

import os
import sys
import threading
from http.client import HTTPConnection
from itertools import cycle


def _load(port: int, token: str, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status}")
    while answer.read(1 << 20):
        pass
    connection.close()


def _wait(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


def main() -> None:
    os.nice(10)
    port, token, paths = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    over = threading.Event()
    threading.Thread(target=_wait, args=(over,), daemon=True).start()
    loaded = 0
    for path in cycle(paths):
        if over.is_set():
            break
        _load(port, token, path)
        loaded += 1
    sys.stdout.write(f"{loaded}\n")


if __name__ == "__main__":
    main()
