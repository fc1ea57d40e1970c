"""The name in a `Host` header, and what kind of name it is."""

from __future__ import annotations

from ipaddress import IPv4Address
from ipaddress import IPv6Address
from ipaddress import ip_address
from typing import Final

LOCAL_NAMES: Final = frozenset({"localhost"})
"""Names that stand for this machine everywhere, and that no name server can give to another."""


def hostname(host: str) -> str:
    """The name or address in `HOST` or `HOST:PORT`, in lower case and without brackets."""
    bare = host.strip().lower()
    return bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0].removesuffix(".")


def is_loopback(name: str) -> bool:
    """Whether it is an address of the loopback interface."""
    address = _address(name)
    return address is not None and address.is_loopback


def names_server(origin: str, host: str) -> bool:
    """Whether an Origin is the server's own address: some WebSocket libraries send that.

    No page can: the gateway serves none, and a page of a name that was rebound to it has that name, not an address.
    """
    name = hostname(host)
    return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}") and (name in LOCAL_NAMES or _address(name) is not None)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
