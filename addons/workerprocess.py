"""One media worker as a process: started with a new token, asked to end or killed by its id, never left behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How workers are to run; read again at each start of one."""

    workers: int
    gateway: str
    """HOST:PORT where a worker opens the events WebSocket; reached as plain ws."""
    data: Path
    """The data folder; the workers' sockets lie in a private folder in it."""
    bind: str | None = None
    ports: tuple[int, int] | None = None
    public: str | None = None
    stun: str | None = None
    turn: dict[str, str] | None = None
    """`url`, `username`, `credential`: the secret itself."""
    calls: int = 100
    setup_seconds: float = 15.0
    silence_seconds: float = 6.0
    grace_seconds: float = 20.0
