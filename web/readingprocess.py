"""A process that reads the log for pages: answers one question after the other, and ends with its input.

A question and an answer are pickles, each after its length; behind that of an answer stands how many parts of a `Body` there are, and the
parts in the same way.
"""

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
"""Bytes that say how long something is, or how many there are."""
_NICE: Final = 5


def serve(data: Path, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer questions until there are none any more."""
    log = LogReader(data)
    while len(head := questions.read(HEAD)) == HEAD:
        parts: list[pickle.PickleBuffer] = []
        answer = pickle.dumps(_answered(log, questions.read(int.from_bytes(head, "big"))), protocol=5, buffer_callback=parts.append)
        _write(answers, answer)
        answers.write(len(parts).to_bytes(HEAD, "big"))
        for part in parts:
            _write(answers, part.raw())
        answers.flush()
        with suppress(StoreError):  # who asks next is told
            log.catch_up()


def _write(answers: BinaryIO, data: bytes | memoryview) -> None:
    answers.write(len(data).to_bytes(HEAD, "big"))
    answers.write(data)


def _answered(log: LogReader, question: bytes) -> tuple[bool, Any]:
    function, given, named = pickle.loads(question)  # noqa: S301 - from the process that started this one
    try:
        return True, function(log, *given, **named)
    except (StoreError, OSError) as error:
        return False, str(error)


if __name__ == "__main__":
    os.nice(_NICE)
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
