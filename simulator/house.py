"""What everybody in a running simulator needs to know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from simulator.calls import Calls
from simulator.door import Dialect
from simulator.door import Guard
from simulator.door import Wish
from simulator.machine import Setup
from simulator.minting import Secrets
from simulator.script import Script

LocationForm = Literal["path", "query"]


@dataclass(frozen=True, slots=True)
class House:
    """`setup` makes the beginning of a session, `addresses` are those that media may be bound to."""

    script: Script
    dialect: Dialect
    guard: Guard
    secrets: Secrets
    calls: Calls
    stopping: asyncio.Event
    setup: Callable[[Wish], Setup]
    addresses: Callable[[], list[str]]
    location: LocationForm
    """How `Location` names a new call: as the end of a path, or as `?call_id=`."""
    keep: bool
    """Whether messages and ended calls are kept, for tests."""
