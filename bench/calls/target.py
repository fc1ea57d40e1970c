"""Where callers place their calls, and the processes that carry them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from bench.process import Meter
from bench.settings import KEY

PATH: Final = "/v1/realtime/calls?model=bench"


def nobody() -> int | None:
    """The media process of a relay that has none of its own."""
    return None


@dataclass(frozen=True, slots=True)
class Control:
    """The control door, and how the key of the callers is revoked."""

    port: int
    token: str
    revoke: Callable[[], None]


@dataclass(frozen=True, slots=True)
class CallTarget:
    """`pid` is None where nothing lies between caller and provider."""

    port: int
    pid: int | None = None
    path: str = PATH
    headers: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})
    recodes: bool = False
    """Whether audio is decoded and encoded again on its way."""
    media: Callable[[], int | None] = nobody
    """The process that carries media, where it is one of several."""
    control: Control | None = None

    def meters(self) -> dict[str, Meter]:
        """`whole`: everything between caller and provider; `media`: its media process alone."""
        found = {"whole": self.pid, "media": self.media()}
        return {name: Meter(pid) for name, pid in found.items() if pid}
