"""A process that reads the log for pages: answers one question after the other, and ends with its input."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import Final

from store.errors import StoreError
from store.reader import LogReader

HEAD: Final = 8
"""Bytes that say how long a question, or an answer, is."""
_NICE: Final = 5


def serve(data: Path, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer questions until there are none any more."""
    log = LogReader(data)
    while len(head := questions.read(HEAD)) == HEAD:
        answer = pickle.dumps(_answered(log, questions.read(int.from_bytes(head, "big"))))
        answers.write(len(answer).to_bytes(HEAD, "big"))
        answers.write(answer)
        answers.flush()
        with suppress(StoreError):  # who asks next is told
            log.catch_up()


def _answered(log: LogReader, question: bytes) -> tuple[bool, Any]:
    function, given, named = pickle.loads(question)  # noqa: S301 - from the process that started this one
    try:
        return True, function(log, *given, **named)
    except (StoreError, OSError) as error:
        return False, str(error)


if __name__ == "__main__":
    os.nice(_NICE)
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
