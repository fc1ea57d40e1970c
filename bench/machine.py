"""What the figures were measured on, and which core runs what: the proxy on the first core, the load on the second."""

from __future__ import annotations

import os
import platform
import resource
import sys
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("mitmproxy", "wsproto", "websockets", "msgspec", "tinydb", "aiortc", "aioice")


@cache
def cores() -> tuple[set[int], set[int]] | None:
    """The core of the proxy and that of the load, or None where they cannot be kept apart (one core, or not Linux).

    Settled at the first call, before anything is pinned.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    available = sorted(os.sched_getaffinity(0))
    return ({available[0]}, {available[1]}) if len(available) > 1 else None


def pin(pid: int, *, load: bool = False) -> None:
    """Keeps a process, and the threads it will start, on its core; one that has ended already is left alone."""
    if apart := cores():
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).cpu_affinity(list(apart[1 if load else 0]))


def many_files() -> None:
    """Raises the soft limit of open files as far as it goes: a thousand sessions are four thousand sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(name: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(name)
    return None


def facts() -> dict[str, Any]:
    """Shown beside every result."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "pinned": cores() is not None,
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in _PACKAGES},
        "load_average": os.getloadavg(),
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
    }
