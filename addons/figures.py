"""How the proxy is doing, in numbers: what the metrics page shows. Counting costs a session one addition at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import Final
from typing import NamedTuple

from addons.tap import Tap
from addons.telemetry import Telemetry
from realtime.gates.delays import Delays
from realtime.session import Session

Health = Callable[[], list[dict[str, Any]]]


class End(NamedTuple):
    """What ended sessions are counted by; each has few values."""

    provider: str
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The numbers of one moment; those named `…_total` only grow while the proxy runs."""

    active: Mapping[str, int]
    """Open sessions by transport."""
    opening: int
    ended_total: Mapping[End, int]
    held: Delays
    """What holding sound cost since the start."""
    generation: int
    """Of the rules: how often the file was taken over since the start."""
    log_failing: bool
    log_waiting: int
    """Lines that wait to be written."""
    log_errors_total: int
    log_dropped_total: int
    spans: Mapping[str, int]
    """Spans for a collector by what became of them since the start: sent, dropped, failed."""
    spans_waiting: int
    workers: Sequence[Mapping[str, Any]]
    """As `Sidecar.health`."""


REASONS: Final = {1000: "closed", 1001: "going_away", 1005: "closed", 1006: "lost", 1008: "policy", 1009: "too_big", 1011: "error"}
"""Close code -> reason; every other code is `other`."""

TRANSPORTS: Final = ("websocket", "webrtc")


class Figures:
    """Counts sessions as they end; `health` tells of the sidecar's workers."""

    def __init__(self, tap: Tap, health: Health, telemetry: Telemetry) -> None:
        self._tap = tap
        self._health = health
        self._telemetry = telemetry
        self._ended: Counter[End] = Counter()
        self._held = Delays()
        """Of sessions that are over."""
        tap.over.append(self._over)

    def snapshot(self) -> Snapshot:
        """Everything as it stands; to be called on the event loop."""
        tap, log = self._tap, self._tap.log.counters
        active = Counter(session.transport for session, _ in tap.live.values())
        return Snapshot(
            active={transport: active[transport] for transport in TRANSPORTS},
            opening=len(tap.opening),
            ended_total=dict(self._ended),
            held=self._held_so_far(),
            generation=tap.generation.number,
            log_failing=tap.log.failure is not None,
            log_waiting=log.waiting_lines,
            log_errors_total=log.errors,
            log_dropped_total=log.dropped,
            spans=asdict(self._telemetry.counts),
            spans_waiting=self._telemetry.waiting,
            workers=self._health(),
        )

    def _held_so_far(self) -> Delays:
        made = replace(self._held)
        for session, _ in self._tap.live.values():
            made.add(session.held)
        return made

    def _over(self, session: Session) -> None:
        self._held.add(session.held)
        self._ended[end_of(session)] += 1


def end_of(session: Session) -> End:
    """How a session that is over is counted; one that never opened has the reason `refused`."""
    ending = session.ending
    if ending is None:
        return End(session.provider, "proxy", "lost")
    refused = session.error is not None and session.error.code == "handshake_failed"
    return End(session.provider, ending.side, "refused" if refused else REASONS.get(ending.code, "other"))
