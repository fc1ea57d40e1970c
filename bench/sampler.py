"""Runs a module while sampling where its CPU time goes: `python -m bench.sampler OUT -m MODULE [ARGUMENT…]`.

Between SIGUSR1 and SIGUSR2 the kernel interrupts the process every few milliseconds of CPU time (ITIMER_PROF) and the Python
stack is counted; at SIGUSR2 the counts are written to OUT. Time in a C function belongs to the Python function
that called it. Needs no privilege and costs well under one per cent.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

EVERY: Final = 0.002
"""Seconds of CPU time between samples; the kernel rounds up to its tick."""

_DEPTH: Final = 60
_counts: Counter[tuple[str, ...]] = Counter()


def _sample(_: int, frame: FrameType | None) -> None:
    stack: list[str] = []
    while frame and len(stack) < _DEPTH:
        stack.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
        frame = frame.f_back
    _counts[tuple(stack)] += 1


def _begin(_: int, __: FrameType | None) -> None:
    _counts.clear()
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)


def _finish(out: Path) -> None:
    """Writes a list of [stack, count], innermost function first, in one rename."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    part = out.with_suffix(".part")
    part.write_text(json.dumps([[stack, count] for stack, count in _counts.items()]))
    os.replace(part, out)


def main() -> None:
    out, _, module, *rest = sys.argv[1:]
    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, _begin)
    signal.signal(signal.SIGUSR2, lambda *_: _finish(Path(out)))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
