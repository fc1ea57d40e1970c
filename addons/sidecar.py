"""The media sidecar as the proxy sees it: started with the first call, watched, restarted, its calls told when it is gone."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from addons.worker import OfferedCall
from addons.worker import Recording
from addons.worker import Scope
from addons.worker import SidecarError
from addons.workerprocess import WorkerConfig

__all__ = ["OfferedCall", "Recording", "Scope", "Sidecar", "SidecarError", "WorkerConfig"]

OnEvent = Callable[[str, dict[str, Any]], None]
"""Call id and event: `{"call", "event": "state" | "media", …}` as the worker sends it. Runs on the event loop; must not raise."""

OnLost = Callable[[Collection[str], str], None]
"""Ids of the calls that ended with their worker, and why."""


class Sidecar:
    """Workers for the calls of one proxy; every method runs on its event loop."""

    def __init__(self, config: Callable[[], WorkerConfig], on_event: OnEvent, on_lost: OnLost) -> None: ...

    async def offer(self, call: OfferedCall) -> str:
        """The mirrored offer for the provider. Raises SidecarError."""
        raise NotImplementedError

    async def answer(self, call_id: str, sdp: str) -> str:
        """The mirrored answer for the client. Raises SidecarError."""
        raise NotImplementedError

    async def drop(self, call_id: str, reason: str) -> None:
        """End a call; nothing for one that is not known."""

    def events_address(self, call_id: str) -> tuple[str, int]:
        """Host and port of the events server that has this call. Raises KeyError for one that is not known."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End every call and every worker."""

    def health(self) -> list[dict[str, Any]]:
        """One mapping per worker."""
        return []
