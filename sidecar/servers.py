"""What legs ask STUN and TURN servers, within a time limit: a server that is down costs a call two seconds and no more."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from collections.abc import Coroutine
from typing import Any
from typing import Final

from aioice import Candidate
from aioice.ice import StunProtocol
from aioice.ice import relayed_candidate

from sidecar.network import Turn

CLOSE_SECONDS: Final = 0.5
"""What a TURN server gets to confirm the end of an allocation in."""

Answer = tuple[Candidate, StunProtocol | None]
"""A candidate from a server, and the allocation behind it if it is a relayed one."""

logger = logging.getLogger(__name__)


async def resolved(server: tuple[str, int]) -> tuple[str, int] | None:
    """The IPv4 address of a server; None where its name has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(*server, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except OSError as error:
        logger.warning("The STUN server %s cannot be resolved: %s", server[0], error)
        return None
    return str(found[0][4][0]), server[1]


async def allocation(turn: Turn, factory: Callable[[], StunProtocol]) -> Answer:
    """A relayed candidate of a TURN server."""
    return await relayed_candidate(
        component=1,
        hide_related_address=True,
        protocol_factory=factory,
        turn_server=(turn.host, turn.port),
        turn_username=turn.username,
        turn_password=turn.credential,
        turn_ssl=turn.tls,
        turn_transport=turn.transport,
    )


async def answers(asked: list[Coroutine[Any, Any, Answer]], seconds: float) -> list[Answer]:
    """What servers answered in time; the others are left out."""
    tasks = [asyncio.create_task(one) for one in asked]
    try:
        done = (await asyncio.wait(tasks, timeout=seconds))[0] if tasks else set()
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        if error := task.exception():
            logger.warning("A STUN or TURN server cannot be used: %s", error)
    return [task.result() for task in done if task.exception() is None]


async def release(relayed: StunProtocol) -> None:
    """Ends an allocation; a server that does not confirm it lets it expire by itself."""
    try:
        await asyncio.wait_for(relayed.close(), CLOSE_SECONDS)
    except TimeoutError:
        relayed.transport._TurnTransport__close_task.cancel()  # type: ignore[attr-defined]
