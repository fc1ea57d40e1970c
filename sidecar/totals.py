"""What a worker has done since it started, added up over its calls, live ones included where it is asked for."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Final

from sidecar.bridge import Cause

_SIDES: Final = ("client", "upstream")


class Totals:
    """Counters that only grow."""

    def __init__(self) -> None:
        self.offered = 0
        self.ended = 0
        self._started = time.monotonic()
        self._ends: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()
        self._steps: dict[str, list[float]] = {}
        self._collections = 0
        self._collecting = 0.0

    def closed(self, cause: Cause | None, media: dict[str, Any] | None, events: dict[str, Any]) -> None:
        """A call is over."""
        self.ended += 1
        if cause is not None:
            self._ends[f"{cause.by}_{'graceful' if cause.graceful else 'lost'}"] += 1
        self._sums.update(_flat(media, events))
        for leg, times in (media or {}).get("setup", {}).items():
            for step, took in times.items():
                if took is not None:
                    seen = self._steps.setdefault(f"{leg}_{step.removesuffix('_ms')}", [0.0, 0])
                    seen[0] += took / 1000
                    seen[1] += 1

    def collected(self, seconds: float) -> None:
        """The garbage collector ran."""
        self._collections += 1
        self._collecting += seconds

    def record(self, live: Iterable[tuple[dict[str, Any] | None, dict[str, Any]]]) -> dict[str, Any]:
        """Everything, with the (media, events) of the live calls added."""
        sums = Counter(self._sums)
        for media, events in live:
            sums.update(_flat(media, events))
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls_offered": self.offered,
            "calls_ended": dict(self._ends),
            "rtp": {side: {kind: sums[f"{side}_{kind}"] for kind in ("packets", "bytes")} for side in _SIDES},
            "dropped": _part(sums, "dropped_"),
            "events": {side: {kind: sums[f"{side}_events_{kind}"] for kind in ("messages", "bytes", "dropped")} for side in _SIDES},
            "refused_channels": sums["refused_channels"],
            "setup_seconds": {step: {"sum": round(sum_, 4), "count": count} for step, (sum_, count) in self._steps.items()},
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "rss_bytes": resident_bytes(),
            "gc": {"collections": self._collections, "seconds": round(self._collecting, 4)},
        }


def resident_bytes() -> int:
    """Memory of this process that is in RAM; the most there ever was, where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def _flat(media: Mapping[str, Any] | None, events: Mapping[str, Any]) -> Counter[str]:
    """The sums of one call by name."""
    made: Counter[str] = Counter({"refused_channels": events["refused_channels"]})
    for side in _SIDES:
        for kind in ("messages", "bytes", "dropped"):
            made[f"{side}_events_{kind}"] = events[side]["to_proxy"][kind]
        if media is not None:
            made[f"{side}_packets"] = media[side]["packets"]
            made[f"{side}_bytes"] = media[side]["bytes"]
            made.update({f"dropped_{why}": count for why, count in media[side]["dropped"].items()})
    return made


def _part(sums: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sums.items() if name.startswith(prefix)}
