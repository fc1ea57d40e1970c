"""The addresses, ports and servers that legs use, as the rules name them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any
from typing import Final

from aioice.ice import get_host_addresses
from aiortc.rtcicetransport import parse_stun_turn_uri

from sidecar.addresses import LOOPBACK
from sidecar.addresses import Scope

EVERYWHERE: Final = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Turn:
    """A TURN server and what it is asked with."""

    host: str
    port: int
    username: str
    credential: str
    transport: str
    """`udp` or `tcp`."""
    tls: bool


@dataclass(frozen=True, slots=True)
class Network:
    """Where legs may bind and what they tell the other end."""

    bind: str | None = None
    """An address of this machine; None = all of them."""
    ports: tuple[int, int] | None = None
    """First and last UDP port; None = any."""
    public: str | None = None
    """What stands in our candidates instead of our own address, behind a 1:1 NAT."""
    stun: tuple[str, int] | None = None
    turn: Turn | None = None

    @classmethod
    def read(cls, settings: dict[str, Any]) -> Network:
        """From the start line of a worker: bind, ports, public, stun (a URI), turn (url, username, credential). Raises ValueError."""
        stun = parse_stun_turn_uri(settings["stun"]) if settings.get("stun") else None
        ports = settings.get("ports")
        return cls(
            bind=settings.get("bind"),
            ports=(ports[0], ports[1]) if ports else None,
            public=settings.get("public"),
            stun=(stun["host"], stun["port"]) if stun else None,
            turn=_turn(settings["turn"]) if settings.get("turn") else None,
        )

    def addresses(self, scope: Scope) -> list[str]:
        """What a leg of this scope binds to: the address named, else loopback where the scope is local, and those of the interfaces.

        A loopback address that is named counts for legs of scope local alone, since nothing else can be reached from it.
        """
        if self.bind and self.bind not in EVERYWHERE and (scope == "local" or not ipaddress.ip_address(self.bind).is_loopback):
            return [self.bind]
        found = get_host_addresses(use_ipv4=True, use_ipv6=True)
        return [LOOPBACK, *found] if scope == "local" or not found else found


def _turn(settings: dict[str, str]) -> Turn:
    uri = parse_stun_turn_uri(settings["url"])
    return Turn(uri["host"], uri["port"], settings["username"], settings["credential"], uri["transport"], uri["scheme"] == "turns")
