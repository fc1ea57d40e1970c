"""The answers a client asked for and has not got: which one started, which one the provider refused."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from realtime.inputs import Input
from realtime.signals import ProviderError

MAX_REQUESTS: Final = 64


@dataclass(slots=True, eq=False)
class Request:
    """One request for an answer, made while another one was open (`beside`) or not."""

    event_id: str | None
    model: str | None
    at: float
    out_of_band: bool
    beside: bool
    error: ProviderError | None = None
    """An error that came after it and named no event: the refusal of this request, unless an answer starts after all."""
    inputs: list[Input] = field(default_factory=list)


class Requests:
    """Requests in the order in which they were made; `dropped` counts those lost to the bound."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Request] = deque()

    def add(self, request: Request) -> None:
        """Note a request that the client sent."""
        self._waiting.append(request)
        if len(self._waiting) > MAX_REQUESTS:
            self._waiting.popleft()
            self.dropped += 1

    def started(self, *, out_of_band: bool) -> Request | None:
        """The request that an answer which just started belongs to; None when the provider answered by itself."""
        return self._take(next((r for r in self._waiting if r.out_of_band == out_of_band), None))

    def refused(self, error: ProviderError, *, busy: bool) -> Request | None:
        """Take the request that an error is surely about: the one of its event id; without an id, while an answer is open,
        the one made beside that answer, which is the duplicate that the provider refuses.
        """
        if error.event_id is not None:
            return self._take(next((r for r in self._waiting if r.event_id == error.event_id), None))
        return self._take(next((r for r in self._waiting if r.beside), None)) if busy else None

    def doubt(self, error: ProviderError) -> Request | None:
        """An error without an event id may have refused the oldest request: it is kept with it until an answer starts or not."""
        oldest = next((r for r in self._waiting if r.error is None), None)
        if oldest is not None:
            oldest.error = error
        return oldest

    def doubtful(self) -> list[Request]:
        """Take the requests after which only an error came: nothing else will."""
        found = [request for request in self._waiting if request.error is not None]
        for request in found:
            self._waiting.remove(request)
        return found

    def unanswered(self) -> list[Request]:
        """Take all that wait, but for duplicates, which are the provider's to refuse."""
        found = [request for request in self._waiting if not request.beside or request.error is not None]
        self._waiting.clear()
        return found

    def _take(self, request: Request | None) -> Request | None:
        if request is not None:
            self._waiting.remove(request)
        return request
