"""The moments of one turn on the proxy's monotonic clock, and the latencies that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Since = Literal["speech_stopped", "commit", "append", "request", "item"]


@dataclass(slots=True)
class Clocks:
    """Moments in seconds, None where they did not happen.

    `ended_speaking` is when the user's side was complete; `since` says what told so. For spoken input the first of: the
    provider heard the speech stop, the commit, the last appended audio; else the client's request, else its last item.
    """

    began_speaking: float | None = None
    ended_speaking: float | None = None
    since: Since | None = None
    requested: float | None = None
    started: float | None = None
    first_output: float | None = None
    first_audio: float | None = None
    last_audio: float | None = None
    barged_in: float | None = None
    finished: float | None = None

    def record(self) -> dict[str, float | str]:
        """Latencies in milliseconds, one decimal; those that did not happen are left out.

        `first_audio` is the latency a user perceives. `barge_in_to_last_audio` is how long audio kept coming after the user
        had spoken up, 0 when none did.
        """
        spans = {
            "first_output": _span(self.ended_speaking, self.first_output),
            "first_audio": self.perceived,
            "request_to_first_audio": _span(self.requested, self.first_audio),
            "response": _span(self.started, self.finished),
            "barge_in_to_last_audio": _span(self.barged_in, self._audio_end),
        }
        made: dict[str, float | str] = {name: span for name, span in spans.items() if span is not None}
        return {**made, "since": self.since} if self.since else made

    def moments(self, opened: float) -> dict[str, float]:
        """When it all happened, in milliseconds since `opened`, below 0 for what was before; what did not happen is left out."""
        known = {
            "user_began": self.began_speaking,
            "user_ended": self.ended_speaking,
            "first_output": self.first_output,
            "first_audio": self.first_audio,
            "last_audio": self.last_audio,
            "barged_in": self.barged_in,
        }
        return {name: round((at - opened) * 1000, 1) for name, at in known.items() if at is not None}

    @property
    def perceived(self) -> float | None:
        """Milliseconds from when the user had finished to the first audio."""
        return _span(self.ended_speaking, self.first_audio)

    @property
    def _audio_end(self) -> float | None:
        if self.barged_in is None or self.last_audio is None:
            return self.barged_in
        return max(self.barged_in, self.last_audio)


def _span(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else milliseconds(end - begin)


def milliseconds(seconds: float) -> float:
    """A span for a record, never negative."""
    return max(0.0, round(seconds * 1000, 1))
